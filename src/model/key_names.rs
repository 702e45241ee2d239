//! What the partition keys of files have in common: where all have the same names, and texts as values, a predicate that says which text
//! each of them may have names the whole keys of the files that it keeps, which an index finds.

use serde_json::{Map, Value};

use super::predicate::KeyPredicate;

/// How many whole keys are looked up at the most.
const MAX_KEYS: usize = 8;

/// The names that all of these keys have, and no others, in order. None where the names differ, where a value is no text, and where
/// there is no key.
pub fn names_in_common<'a>(mut keys: impl Iterator<Item = &'a Value>) -> Option<Vec<String>> {
    let names = keys.next()?.as_object().filter(|key| are_texts(key))?;
    let is_alike = |key: &Value| {
        key.as_object()
            .is_some_and(|key| are_texts(key) && key.keys().eq(names.keys()))
    };
    keys.all(is_alike).then(|| names.keys().cloned().collect())
}

fn are_texts(key: &Map<String, Value>) -> bool {
    key.values().all(Value::is_string)
}

/// The keys of which a file has one, or is left out by the predicates, where all files have these names and texts. None where there are
/// many, or any could be one.
pub fn whole_keys(names: &[String], predicates: &[KeyPredicate]) -> Option<Vec<Value>> {
    let mut keys = vec![Map::new()];
    for name in names {
        let mut about = predicates.iter().filter(|predicate| predicate.key == *name);
        let mut texts = about.find_map(KeyPredicate::texts)?;
        texts.sort_unstable();
        texts.dedup();
        if keys.len() * texts.len() > MAX_KEYS {
            return None;
        }
        let with = |key: &Map<String, Value>, text: &str| {
            let mut key = key.clone();
            key.insert(name.clone(), Value::String(text.to_owned()));
            key
        };
        keys = keys
            .iter()
            .flat_map(|key| texts.iter().map(move |text| with(key, text)))
            .collect();
    }
    let is_any = names.is_empty();
    (!is_any).then(|| keys.into_iter().map(Value::Object).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::model::predicate::{Conditions, key_may_match};

    fn among(key: &str, texts: &[&str]) -> KeyPredicate {
        let in_ = Some(texts.iter().map(|&text| json!(text)).collect());
        KeyPredicate::new(
            key,
            Conditions {
                in_,
                ..Conditions::default()
            },
        )
        .unwrap()
    }

    #[test]
    fn names_are_those_that_all_keys_have() {
        let common = |keys: &[Value]| names_in_common(keys.iter());
        let ab = json!({ "b": "x", "a": "y" });
        assert_eq!(
            common(&[ab.clone(), json!({ "a": "", "b": "z" })]),
            Some(vec!["a".to_owned(), "b".to_owned()])
        );
        assert_eq!(common(&[json!({}), json!({})]), Some(Vec::new()));
        for other in [
            json!({ "a": "x" }),
            json!({ "a": "x", "c": "y" }),
            json!({ "a": "x", "b": 1 }),
            json!(null),
        ] {
            assert_eq!(common(&[ab.clone(), other.clone()]), None, "{other}");
            assert_eq!(common(&[other.clone(), ab.clone()]), None, "{other}");
        }
        assert_eq!(common(&[]), None);
    }

    #[test]
    fn keys_are_told_where_each_name_has_few_texts() {
        let names = ["a".to_owned(), "b".to_owned()];
        let both = [among("a", &["x", "y", "x"]), among("b", &["z"])];
        let keys = vec![json!({ "a": "x", "b": "z" }), json!({ "a": "y", "b": "z" })];
        assert_eq!(whole_keys(&names, &both), Some(keys));
        assert_eq!(whole_keys(&names, &both[..1]), None);
        assert_eq!(whole_keys(&[], &both), None);
        let many = [among("a", &["1", "2", "3"]), among("b", &["1", "2", "3"])];
        assert_eq!(whole_keys(&names, &many), None);
    }

    proptest! {
        #[test]
        fn a_file_that_has_none_of_the_keys_is_left_out(
            a in "[xyz2-]{0,2}", b in "[xyz2-]{0,2}",
            of_a in prop::collection::vec("[xyz2-]{0,2}", 1..3), of_b in prop::collection::vec("[xyz2-]{0,2}", 1..3),
        ) {
            let texts = |texts: &[String]| texts.iter().map(|text| json!(text)).collect::<Vec<_>>();
            let predicate = |key: &str, of: &[String]| {
                KeyPredicate::new(key, Conditions { in_: Some(texts(of)), ..Conditions::default() }).unwrap()
            };
            let predicates = [predicate("a", &of_a), predicate("b", &of_b)];
            let key = json!({ "a": a, "b": b });
            let names = names_in_common([&key].into_iter()).unwrap();
            let may_match = predicates.iter().all(|predicate| key_may_match(predicate, &key));
            let keys = whole_keys(&names, &predicates).unwrap();
            prop_assert_eq!(keys.contains(&key), may_match);
        }
    }
}
