//! The reads that are measured: a document and its variables, and the hand-written statement that returns the same.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::fill::{KEYED_DAYS, mixed_version};
use crate::scale::{DAY, MINUTE, Scale, at, series};
use crate::server::Server;

/// A read, with everything that it can be asked.
pub struct Read {
    /// What tables call it.
    pub name: &'static str,
    /// The document.
    pub document: &'static str,
    /// Its variables, of which each request takes one.
    pub variables: Vec<Value>,
    /// The statement that returns the same for `:n`, a number below that of the variables.
    pub sql: String,
}

impl Read {
    /// A request for each of its variables.
    pub fn bodies(&self) -> Vec<Vec<u8>> {
        let body = |variables| json!({ "query": self.document, "variables": variables });
        let all = self.variables.iter();
        all.map(|variables| body(variables).to_string().into_bytes())
            .collect()
    }
}

/// What all reads are called.
pub const NAMES: [&str; 9] = [
    "nested",
    "list",
    "window",
    "window, 10,000 files",
    "window, 10,000,000 files",
    "window, several spans",
    "window, several spans, an old version",
    "window, 1 of 100 keys",
    "window, 1 of many keys",
];

/// Different windows that are asked for, at the most: none overlaps another.
const WINDOWS: u64 = 1_000;

/// Different keys that are asked for, at the most.
const KEYS: u64 = 100;

/// Minutes of a window.
const MINUTES: u64 = 100;

const NESTED: &str = include_str!("../../graphql/nested.graphql");
const LIST: &str = include_str!("../../graphql/list.graphql");
const WINDOW: &str = include_str!("../../graphql/window.graphql");

/// The reads of a catalog of this size. `gateway` is asked for the cursors of the list.
pub fn all(gateway: &Server, scale: Scale) -> Result<Vec<Read>> {
    let mut reads = vec![nested(scale), list(gateway, scale)?];
    reads.push(window("window", "window-many", windows(0, scale.minutes)));
    reads.push(window("window, 10,000 files", "window-10000", windows(0, 10_000)));
    if let Some(most) = scale.most {
        reads.push(window(
            "window, 10,000,000 files",
            "window-most",
            windows(0, most),
        ));
    }
    let compacted = scale.mixed / 2;
    reads.push(window(
        "window, several spans",
        "window-mixed",
        windows(compacted, scale.mixed),
    ));
    reads.push(history(windows(0, compacted), mixed_version(scale)));
    reads.push(keyed("window, 1 of 100 keys", "window-keyed-few", 100));
    reads.push(keyed("window, 1 of many keys", "window-keyed", scale.keys));
    Ok(reads)
}

fn nested(scale: Scale) -> Read {
    Read {
        name: "nested",
        document: NESTED,
        variables: (0..scale.series).map(|n| json!({ "slug": series(n) })).collect(),
        sql: include_str!("../../sql/nested.sql").to_owned(),
    }
}

fn list(gateway: &Server, scale: Scale) -> Result<Read> {
    let page = "query ($after: String) { datasets(first: 50, after: $after) { pageInfo { endCursor } } }";
    let mut variables = vec![json!({ "after": null })];
    for _ in 1..scale.series / 50 {
        let last = variables.last().cloned().context("a page")?;
        let data = gateway.ask(page, last)?;
        variables.push(json!({ "after": data["datasets"]["pageInfo"]["endCursor"] }));
    }
    Ok(Read {
        name: "list",
        document: LIST,
        variables,
        sql: include_str!("../../sql/list.sql").to_owned(),
    })
}

/// Starts of windows, in minutes: spread over those from a first to a last one.
struct Starts {
    first: u64,
    step: u64,
    n: u64,
}

fn windows(first: u64, last: u64) -> Starts {
    let room = last - first - MINUTES;
    let n = WINDOWS.min(room / MINUTES);
    Starts {
        first,
        step: room / n,
        n,
    }
}

impl Starts {
    fn all(&self) -> impl Iterator<Item = Value> {
        let minutes = (0..self.n).map(|n| self.first + n * self.step);
        minutes.map(|from| json!({ "from": at(from * MINUTE), "to": at((from + MINUTES) * MINUTE - 1) }))
    }

    fn written_into(&self, sql: &str, slug: &str) -> String {
        let numbers = [
            (":first", self.first),
            (":step", self.step),
            (":span", MINUTES * MINUTE - 1),
        ];
        let sql = numbers.iter().fold(sql.to_owned(), |sql, (name, value)| {
            sql.replace(name, &value.to_string())
        });
        sql.replace(":slug", &format!("'{slug}'"))
    }
}

fn window(name: &'static str, slug: &str, starts: Starts) -> Read {
    Read {
        name,
        document: WINDOW,
        variables: starts
            .all()
            .map(|window| json!({ "slug": slug, "window": window }))
            .collect(),
        sql: starts.written_into(include_str!("../../sql/window.sql"), slug),
    }
}

/// What the mixed dataset held before its first half was compacted.
fn history(starts: Starts, version: u64) -> Read {
    let sql = starts.written_into(include_str!("../../sql/window-at.sql"), "window-mixed");
    let by = json!({ "version": version });
    Read {
        name: "window, several spans, an old version",
        document: WINDOW,
        variables: starts
            .all()
            .map(|window| json!({ "slug": "window-mixed", "by": by, "window": window }))
            .collect(),
        sql: sql.replace(":version", &version.to_string()),
    }
}

/// Some of the keys are asked for: each takes as long as there are files in the window.
fn keyed(name: &'static str, slug: &str, keys: u64) -> Read {
    let window = json!({ "from": at(0), "to": at(KEYED_DAYS * DAY) });
    let sql = include_str!("../../sql/window-keyed.sql").replace(":slug", &format!("'{slug}'"));
    let variables = (0..keys.min(KEYS))
        .map(|key| {
            let predicate = json!([{ "key": "series", "eq": format!("s{key}") }]);
            json!({ "slug": slug, "window": window, "partitionKey": predicate })
        })
        .collect();
    Read {
        name,
        document: WINDOW,
        variables,
        sql: sql.replace(":span", &(KEYED_DAYS * DAY).to_string()),
    }
}
