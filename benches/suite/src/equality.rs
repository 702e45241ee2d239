//! Whether answers are equal before anything is measured: those of gateways with those of hand-written statements.
//!
//! Instants may be written in any way that RFC 3339 allows; everything else must be the same, the order of lists included.

use anyhow::{Result, bail};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::field::Contestant;
use crate::reads::Read;

/// Parameters of each read that are tried.
const SAMPLES: usize = 12;

/// Compares the answers of gateways with what the statement of a read returns, and returns the size of that in bytes.
pub fn check(read: &Read, cluster: &Cluster, database: &str, field: &[Contestant]) -> Result<f64> {
    let all = read.variables.len();
    let samples: Vec<usize> = (0..all.min(SAMPLES))
        .map(|n| n * all / all.min(SAMPLES))
        .collect();
    let mut bytes = 0;
    for &n in &samples {
        let expected = cluster.run(database, &statement(read, n))?;
        bytes += expected.len();
        let expected: Value = serde_json::from_str(&expected)?;
        for contestant in field {
            // What is asked again may come from a cache.
            for _ in 0..2 {
                compare(read, n, &expected, contestant)?;
            }
        }
    }
    Ok(bytes as f64 / samples.len() as f64)
}

fn compare(read: &Read, n: usize, expected: &Value, contestant: &Contestant) -> Result<()> {
    let answer = contestant.server.ask(read.document, read.variables[n].clone())?;
    let found = if contestant.same_fill {
        difference("data", expected, &answer)
    } else {
        difference("data", &without_times(expected), &without_times(&answer))
    };
    match found {
        Some(found) => bail!(
            "{}: the statement and {} differ for parameter {n}: {found}",
            read.name,
            contestant.name
        ),
        None => Ok(()),
    }
}

/// The answer without the times of publishing, which are those of the fill.
fn without_times(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(without_times).collect(),
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| !["publishedAt", "lastPublishedAt"].contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), without_times(value)))
            .collect(),
        other => other.clone(),
    }
}

/// The statement of a read for one parameter.
pub fn statement(read: &Read, n: usize) -> String {
    let lines = read.sql.lines().filter(|line| !line.starts_with("\\set"));
    lines.collect::<Vec<_>>().join("\n").replace(":n", &n.to_string())
}

/// Where two answers first differ.
fn difference(path: &str, expected: &Value, answer: &Value) -> Option<String> {
    match (expected, answer) {
        (Value::Object(left), Value::Object(right)) => {
            let of_left = left.iter().find_map(|(key, value)| match right.get(key) {
                Some(other) => difference(&format!("{path}.{key}"), value, other),
                None => Some(format!("{path}.{key} is only in the first")),
            });
            let more = || right.keys().find(|key| !left.contains_key(*key));
            of_left.or_else(|| more().map(|key| format!("{path}.{key} is only in the second")))
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            let pairs = left.iter().zip(right).enumerate();
            pairs
                .into_iter()
                .find_map(|(n, (left, right))| difference(&format!("{path}[{n}]"), left, right))
        }
        (Value::String(left), Value::String(right))
            if instant(left).is_some() && instant(left) == instant(right) =>
        {
            None
        }
        _ if expected == answer => None,
        (Value::Array(left), Value::Array(right)) => Some(format!(
            "{path} has {} items and {} items",
            left.len(),
            right.len()
        )),
        _ => Some(format!("{path} is {expected} and {answer}")),
    }
}

/// An instant in UTC without what may be left out: `2020-01-01T00:00:00.5` of `2020-01-01T00:00:00.500+00:00`.
fn instant(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    if bytes.len() < 20 || bytes[4] != b'-' || bytes[10] != b'T' {
        return None;
    }
    let time = text.strip_suffix('Z').or_else(|| text.strip_suffix("+00:00"))?;
    Some(if time.len() > 19 {
        time.trim_end_matches('0').trim_end_matches('.')
    } else {
        time
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn instants_are_equal_however_they_are_written() {
        let left = json!({ "at": "2020-01-01T00:00:00+00:00", "then": "2020-01-01T00:00:00.5+00:00" });
        let right = json!({ "at": "2020-01-01T00:00:00.000000Z", "then": "2020-01-01T00:00:00.500Z" });
        assert_eq!(difference("data", &left, &right), None);
        let other = json!({ "at": "2020-01-01T00:00:01.000000Z", "then": "2020-01-01T00:00:00.500Z" });
        assert!(
            difference("data", &left, &other)
                .unwrap()
                .starts_with("data.at is")
        );
    }

    #[test]
    fn every_difference_is_found() {
        let base = json!({ "nodes": [{ "n": "1" }, { "n": "2" }] });
        for other in [
            json!({ "nodes": [{ "n": "1" }, { "n": 2 }] }),
            json!({ "nodes": [{ "n": "2" }, { "n": "1" }] }),
            json!({ "nodes": [{ "n": "1" }] }),
            json!({ "nodes": [{ "n": "1" }, { "n": "2", "m": null }] }),
            json!({ "nodes": null }),
        ] {
            assert!(difference("data", &base, &other).is_some(), "{other}");
        }
    }
}
