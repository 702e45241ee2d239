//! Bad input of every kind: it is answered with an error that names the field, and changes nothing.

mod files;
mod names;
mod records;
mod values;

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{code_and_path, partition, slug, with};
use crate::support::database::TestDatabase;

both! {
    all_that_is_wrong_is_said_at_once,
}

/// A value can never be right.
const INVALID: &str = "INVALID_INPUT";
/// A name names nothing.
const NOT_FOUND: &str = "NOT_FOUND";

/// A mutation, its input, and the code and the path of the one error that refuses it.
type Case = (&'static str, Value, &'static str, String);

/// Every case is refused as it says.
async fn check_all(app: &App, cases: Vec<Case>) {
    let mut surprises = Vec::new();
    for (mutation, input, code, at) in cases {
        let errors = app.refused(mutation, input.clone()).await;
        let found: Vec<_> = errors.iter().map(code_and_path).collect();
        if found != [(code, format!("input.{at}"))] {
            surprises.push(format!(
                "{mutation} {input} was refused by {found:?}, not by {code} at {at}"
            ));
        }
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
}

/// The same, for cases of one mutation.
async fn check(app: &App, mutation: &'static str, cases: Vec<(Value, &'static str, &str)>) {
    let cases = cases
        .into_iter()
        .map(|(input, code, at)| (mutation, input, code, at.to_owned()));
    check_all(app, cases.collect()).await;
}

/// A dataset with one version of one file, its draft, and another dataset.
async fn set_up(app: &App) -> Value {
    app.dataset("weather").await;
    app.dataset("climate").await;
    app.append("weather", [partition("2020-01-01", "a.parquet")])
        .await;
    app.draft("weather").await["id"].take()
}

async fn all_that_is_wrong_is_said_at_once(database: TestDatabase) {
    let app = App::new(&database).await;
    set_up(&app).await;
    let wrong = with(
        partition("2020-01-02", "../b"),
        json!({ "rowCount": -1, "endTime": "2019-01-01T00:00:00Z" }),
    );
    let input = json!({
        "dataset": slug("weather"), "expectedVersion": 7, "idempotencyKey": " ", "metadata": [],
        "schema": { "version": 9 }, "watermark": { "source": "", "sealedThrough": "2020-01-01T00:00:00Z" },
        "add": [wrong, partition("2020-01-01", "a.parquet")],
    });
    let errors = app.refused("publishManifest", input).await;
    let mut found: Vec<_> = errors.iter().map(code_and_path).collect();
    found.sort();
    let expected = [
        ("DUPLICATE_PARTITIONS", "input.add"),
        (INVALID, "input.add.0.endTime"),
        (INVALID, "input.add.0.filePath"),
        (INVALID, "input.add.0.rowCount"),
        (INVALID, "input.idempotencyKey"),
        (INVALID, "input.metadata"),
        (INVALID, "input.watermark.source"),
        (NOT_FOUND, "input.schema.version"),
        ("VERSION_CONFLICT", "input.expectedVersion"),
    ];
    assert_eq!(found, expected.map(|(code, at)| (code, at.to_owned())));
    let conflict = errors
        .iter()
        .find(|error| error["__typename"] == "VersionConflict")
        .unwrap();
    assert_eq!(conflict["rebasable"], false);
}
