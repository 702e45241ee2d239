//! Predicates on columns, and the files that their statistics let through.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::scalar::View;
use super::test::{Bound, Conditions, Test};
use crate::model::naming;

/// The most bytes of a file's statistics.
const MAX_BYTES: usize = 1 << 20;

/// Conditions on the values of a column.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ColumnPredicate {
    /// The name of the column.
    pub column: String,
    /// What must hold of a value. Null equals null, and no other condition holds of it.
    pub test: Test,
    /// Whether the value must be null, or must not be.
    pub is_null: Option<bool>,
}

impl ColumnPredicate {
    /// Reads a predicate; at least one condition is needed. Null has no order.
    pub fn new(column: &str, conditions: Conditions, is_null: Option<bool>) -> Result<Self, String> {
        let test = Test::new(conditions, true)?;
        if column.is_empty() {
            return Err("column: expected the name of a column".to_owned());
        }
        if test.is_empty() && is_null.is_none() {
            return Err("expected at least one condition".to_owned());
        }
        Ok(Self {
            column: column.to_owned(),
            test,
            is_null,
        })
    }
}

/// Whether a file with these statistics, `{column: {min, max, nullCount, rowCount}}`, could hold rows that
/// match.
///
/// What is missing, or makes no sense, prunes nothing. `min` and `max` must be bounds of all values that are
/// not null, in the order in which predicates compare: of times by time, of other text by code point. They
/// may be too wide, but a maximum that was cut to a prefix is no bound. Numbers that no double holds are to
/// be rounded outward. JSON has no NaN: columns with NaN in them, where readers take that for the greatest
/// number, should come without `max`.
pub fn columns_may_match(predicate: &ColumnPredicate, statistics: Option<&Value>) -> bool {
    let statistics = statistics.and_then(|statistics| statistics.get(&predicate.column)?.as_object());
    let Some(column) = statistics.map(Column::read) else {
        return true;
    };
    if predicate.is_null.is_some_and(|null| {
        if null {
            !column.may_have_nulls
        } else {
            !column.may_have_values
        }
    }) {
        return false;
    }
    let equal = |operand: View<'_>| match operand {
        View::Null => column.may_have_nulls,
        operand => {
            column.bound(Bound::LessOrEqual, &operand) && column.bound(Bound::GreaterOrEqual, &operand)
        }
    };
    predicate
        .test
        .may_hold(equal, |bound, operand| column.bound(bound, &operand))
}

/// What the statistics of a column say for certain.
struct Column<'a> {
    min: Option<View<'a>>,
    max: Option<View<'a>>,
    may_have_nulls: bool,
    may_have_values: bool,
}

impl<'a> Column<'a> {
    fn read(statistics: &'a Map<String, Value>) -> Self {
        let bound = |name| {
            statistics
                .get(name)
                .and_then(View::of)
                .filter(|view| *view != View::Null)
        };
        let (mut min, mut max) = (bound("min"), bound("max"));
        let has_bounds = min.is_some() || max.is_some();
        if !are_bounds(min.as_ref(), max.as_ref()) {
            (min, max) = (None, None);
        }
        let count = |name| statistics.get(name).and_then(Value::as_u64);
        let (nulls, rows) = (count("nullCount"), count("rowCount"));
        // Bounds where all is null contradict each other: then neither is believed.
        let all_null = nulls.is_some() && nulls == rows && !has_bounds;
        Self {
            min,
            max,
            may_have_nulls: nulls != Some(0),
            may_have_values: !all_null,
        }
    }

    /// Whether a value may lie on that side of `operand`.
    fn bound(&self, bound: Bound, operand: &View<'_>) -> bool {
        let order = |end: &Option<View<'_>>| end.and_then(|end| end.compare(operand));
        self.may_have_values
            && match bound {
                Bound::Greater => order(&self.max).is_none_or(Ordering::is_gt),
                Bound::GreaterOrEqual => order(&self.max).is_none_or(Ordering::is_ge),
                Bound::Less => order(&self.min).is_none_or(Ordering::is_lt),
                Bound::LessOrEqual => order(&self.min).is_none_or(Ordering::is_le),
            }
    }
}

/// Whether the two can be bounds of one column: of one kind, and in order.
fn are_bounds(min: Option<&View<'_>>, max: Option<&View<'_>>) -> bool {
    match (min, max) {
        (Some(min), Some(max)) => {
            std::mem::discriminant(min) == std::mem::discriminant(max)
                && min.compare(max) != Some(Ordering::Greater)
        }
        _ => true,
    }
}

/// Whether this can be a file's column statistics: an object with an object, or null, for each column.
///
/// Counts must be whole numbers from 0 where they are numbers, no more values null than there are rows, and
/// no minimum greater than its maximum. Anything else that cannot be used is let pass, and never prunes.
pub fn check_statistics(statistics: &Value) -> Result<(), String> {
    let Some(columns) = statistics.as_object() else {
        return Err("expected an object with an object for each column".to_owned());
    };
    for (name, column) in columns {
        check_column(column).map_err(|message| format!("{name}: {message}"))?;
    }
    naming::json_object_within(statistics, MAX_BYTES)
}

fn check_column(column: &Value) -> Result<(), String> {
    if column.is_null() {
        return Ok(());
    }
    let Some(column) = column.as_object() else {
        return Err("expected an object".to_owned());
    };
    for name in ["nullCount", "rowCount", "distinctCount"] {
        if column
            .get(name)
            .is_some_and(|count| count.is_number() && !count.is_u64())
        {
            return Err(format!("expected a {name} that is a whole number from 0"));
        }
    }
    let count = |name| column.get(name).and_then(Value::as_u64);
    if count("nullCount")
        .zip(count("rowCount"))
        .is_some_and(|(nulls, rows)| nulls > rows)
    {
        return Err("expected a nullCount no greater than rowCount".to_owned());
    }
    let bound = |name| column.get(name).and_then(View::of);
    let order = bound("min")
        .zip(bound("max"))
        .and_then(|(min, max)| min.compare(&max));
    if order == Some(Ordering::Greater) {
        return Err("expected a min no greater than max".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::json;

    use super::*;

    /// A predicate on column `c` from its conditions as JSON.
    fn predicate(conditions: &Value) -> ColumnPredicate {
        let of = |name| conditions.get(name).cloned();
        let read = Conditions {
            eq: of("eq"),
            in_: of("in").and_then(|values| values.as_array().cloned()),
            gt: of("gt"),
            gte: of("gte"),
            lt: of("lt"),
            lte: of("lte"),
        };
        ColumnPredicate::new("c", read, of("isNull").and_then(|value| value.as_bool())).unwrap()
    }

    fn kept(conditions: Value, column: Value) -> bool {
        columns_may_match(&predicate(&conditions), Some(&json!({ "c": column })))
    }

    #[test]
    fn bounds_prune_what_lies_beyond_them() {
        let column = || json!({ "min": 10, "max": 20 });
        let inside = [
            json!({ "eq": 10 }),
            json!({ "eq": 20.0 }),
            json!({ "gte": 20 }),
            json!({ "gt": 19.9 }),
            json!({ "lte": 10 }),
            json!({ "lt": 10.1 }),
            json!({ "in": [1, 15] }),
            json!({ "gt": 5, "lt": 12 }),
            json!({ "eq": "15" }),
            json!({ "isNull": true }),
            json!({ "isNull": false }),
            json!({ "eq": null }),
        ];
        for conditions in inside {
            assert!(kept(conditions.clone(), column()), "{conditions}");
        }
        let beyond = [
            json!({ "eq": 9 }),
            json!({ "eq": 20.5 }),
            json!({ "gt": 20 }),
            json!({ "gte": 21 }),
            json!({ "lt": 10 }),
            json!({ "lte": 9.5 }),
            json!({ "in": [1, 30] }),
            json!({ "gt": 5, "lt": 10 }),
        ];
        for conditions in beyond {
            assert!(!kept(conditions.clone(), column()), "{conditions}");
        }
    }

    #[test]
    fn one_bound_prunes_on_its_side() {
        assert!(
            !kept(json!({ "gt": 5 }), json!({ "max": 5 })) && kept(json!({ "lt": 5 }), json!({ "max": 5 }))
        );
        assert!(
            !kept(json!({ "eq": 1 }), json!({ "min": 2 })) && kept(json!({ "eq": 3 }), json!({ "min": 2 }))
        );
    }

    #[test]
    fn statistics_without_sense_prune_nothing() {
        let useless = [
            json!(null),
            json!([]),
            json!("x"),
            json!({}),
            json!({ "min": null, "max": null }),
            json!({ "min": "a", "max": 1 }),
            json!({ "min": 1, "max": "a" }),
            json!({ "min": 5, "max": 4 }),
            json!({ "min": [], "max": {} }),
            json!({ "min": "2020-01-01", "max": "b" }),
            json!({ "nullCount": "0", "rowCount": "0" }),
            json!({ "nullCount": 3, "rowCount": 4 }),
            json!({ "nullCount": 3 }),
            json!({ "min": 9, "nullCount": 4, "rowCount": 4 }),
        ];
        for column in useless {
            for conditions in [
                json!({ "eq": 9 }),
                json!({ "gt": 100 }),
                json!({ "isNull": true }),
                json!({ "isNull": false }),
            ] {
                assert!(kept(conditions.clone(), column.clone()), "{conditions} {column}");
            }
        }
        for statistics in [
            None,
            Some(json!(null)),
            Some(json!([])),
            Some(json!({ "C": { "min": 0, "max": 0 } })),
        ] {
            assert!(columns_may_match(
                &predicate(&json!({ "eq": 9 })),
                statistics.as_ref()
            ));
        }
    }

    #[test]
    fn nulls_are_counted() {
        let (none, some, all) = (
            json!({ "nullCount": 0, "rowCount": 4 }),
            json!({ "nullCount": 1, "rowCount": 4 }),
            json!({ "min": null, "nullCount": 4, "rowCount": 4 }),
        );
        let cases = [
            (json!({ "isNull": true }), [false, true, true]),
            (json!({ "isNull": false }), [true, true, false]),
            (json!({ "eq": null }), [false, true, true]),
            (json!({ "in": [null, 1] }), [true, true, true]),
            (json!({ "eq": 1 }), [true, true, false]),
            (json!({ "lt": "x" }), [true, true, false]),
            (json!({ "eq": 1, "isNull": true }), [false, true, false]),
        ];
        for (conditions, expected) in cases {
            let found = [&none, &some, &all].map(|column| kept(conditions.clone(), column.clone()));
            assert_eq!(found, expected, "{conditions}");
        }
    }

    #[test]
    fn texts_times_and_booleans_have_bounds_of_their_own() {
        let texts = || json!({ "min": "Zebra", "max": "ant" });
        assert!(kept(json!({ "eq": "a" }), texts()) && !kept(json!({ "eq": "Ant" }), texts()));
        assert!(kept(json!({ "gt": "2020-01-01" }), texts()));
        let times = || json!({ "min": "2020-01-01", "max": "2020-01-02T00:30:00+02:00" });
        assert!(
            !kept(json!({ "gt": "2020-01-01T23:00:00Z" }), times())
                && kept(json!({ "gte": "2020-01-01T22:30:00Z" }), times())
        );
        assert!(kept(json!({ "eq": "noon" }), times()));
        let booleans = || json!({ "min": false, "max": false });
        assert!(!kept(json!({ "eq": true }), booleans()) && kept(json!({ "lte": false }), booleans()));
    }

    #[test]
    fn numbers_too_large_for_a_double_are_not_trusted_to_be_equal() {
        let column: Value = serde_json::from_str(r#"{"min": 0, "max": 18446744073709551617}"#).unwrap();
        let above: Value = serde_json::from_str(r#"{"gt": 18446744073709551616}"#).unwrap();
        assert!(kept(above, column));
        assert!(!kept(json!({ "gt": u64::MAX }), json!({ "max": u64::MAX })));
    }

    #[test]
    fn statistics_are_checked_for_what_can_only_be_a_mistake() {
        let sound = [
            json!({}),
            json!({ "c": null }),
            json!({ "c": { "min": 1, "max": "a", "histogram": [1, 2] } }),
        ];
        for statistics in sound {
            assert_eq!(check_statistics(&statistics), Ok(()));
        }
        let wrong = [
            json!(null),
            json!([]),
            json!({ "c": 1 }),
            json!({ "c": { "nullCount": -1 } }),
            json!({ "c": { "rowCount": 1.5 } }),
            json!({ "c": { "nullCount": 2, "rowCount": 1 } }),
            json!({ "c": { "min": 2, "max": 1 } }),
            json!({ "c": { "min": "b", "max": "a" } }),
            json!({ "c": { "min": "\0" } }),
            json!({ "c\0": {} }),
        ];
        for statistics in wrong {
            assert!(check_statistics(&statistics).is_err(), "{statistics}");
        }
    }

    /// Values of one kind in order; those with equal ranks are equal.
    fn ladder() -> impl Strategy<Value = Vec<(i32, Value)>> {
        select(vec![
            vec![
                (0, json!(i64::MIN)),
                (1, json!(-1.5)),
                (2, json!(0)),
                (2, json!(-0.0)),
                (3, json!(i64::MAX)),
                (4, json!(u64::MAX)),
            ],
            vec![
                (0, json!("")),
                (1, json!("2020")),
                (2, json!("A")),
                (3, json!("a")),
                (4, json!("a\u{ff5e}")),
                (5, json!("a\u{1f600}")),
            ],
            vec![
                (0, json!("2019-12-31T23:59:59Z")),
                (1, json!("2020-01-01")),
                (1, json!("2020-01-01T02:00:00+02:00")),
                (2, json!("2020-01-01T00:00:00.5Z")),
                (3, json!("2020-01-02")),
            ],
            vec![(0, json!(false)), (1, json!(true))],
        ])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn a_file_with_a_matching_row_is_never_pruned(
            (rows, operand, other) in ladder().prop_flat_map(|values| {
                let value = select(values.clone());
                let rows = proptest::collection::vec(option::of(value.clone()), 0..6);
                (rows, option::of(value.clone()), value)
            }),
            (with_min, with_max, with_nulls, with_rows) in any::<(bool, bool, bool, bool)>(),
        ) {
            let present = || rows.iter().flatten();
            let mut column = Map::new();
            let mut state = |name: &str, with: bool, value: Value| with.then(|| column.insert(name.to_owned(), value));
            state("min", with_min, json!(present().min_by_key(|(rank, _)| *rank).map(|(_, value)| value)));
            state("max", with_max, json!(present().max_by_key(|(rank, _)| *rank).map(|(_, value)| value)));
            state("nullCount", with_nulls, json!(rows.len() - present().count()));
            state("rowCount", with_rows, json!(rows.len()));
            let column = Value::Object(column);
            prop_assert_eq!(check_statistics(&json!({ "c": &column })), Ok(()));

            let rank = operand.as_ref().map(|(rank, _)| *rank);
            let value = json!(operand.as_ref().map(|(_, value)| value));
            let any_row = |matches: &dyn Fn(Option<i32>) -> bool| {
                rows.iter().any(|row| matches(row.as_ref().map(|(rank, _)| *rank)))
            };
            let compares = |holds: fn(i32, i32) -> bool| {
                any_row(&|row| row.zip(rank).is_some_and(|(row, rank)| holds(row, rank)))
            };
            let mut cases = vec![
                (json!({ "eq": &value }), any_row(&|row| row == rank)),
                (json!({ "in": [&value, &other.1] }), any_row(&|row| row == rank || row == Some(other.0))),
                (json!({ "isNull": true }), any_row(&|row| row.is_none())),
                (json!({ "isNull": false }), any_row(&|row| row.is_some())),
            ];
            if rank.is_some() {
                cases.push((json!({ "gt": &value }), compares(|row, rank| row > rank)));
                cases.push((json!({ "gte": &value }), compares(|row, rank| row >= rank)));
                cases.push((json!({ "lt": &value }), compares(|row, rank| row < rank)));
                cases.push((json!({ "lte": &value }), compares(|row, rank| row <= rank)));
            }
            for (conditions, holds) in cases {
                prop_assert!(!holds || kept(conditions.clone(), column.clone()), "{} {}", conditions, column);
            }
        }
    }
}
