//! Which files of a version: the window and the predicates of a caller, and what tells one choice from another.

use async_graphql::{InputObject, InputType, MaybeUndefined};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::error::{Error, Result};
use super::reference::TimeWindow;
use super::scalar::Json;
use crate::model::predicate::{ColumnPredicate, Conditions, KeyPredicate};
use crate::store::partition::PartitionFilter;

/// The most predicates of a request, of each kind.
const MAX_PREDICATES: usize = 64;

/// A condition on one value of the partition key. Everything stated must hold. A file is left out only when no row of it could
/// match: a file without the value, or with one of another type, is kept.
#[derive(Clone, Debug, InputObject)]
#[graphql(name = "KeyPredicate")]
pub struct KeyPredicateInput {
    /// The name of the value.
    pub key: String,
    /// The value is this one: a string, a number, a boolean or null.
    pub eq: MaybeUndefined<Json>,
    /// The value is one of these.
    #[graphql(name = "in")]
    pub one_of: Option<Vec<Json>>,
    /// The value is greater than this. Numbers compare with numbers, RFC 3339 dates and times with each other as times, other
    /// strings by code point.
    pub gt: MaybeUndefined<Json>,
    /// The value is this or greater.
    pub gte: MaybeUndefined<Json>,
    /// The value is less than this.
    pub lt: MaybeUndefined<Json>,
    /// The value is this or less.
    pub lte: MaybeUndefined<Json>,
}

/// A condition on the values of one column, tested against the column statistics of a file. Everything stated must hold. A file
/// is left out only when no row of it could match: a file without usable statistics of the column is kept.
#[derive(Clone, Debug, InputObject)]
#[graphql(name = "ColumnPredicate")]
pub struct ColumnPredicateInput {
    /// The name of the column.
    pub column: String,
    /// The value is this one: a string, a number, a boolean or null.
    pub eq: MaybeUndefined<Json>,
    /// The value is one of these.
    #[graphql(name = "in")]
    pub one_of: Option<Vec<Json>>,
    /// The value is greater than this. Numbers compare with numbers, RFC 3339 dates and times with each other as times, other
    /// strings by code point, false comes before true.
    pub gt: MaybeUndefined<Json>,
    /// The value is this or greater.
    pub gte: MaybeUndefined<Json>,
    /// The value is less than this.
    pub lt: MaybeUndefined<Json>,
    /// The value is this or less.
    pub lte: MaybeUndefined<Json>,
    /// True: the value is missing. False: it is not.
    pub is_null: Option<bool>,
}

/// A choice of files, as a caller states it.
#[derive(Clone, Debug, Default)]
pub struct FileChoice {
    /// The argument `window`.
    pub window: Option<TimeWindow>,
    /// The argument `partitionKey`.
    pub keys: Option<Vec<KeyPredicateInput>>,
    /// The argument `columns`.
    pub columns: Option<Vec<ColumnPredicateInput>>,
}

impl FileChoice {
    /// A short text that is equal for equal choices; empty when all files are chosen.
    pub fn fingerprint(&self) -> String {
        let is_all = self.window.is_none()
            && self.keys.as_ref().is_none_or(Vec::is_empty)
            && self.columns.as_ref().is_none_or(Vec::is_empty);
        if is_all {
            return String::new();
        }
        let parts = [
            self.window.to_value(),
            self.keys.to_value(),
            self.columns.to_value(),
        ];
        let text = parts.map(|part| part.to_string()).join("\n");
        URL_SAFE_NO_PAD.encode(&Sha256::digest(text)[..12])
    }

    /// What the store calls it.
    pub fn into_store(self) -> Result<PartitionFilter> {
        let window = self.window.map(TimeWindow::bounds).transpose()?;
        let keys = read("partitionKey", self.keys, |predicate| {
            let Conditional { name, conditions } = predicate.into();
            KeyPredicate::new(&name, conditions)
        })?;
        let columns = read("columns", self.columns, |predicate| {
            let is_null = predicate.is_null;
            let Conditional { name, conditions } = predicate.into();
            ColumnPredicate::new(&name, conditions, is_null)
        })?;
        Ok(PartitionFilter {
            window,
            keys,
            columns,
        })
    }
}

/// Reads the predicates of an argument.
fn read<I, P>(
    argument: &str,
    inputs: Option<Vec<I>>,
    read: impl Fn(I) -> Result<P, String>,
) -> Result<Vec<P>> {
    let inputs = inputs.unwrap_or_default();
    if inputs.len() > MAX_PREDICATES {
        return Err(Error::bad_input(
            &[argument],
            format!("expected at most {MAX_PREDICATES} predicates"),
        ));
    }
    let read = |(index, input): (usize, I)| {
        read(input).map_err(|message| Error::bad_input(&[argument, &index.to_string()], message))
    };
    inputs.into_iter().enumerate().map(read).collect()
}

/// What both kinds of predicates have.
struct Conditional {
    name: String,
    conditions: Conditions,
}

impl From<KeyPredicateInput> for Conditional {
    fn from(input: KeyPredicateInput) -> Self {
        let conditions = Conditions {
            eq: operand(input.eq),
            in_: operands(input.one_of),
            gt: operand(input.gt),
            gte: operand(input.gte),
            lt: operand(input.lt),
            lte: operand(input.lte),
        };
        Self {
            name: input.key,
            conditions,
        }
    }
}

impl From<ColumnPredicateInput> for Conditional {
    fn from(input: ColumnPredicateInput) -> Self {
        let conditions = Conditions {
            eq: operand(input.eq),
            in_: operands(input.one_of),
            gt: operand(input.gt),
            gte: operand(input.gte),
            lt: operand(input.lt),
            lte: operand(input.lte),
        };
        Self {
            name: input.column,
            conditions,
        }
    }
}

/// A stated null is the value null; only what is left out is no condition.
fn operand(value: MaybeUndefined<Json>) -> Option<serde_json::Value> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(serde_json::Value::Null),
        MaybeUndefined::Value(value) => Some(value.0),
    }
}

fn operands(values: Option<Vec<Json>>) -> Option<Vec<serde_json::Value>> {
    values.map(|values| values.into_iter().map(|value| value.0).collect())
}

#[cfg(test)]
mod tests {
    use async_graphql::Value;
    use serde_json::json;

    use super::*;

    fn choice(value: serde_json::Value) -> FileChoice {
        let argument = |name: &str| {
            value
                .get(name)
                .map(|value| Value::from_json(value.clone()).unwrap())
        };
        FileChoice {
            window: InputType::parse(argument("window")).map_err(|_| ()).unwrap(),
            keys: InputType::parse(argument("partitionKey"))
                .map_err(|_| ())
                .unwrap(),
            columns: InputType::parse(argument("columns")).map_err(|_| ()).unwrap(),
        }
    }

    #[test]
    fn a_stated_null_is_a_condition() {
        let filter = choice(json!({"partitionKey": [{"key": "region", "eq": null}]}))
            .into_store()
            .unwrap();
        assert!(filter.keys[0].test.eq.is_some());
        let error = choice(json!({"partitionKey": [{"key": "region"}]}))
            .into_store()
            .unwrap_err();
        assert!(error.message().contains("at least one condition"));
    }

    #[test]
    fn errors_name_the_predicate() {
        let choice = choice(json!({"columns": [{"column": "a", "eq": 1}, {"column": "b", "gt": [1]}]}));
        let error = choice.into_store().unwrap_err();
        assert_eq!(
            error.extensions().get("field").unwrap().to_string(),
            r#"["columns", "1"]"#
        );
    }

    #[test]
    fn a_window_does_not_run_backwards() {
        let window = json!({"window": {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}});
        assert!(choice(window).into_store().is_err());
    }

    #[test]
    fn equal_choices_have_equal_fingerprints() {
        let one = json!({"window": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}});
        let same = json!({"window": {"from": "2026-01-01T01:00:00+01:00", "to": "2026-01-02T00:00:00.000Z"}});
        let other = json!({"partitionKey": [{"key": "region", "eq": "eu"}]});
        assert_eq!(choice(one.clone()).fingerprint(), choice(same).fingerprint());
        assert_ne!(choice(one).fingerprint(), choice(other).fingerprint());
        assert_eq!(choice(json!({"partitionKey": []})).fingerprint(), "");
    }
}
