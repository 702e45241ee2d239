//! Retention policies, set and read.

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{code_and_path, slug, with};
use crate::support::database::TestDatabase;

both! {
    a_policy_answers_with_what_was_asked,
    setting_a_policy_replaces_the_whole_of_it,
    a_policy_of_another_revision_is_refused_with_the_current_one,
    rules_that_make_no_sense_are_refused_together,
}

async fn a_policy_answers_with_what_was_asked(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.storage_target("glacier").await;
    let rules = json!({
        "mode": "TIME", "maxAge": "P1Y6M", "maxTotalBytes": "9007199254740993", "keepVersions": 3, "maxVersionAge": "P30D",
        "deleteGrace": "PT24H", "coldStorageAfter": "P90D", "coldStorageTarget": { "name": "glacier" },
        "metadata": { "ticket": 7 },
    });
    let input = with(
        rules.clone(),
        json!({ "dataset": slug("weather"), "expectedRevision": 0 }),
    );
    let policy = app.granted("setRetentionPolicy", input).await["policy"].take();
    let mut expected = with(rules, json!({ "revision": 1, "updatedBy": null }));
    expected["updatedAt"] = policy["updatedAt"].clone();
    assert_eq!(policy, expected);
    let document =
        "{ dataset(by: { slug: \"weather\" }) { retentionPolicy { revision maxTotalBytes deleteGrace } } }";
    let read = app.query(document, json!({})).await;
    let expected = json!({ "revision": 1, "maxTotalBytes": "9007199254740993", "deleteGrace": "PT24H" });
    assert_eq!(read["dataset"]["retentionPolicy"], expected);
}

async fn setting_a_policy_replaces_the_whole_of_it(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.granted(
        "setRetentionPolicy",
        json!({ "dataset": slug("weather"), "mode": "TIME", "maxAge": "P30D" }),
    )
    .await;
    let input = json!({ "dataset": slug("weather"), "expectedRevision": 1, "keepVersions": 2 });
    let policy = &app.granted("setRetentionPolicy", input).await["policy"];
    assert_eq!(policy["mode"], "HYBRID");
    assert_eq!(policy["maxAge"], Value::Null);
    assert_eq!(policy["keepVersions"], 2);
    assert_eq!(policy["revision"], 2);
}

async fn a_policy_of_another_revision_is_refused_with_the_current_one(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.granted(
        "setRetentionPolicy",
        json!({ "dataset": slug("weather"), "keepVersions": 2 }),
    )
    .await;
    let input = json!({ "dataset": slug("weather"), "expectedRevision": 0, "keepVersions": 3 });
    let error = app.refused_once("setRetentionPolicy", input).await;
    assert_eq!(error["__typename"], "RevisionConflict");
    assert_eq!(error["revision"], 1);
    assert_eq!(
        code_and_path(&error),
        ("REVISION_CONFLICT", "input.expectedRevision".to_owned())
    );
}

async fn rules_that_make_no_sense_are_refused_together(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let input = json!({
        "dataset": slug("weather"), "maxAge": "PT0S", "maxTotalBytes": -1, "keepVersions": 0, "coldStorageAfter": "P1D",
        "metadata": [],
    });
    let errors = app.refused("setRetentionPolicy", input).await;
    let mut found: Vec<_> = errors.iter().map(code_and_path).collect();
    found.sort();
    let expected = [
        "coldStorageTarget",
        "keepVersions",
        "maxAge",
        "maxTotalBytes",
        "metadata",
    ];
    assert_eq!(
        found,
        expected.map(|field| ("INVALID_INPUT", format!("input.{field}")))
    );
}
