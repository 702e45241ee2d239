//! Predicates on partition keys, and the files that they let through.

use std::cmp::Ordering;

use serde_json::Value;

use super::scalar::{Scalar, View, is_time};
use super::test::{Bound, Conditions, Test};
use crate::model::naming;

/// The most keys of a file, and the most bytes of them all.
const MAX_KEYS: usize = 64;
const MAX_BYTES: usize = 64 << 10;
const MAX_NAME: usize = 255;

/// Conditions on a value of the partition key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyPredicate {
    /// The name of the value.
    pub key: String,
    /// What must hold.
    pub test: Test,
}

impl KeyPredicate {
    /// Reads a predicate; at least one condition is needed. Neither null nor booleans have an order here.
    pub fn new(key: &str, conditions: Conditions) -> Result<Self, String> {
        let test = Test::new(conditions, false)?;
        if key.is_empty() {
            return Err("key: expected the name of a key".to_owned());
        }
        if test.is_empty() {
            return Err("expected at least one condition".to_owned());
        }
        Ok(Self {
            key: key.to_owned(),
            test,
        })
    }

    /// The texts that the value must be one of, where it is a text; none where others could match too.
    pub fn texts(&self) -> Option<Vec<&str>> {
        let equal = self.test.eq.as_ref().map(std::slice::from_ref);
        let scalars = equal.or(self.test.in_.as_deref())?;
        let texts = scalars.iter().map(|scalar| match scalar {
            // One time can be written in many ways.
            Scalar::String(text) if !is_time(text) => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }
}

/// Whether a file with this partition key could hold rows that match.
///
/// A file without the value, or with one of another type than the operand, could: it is kept. Null matches
/// only null. Of two texts of which one is a time and the other is not, neither is greater, so that ranges
/// keep the file.
pub fn key_may_match(predicate: &KeyPredicate, key: &Value) -> bool {
    let Some(value) = key.get(&predicate.key).and_then(View::of) else {
        return true;
    };
    let bound = |bound, operand: View<'_>| {
        let order = value.compare(&operand);
        value != View::Null
            && match bound {
                Bound::Greater => order.is_none_or(Ordering::is_gt),
                Bound::GreaterOrEqual => order.is_none_or(Ordering::is_ge),
                Bound::Less => order.is_none_or(Ordering::is_lt),
                Bound::LessOrEqual => order.is_none_or(Ordering::is_le),
            }
    };
    predicate
        .test
        .may_hold(|operand| value.may_equal(&operand), bound)
}

/// Whether this can be a partition key: an object of at most 64 strings, numbers, booleans or nulls.
pub fn check_partition_key(key: &Value) -> Result<(), String> {
    let Some(values) = key.as_object() else {
        return Err("expected an object of strings, numbers, booleans or null".to_owned());
    };
    if values.len() > MAX_KEYS {
        return Err(format!("expected at most {MAX_KEYS} keys"));
    }
    for (name, value) in values {
        if name.is_empty() || name.chars().nth(MAX_NAME).is_some() {
            return Err(format!("expected names of 1 to {MAX_NAME} characters"));
        }
        if value.is_array() || value.is_object() {
            return Err(format!("{name}: expected a string, number, boolean or null"));
        }
    }
    naming::json_object_within(key, MAX_BYTES)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn predicate(conditions: Conditions) -> KeyPredicate {
        KeyPredicate::new("k", conditions).unwrap()
    }

    fn eq(value: Value) -> KeyPredicate {
        predicate(Conditions {
            eq: Some(value),
            ..Conditions::default()
        })
    }

    fn is_in(values: Value) -> KeyPredicate {
        predicate(Conditions {
            in_: values.as_array().cloned(),
            ..Conditions::default()
        })
    }

    fn kept(predicate: &KeyPredicate, value: Value) -> bool {
        key_may_match(predicate, &json!({ "k": value }))
    }

    #[test]
    fn files_with_another_value_are_pruned() {
        assert!(kept(&eq(json!("eu")), json!("eu")) && !kept(&eq(json!("eu")), json!("us")));
        assert!(kept(&eq(json!(7)), json!(7.0)) && !kept(&eq(json!(7)), json!(8)));
        assert!(!kept(
            &eq(json!(9_007_199_254_740_993_i64)),
            json!(9_007_199_254_740_992_i64)
        ));
        assert!(kept(&eq(json!(true)), json!(true)) && !kept(&eq(json!(true)), json!(false)));
        assert!(kept(&eq(json!("2020-01-01")), json!("2020-01-01T01:00:00+01:00")));
        assert!(!kept(&eq(json!("2020-01-01")), json!("yesterday")));
        assert!(kept(&is_in(json!(["a", "b"])), json!("b")) && !kept(&is_in(json!(["a", "b"])), json!("c")));
    }

    #[test]
    fn texts_that_are_no_times_are_told() {
        assert_eq!(eq(json!("eu")).texts(), Some(vec!["eu"]));
        assert_eq!(is_in(json!(["a", "b"])).texts(), Some(vec!["a", "b"]));
        for other in [eq(json!("2020-01-01")), eq(json!(1)), is_in(json!(["a", null]))] {
            assert_eq!(other.texts(), None);
        }
        let above = predicate(Conditions {
            gt: Some(json!("a")),
            ..Conditions::default()
        });
        assert_eq!(above.texts(), None);
    }

    #[test]
    fn files_without_the_value_or_with_one_of_another_type_are_kept() {
        for key in [
            json!({}),
            json!({ "K": 1 }),
            json!({ "k": "1" }),
            json!({ "k": true }),
            json!(null),
        ] {
            assert!(key_may_match(&eq(json!(1)), &key), "{key}");
        }
        // What cannot be a key, but is there, is kept too.
        assert!(kept(&eq(json!(1)), json!([2])));
    }

    #[test]
    fn null_matches_only_null() {
        assert!(!kept(&eq(json!(1)), json!(null)) && kept(&eq(json!(null)), json!(null)));
        assert!(!kept(&eq(json!(null)), json!("")) && !kept(&eq(json!(null)), json!(0)));
        assert!(kept(&is_in(json!([1, null])), json!(null)) && !kept(&is_in(json!([1, 2])), json!(null)));
        let above = predicate(Conditions {
            gte: Some(json!(0)),
            ..Conditions::default()
        });
        assert!(!kept(&above, json!(null)));
        assert!(key_may_match(&eq(json!(null)), &json!({})));
    }

    #[test]
    fn all_conditions_must_hold() {
        let between = |from: Value, to: Value| {
            predicate(Conditions {
                gte: Some(from),
                lt: Some(to),
                ..Conditions::default()
            })
        };
        let numbers = between(json!(10), json!(20));
        assert!(kept(&numbers, json!(10)) && kept(&numbers, json!(19.9)));
        assert!(!kept(&numbers, json!(9.9)) && !kept(&numbers, json!(20)));
        let days = between(json!("2024-01-01"), json!("2024-02-01T00:00:00Z"));
        assert!(kept(&days, json!("2024-01-31")) && !kept(&days, json!("2024-02-01")));
        assert!(kept(&days, json!("2024")));
        let words = between(json!("b"), json!("c"));
        assert!(kept(&words, json!("bz")) && !kept(&words, json!("B")) && !kept(&words, json!("c")));
    }

    #[test]
    fn predicates_without_sense_are_refused() {
        let wrong = [
            Conditions::default(),
            Conditions {
                in_: Some(vec![]),
                ..Conditions::default()
            },
            Conditions {
                eq: Some(json!([1])),
                ..Conditions::default()
            },
            Conditions {
                in_: Some(vec![json!(1), json!({})]),
                ..Conditions::default()
            },
            Conditions {
                gt: Some(json!(null)),
                ..Conditions::default()
            },
            Conditions {
                lte: Some(json!(true)),
                ..Conditions::default()
            },
            Conditions {
                lt: Some(json!({})),
                ..Conditions::default()
            },
        ];
        for conditions in wrong {
            assert!(
                KeyPredicate::new("k", conditions.clone()).is_err(),
                "{conditions:?}"
            );
        }
        let conditions = Conditions {
            eq: Some(json!(1)),
            ..Conditions::default()
        };
        assert!(KeyPredicate::new("", conditions).is_err());
    }

    #[test]
    fn keys_are_objects_of_scalars() {
        for key in [json!({}), json!({ "a": "x", "b": 1.5, "c": true, "d": null })] {
            assert_eq!(check_partition_key(&key), Ok(()));
        }
        let many: serde_json::Map<String, Value> = (0..65).map(|n| (n.to_string(), json!(n))).collect();
        let wrong = [
            json!(null),
            json!([]),
            json!("a"),
            json!({ "a": [] }),
            json!({ "a": {} }),
            json!({ "": 1 }),
            json!({ "a\0": 1 }),
            json!({ "a": "\0" }),
            json!({ "a".repeat(256): 1 }),
            Value::Object(many),
        ];
        for key in wrong {
            assert!(check_partition_key(&key).is_err(), "{key}");
        }
    }

    proptest! {
        #[test]
        fn a_file_whose_value_matches_is_never_pruned(value in -5_i64..5, at in -5_i64..5, half in any::<bool>()) {
            let operand = at as f64 + if half { 0.5 } else { 0.0 };
            let json = Some(json!(operand));
            let cases = [
                (Conditions { eq: json.clone(), ..Conditions::default() }, value as f64 == operand),
                (Conditions { gt: json.clone(), ..Conditions::default() }, value as f64 > operand),
                (Conditions { gte: json.clone(), ..Conditions::default() }, value as f64 >= operand),
                (Conditions { lt: json.clone(), ..Conditions::default() }, (value as f64) < operand),
                (Conditions { lte: json, ..Conditions::default() }, value as f64 <= operand),
            ];
            for (conditions, matches) in cases {
                prop_assert_eq!(kept(&predicate(conditions), json!(value)), matches);
            }
        }
    }
}
