//! NUL characters, which no name in the catalog has and PostgreSQL cannot be asked about.
//!
//! A mutation says of each field what is wrong with it; a query that carries one is refused as a whole.

use async_graphql::{Value, Variables};

/// The path to the first text of the variables that has a NUL character.
pub fn find_in_variables(variables: &Variables) -> Option<Vec<String>> {
    variables.iter().find_map(|(name, value)| within(name, value))
}

/// Whether a text of the document has a NUL character; in GraphQL it can only be written as an escape.
pub fn is_in_document(document: &str) -> bool {
    document.contains("\\u0000")
}

fn within(key: &str, value: &Value) -> Option<Vec<String>> {
    let mut path = find(value)?;
    path.insert(0, key.to_owned());
    Some(path)
}

fn find(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => text.contains('\0').then(Vec::new),
        Value::List(values) => values
            .iter()
            .enumerate()
            .find_map(|(n, value)| within(&n.to_string(), value)),
        Value::Object(values) => values.iter().find_map(|(key, value)| within(key, value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_path_to_a_nul_is_found() {
        let variables = |value| Variables::from_json(json!({ "a": 1, "by": value }));
        let found = find_in_variables(&variables(json!({ "keys": ["x", "y\0"] })));
        assert_eq!(found, Some(["by", "keys", "1"].map(str::to_owned).to_vec()));
        assert_eq!(
            find_in_variables(&variables(json!({ "keys": ["x", null, 7] }))),
            None
        );
    }
}
