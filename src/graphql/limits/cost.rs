//! What an operation costs: how many fields its answer has when every page is full.
//!
//! A field counts once, and as often as there are rows in the pages around it. A page has as many rows as `first` or `last` says; it is told by
//! its rows, `nodes` or `edges`. What is looked up by a list of names has as many rows as it names; other lists count like a page that
//! does not say how long it is. Types are not needed for that, so that what does not fit the schema can be counted too. Each fragment is
//! counted once.

use std::collections::HashMap;

use async_graphql::parser::types::{ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet};
use async_graphql::{Name, Value as ConstValue, Variables};
use async_graphql_value::Value;

use super::super::pagination::DEFAULT_LIMIT;

/// Arguments that name what is looked up, one by one.
const NAMED_BY: [&str; 2] = ["ids", "representations"];

/// Lists of objects that have no pages. Those that say what is wrong with a mutation, or what it did, are as long as its input, which
/// was paid for: they count once.
const UNPAGED: [&str; 8] = [
    "buckets",
    "byRule",
    "covered",
    "fields",
    "gaps",
    "holds",
    "overlaps",
    "watermarks",
];

/// What a part of a document costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Cost {
    /// What it costs once.
    fields: u64,
    /// What each row of the page around it costs.
    row: u64,
}

/// What an operation costs. Its document must have no circle of fragments.
pub(super) fn of(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    variables: &Variables,
) -> u64 {
    let mut count = Count {
        document,
        operation,
        variables,
        fragments: HashMap::new(),
    };
    let Cost { fields, row } = count.set(&operation.selection_set.node, false);
    fields.saturating_add(row)
}

struct Count<'a> {
    document: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
    variables: &'a Variables,
    fragments: HashMap<&'a Name, Cost>,
}

impl<'a> Count<'a> {
    /// What is selected costs; of the schema itself, where `is_schema` says so.
    fn set(&mut self, set: &'a SelectionSet, is_schema: bool) -> Cost {
        set.items.iter().fold(Cost::default(), |total, item| {
            let cost = match &item.node {
                Selection::Field(field) => self.field(&field.node, is_schema),
                Selection::InlineFragment(fragment) => self.set(&fragment.node.selection_set.node, is_schema),
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node),
            };
            Cost {
                fields: total.fields.saturating_add(cost.fields),
                row: total.row.saturating_add(cost.row),
            }
        })
    }

    fn fragment(&mut self, name: &'a Name) -> Cost {
        if let Some(cost) = self.fragments.get(name) {
            return *cost;
        }
        let Some(fragment) = self.document.fragments.get(name) else {
            return Cost::default();
        };
        let is_schema = fragment.node.type_condition.node.on.node.starts_with("__");
        let cost = self.set(&fragment.node.selection_set.node, is_schema);
        self.fragments.insert(name, cost);
        cost
    }

    fn field(&mut self, field: &'a Field, is_schema: bool) -> Cost {
        let name = field.name.node.as_str();
        let is_schema = is_schema || matches!(name, "__schema" | "__type");
        let inner = self.set(&field.selection_set.node, is_schema);
        let rows = self.page_size(field).saturating_mul(inner.row);
        let once = inner.fields.saturating_add(rows);
        let many = |times: u64| Cost {
            fields: once.saturating_mul(times).saturating_add(1),
            row: 0,
        };
        let named = NAMED_BY
            .iter()
            .find_map(|argument| self.argument(field, argument));
        match (name, named) {
            _ if is_schema => many(schema_list(name)),
            (_, Some(named)) => many(length(named)),
            ("nodes" | "edges", None) => Cost {
                fields: 0,
                row: once.saturating_add(1),
            },
            (name, None) if UNPAGED.contains(&name) => many(DEFAULT_LIMIT.into()),
            (_, None) => many(1),
        }
    }

    /// How many rows a page has. What is no number is refused later.
    fn page_size(&self, field: &'a Field) -> u64 {
        let size = |name| match self.argument(field, name)? {
            Argument::Literal(Value::Number(number)) => number.as_u64(),
            Argument::Variable(ConstValue::Number(number)) => number.as_u64(),
            _ => None,
        };
        size("first")
            .max(size("last"))
            .unwrap_or_else(|| DEFAULT_LIMIT.into())
    }

    /// The value of an argument, or of the variable that stands for it.
    fn argument(&self, field: &'a Field, name: &str) -> Option<Argument<'_>> {
        match &field.get_argument(name)?.node {
            Value::Variable(variable) => {
                let default = || {
                    let mut variables = self.operation.variable_definitions.iter();
                    let definition = variables.find(|definition| definition.node.name.node == *variable)?;
                    definition.node.default_value.as_ref().map(|value| &value.node)
                };
                self.variables
                    .get(variable)
                    .or_else(default)
                    .map(Argument::Variable)
            }
            value => Some(Argument::Literal(value)),
        }
    }
}

/// The value of an argument.
#[derive(Clone, Copy)]
enum Argument<'a> {
    Literal(&'a Value),
    Variable(&'a ConstValue),
}

/// How many values a list has; one that is no list stands for a list of one.
fn length(argument: Argument<'_>) -> u64 {
    match argument {
        Argument::Literal(Value::List(values)) => values.len() as u64,
        Argument::Variable(ConstValue::List(values)) => values.len() as u64,
        _ => 1,
    }
}

/// How long the lists of the schema are, about; they have no pages.
fn schema_list(name: &str) -> u64 {
    match name {
        "types" => 100,
        "fields" | "inputFields" | "enumValues" | "directives" => 10,
        "args" | "interfaces" | "possibleTypes" => 4,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use async_graphql::parser::parse_query;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::graphql::builder;

    fn cost_with(text: &str, variables: Json) -> u64 {
        let document = parse_query(text).unwrap();
        let (_, operation) = document.operations.iter().next().unwrap();
        of(&document, &operation.node, &Variables::from_json(variables))
    }

    fn cost(text: &str) -> u64 {
        cost_with(text, json!({}))
    }

    #[test]
    fn a_field_counts_as_often_as_there_are_rows() {
        for (text, expected) in [
            ("{ a }", 1),
            ("{ a { b c } }", 3),
            ("{ a(first: 3) { totalCount nodes { b c } } }", 2 + 3 * 3),
            ("{ a(last: 3) { edges { cursor node { b } } } }", 1 + 3 * 4),
            ("{ a { nodes { b } } }", 1 + 50 * 2),
            (
                "{ a(first: 10) { nodes { b(first: 20) { nodes { c } } } } }",
                1 + 10 * (1 + 1 + 20 * 2),
            ),
            (
                "{ a(first: 3) { x: nodes { b } ...f } } fragment f on C { nodes { c d } }",
                1 + 3 * (2 + 3),
            ),
            ("{ nodes(ids: [1, 2, 3]) { id } }", 1 + 3),
            ("{ _entities(representations: [{}, {}]) { __typename } }", 1 + 2),
            ("{ a { fields { name type } } }", 1 + 1 + 50 * 2),
            ("{ a { userErrors { code } } }", 1 + 1 + 1),
            ("{ a(first: -1) { nodes { b } } }", 1 + 50 * 2),
        ] {
            assert_eq!(cost(text), expected, "{text}");
        }
    }

    /// Whether a type of the schema is a list of what has fields.
    fn is_list_of_objects(of: &Json) -> bool {
        let kind = |of: &Json| of["kind"].as_str().unwrap_or_default().to_owned();
        let inner = |of: &Json| match kind(of).as_str() {
            "NON_NULL" => of["ofType"].clone(),
            _ => of.clone(),
        };
        let list = inner(of);
        let item = inner(&list["ofType"]);
        kind(&list) == "LIST" && matches!(kind(&item).as_str(), "OBJECT" | "INTERFACE" | "UNION")
    }

    #[tokio::test]
    async fn every_list_of_the_schema_is_counted_in_some_way() {
        let query = "{ __schema { types { name fields { name type { kind ofType { kind ofType { kind ofType { kind } } } } } } } }";
        let answer = builder().finish().execute(query).await.data.into_json().unwrap();
        let types = answer["__schema"]["types"].as_array().unwrap();
        let own = types
            .iter()
            .filter(|of| !of["name"].as_str().unwrap().starts_with("__"));
        let fields = own.flat_map(|of| of["fields"].as_array().cloned().unwrap_or_default());
        let lists = fields.filter(|field| is_list_of_objects(&field["type"]));
        let lists: BTreeSet<String> = lists
            .map(|field| field["name"].as_str().unwrap().to_owned())
            .collect();
        let of_mutations = [
            "duplicates",
            "manifests",
            "partitions",
            "reasons",
            "removals",
            "skipped",
            "snapshots",
            "userErrors",
        ];
        let counted = [&["nodes", "edges", "_entities"][..], &UNPAGED, &of_mutations].concat();
        assert_eq!(lists, counted.into_iter().map(str::to_owned).collect());
    }

    #[test]
    fn variables_say_how_large_a_page_is() {
        let text =
            "query ($n: Int = 7, $ids: [ID!]!) { a(first: $n) { nodes { b } } nodes(ids: $ids) { id } }";
        assert_eq!(cost_with(text, json!({ "ids": ["x"] })), 1 + 7 * 2 + 2);
        assert_eq!(
            cost_with(text, json!({ "n": 3, "ids": ["x", "y"] })),
            1 + 3 * 2 + 3
        );
    }

    #[test]
    fn fragments_that_double_are_counted_at_once() {
        let fragments: String = (0..60)
            .map(|level| format!("fragment f{level} on T {{ ...f{0} ...f{0} }} ", level + 1))
            .collect();
        let text = format!("{{ ...f0 }} {fragments} fragment f60 on T {{ a }}");
        assert_eq!(cost(&text), 1 << 60);
        let huge = "{ a(first: 9999999999) { nodes { b(first: 9999999999) { nodes { c } } } } }";
        assert_eq!(cost(huge), u64::MAX);
    }

    #[test]
    fn asking_for_the_schema_costs_more_with_each_level() {
        let nested = |levels: usize| {
            let inner = format!(
                "{}name{}",
                "fields { type { ".repeat(levels),
                " } }".repeat(levels)
            );
            cost(&format!("{{ __schema {{ types {{ {inner} }} }} }}"))
        };
        assert!(
            nested(2) < 50_000 && nested(4) > 1_000_000,
            "{} {}",
            nested(2),
            nested(4)
        );
    }
}
