//! Retention policies, set and read.

use serde_json::{Value, json};
use timestore_gateway::model::retention::RetentionDefaults;

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{code_and_path, slug, with};
use crate::support::database::TestDatabase;

both! {
    a_policy_answers_with_what_was_asked,
    setting_a_policy_replaces_the_whole_of_it,
    a_policy_of_another_revision_is_refused_with_the_current_one,
    rules_that_make_no_sense_are_refused_together,
    a_rule_that_the_mode_ignores_is_refused,
    every_rule_is_taken_at_its_edge_and_refused_past_it,
    a_cold_target_must_be_one_that_can_be_written,
    clearing_deletes_the_policy_and_returns_it,
    clearing_where_there_is_no_policy_changes_nothing,
    clearing_a_policy_of_another_revision_is_refused_with_the_current_one,
    a_revision_from_before_a_clearing_is_never_taken,
    policies_set_and_cleared_together_never_have_the_same_revision,
    the_effective_policy_is_the_policy_of_the_dataset,
    the_effective_policy_without_a_policy_is_the_default,
    the_effective_policy_without_policy_and_default_keeps_everything,
}

const EFFECTIVE: &str = "{ dataset(by: { slug: \"weather\" }) { effectiveRetentionPolicy {
    source mode maxAge maxTotalBytes keepVersions maxVersionAge deleteGrace coldStorageAfter coldStorageTarget { name } } } }";

/// What applies to the dataset `weather`.
async fn effective(app: &App) -> Value {
    app.query(EFFECTIVE, json!({})).await["dataset"]["effectiveRetentionPolicy"].take()
}

/// Sets a policy of the dataset `weather`; its revision.
async fn set(app: &App, rules: Value) -> Value {
    let input = with(json!({ "dataset": slug("weather") }), rules);
    app.granted("setRetentionPolicy", input).await["policy"]["revision"].take()
}

/// The codes and fields of what is wrong with a policy of the dataset `weather`.
async fn faults(app: &App, rules: Value) -> Vec<(String, String)> {
    let input = with(json!({ "dataset": slug("weather") }), rules);
    let errors = app.refused("setRetentionPolicy", input).await;
    let mut found: Vec<_> = errors
        .iter()
        .map(code_and_path)
        .map(|(code, path)| (code.to_owned(), path.replace("input.", "")))
        .collect();
    found.sort();
    found
}

/// The same fields, all of them with values that can never be right.
fn invalid(fields: &[&str]) -> Vec<(String, String)> {
    let fault = |field: &&str| ("INVALID_INPUT".to_owned(), (*field).to_owned());
    fields.iter().map(fault).collect()
}

async fn a_policy_answers_with_what_was_asked(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.storage_target("glacier").await;
    let rules = json!({
        "mode": "HYBRID", "maxAge": "P1Y6M", "maxTotalBytes": "9007199254740993", "keepVersions": 3, "maxVersionAge": "P30D",
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

async fn a_rule_that_the_mode_ignores_is_refused(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let rules = json!({ "mode": "TIME", "maxTotalBytes": 0 });
    assert_eq!(faults(&app, rules).await, invalid(&["maxAge", "maxTotalBytes"]));
    let rules = json!({ "mode": "SIZE", "maxAge": "PT0S" });
    assert_eq!(faults(&app, rules).await, invalid(&["maxAge", "maxTotalBytes"]));
    let rules = json!({ "mode": "TIME", "maxAge": "P1D", "maxTotalBytes": 1 });
    assert_eq!(faults(&app, rules).await, invalid(&["maxTotalBytes"]));
    let rules = json!({ "mode": "SIZE", "maxAge": "P1D", "maxTotalBytes": 1 });
    assert_eq!(faults(&app, rules).await, invalid(&["maxAge"]));
    for rules in [
        json!({ "mode": "TIME", "maxAge": "P1D", "keepVersions": 1, "maxVersionAge": "P1D" }),
        json!({ "mode": "SIZE", "maxTotalBytes": 1, "keepVersions": 1, "maxVersionAge": "P1D" }),
        json!({ "mode": "HYBRID", "maxAge": "P1D", "maxTotalBytes": 1 }),
        json!({ "mode": "HYBRID" }),
    ] {
        set(&app, rules).await;
    }
}

async fn every_rule_is_taken_at_its_edge_and_refused_past_it(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let cold = |after: &str, max_age: &str| json!({ "coldStorageAfter": after, "maxAge": max_age, "coldStorageTarget": { "name": "lake" } });
    for rules in [
        json!({ "maxAge": "PT0.000001S", "maxVersionAge": "PT0.000001S", "deleteGrace": "PT0S" }),
        json!({ "maxAge": "P1000Y", "maxVersionAge": "P1000Y", "deleteGrace": "P1000Y" }),
        json!({ "maxTotalBytes": 1, "keepVersions": 1 }),
        json!({ "maxTotalBytes": i64::MAX.to_string(), "keepVersions": i32::MAX }),
        cold("P30D", "P1M"),
        cold("PT0.000001S", "PT0.000002S"),
        json!({ "coldStorageAfter": "P1000Y", "coldStorageTarget": { "name": "lake" } }),
    ] {
        set(&app, rules).await;
    }
    for (rules, field) in [
        (json!({ "maxAge": "PT0S" }), "maxAge"),
        (json!({ "maxAge": "P1000YT0.000001S" }), "maxAge"),
        (json!({ "maxAge": "P300000000Y" }), "maxAge"),
        (json!({ "maxVersionAge": "PT0S" }), "maxVersionAge"),
        (json!({ "maxVersionAge": "P12001M" }), "maxVersionAge"),
        (json!({ "deleteGrace": "P1000Y1D" }), "deleteGrace"),
        (json!({ "maxTotalBytes": 0 }), "maxTotalBytes"),
        (json!({ "keepVersions": 0 }), "keepVersions"),
        (cold("P31D", "P1M"), "coldStorageAfter"),
        (cold("P1D", "PT24H"), "coldStorageAfter"),
        (cold("PT0S", "P1D"), "coldStorageAfter"),
        (cold("P1001Y", "P1D"), "coldStorageAfter"),
        (json!({ "coldStorageAfter": "P1D" }), "coldStorageTarget"),
        (
            json!({ "coldStorageTarget": { "name": "lake" } }),
            "coldStorageAfter",
        ),
    ] {
        assert_eq!(faults(&app, rules.clone()).await, invalid(&[field]), "{rules}");
    }
}

async fn a_cold_target_must_be_one_that_can_be_written(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let target = json!({ "name": "mirror", "kind": "HTTP", "baseUri": "https://files.example/timestore" });
    app.granted("upsertStorageTarget", target).await;
    let rules = json!({ "coldStorageAfter": "P1D", "coldStorageTarget": { "name": "mirror" } });
    assert_eq!(faults(&app, rules).await, invalid(&["coldStorageTarget"]));
    let rules = json!({ "coldStorageTarget": { "name": "mirror" } });
    let expected = invalid(&["coldStorageAfter", "coldStorageTarget"]);
    assert_eq!(faults(&app, rules).await, expected);
    let rules = json!({ "coldStorageTarget": { "name": "none" } });
    let mut expected = invalid(&["coldStorageAfter"]);
    expected.push(("NOT_FOUND".to_owned(), "coldStorageTarget".to_owned()));
    assert_eq!(faults(&app, rules).await, expected);
}

async fn clearing_deletes_the_policy_and_returns_it(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let input = json!({ "dataset": slug("weather"), "maxAge": "P30D", "keepVersions": 2 });
    let policy = app.granted("setRetentionPolicy", input).await["policy"].take();
    let input = json!({ "dataset": slug("weather"), "expectedRevision": 1 });
    let cleared = app.granted("clearRetentionPolicy", input).await;
    assert_eq!(cleared["policy"], policy);
    assert_eq!(cleared["dataset"]["slug"], "weather");
    let document = "{ dataset(by: { slug: \"weather\" }) { retentionPolicy { revision } } }";
    let read = app.query(document, json!({})).await;
    assert_eq!(read["dataset"]["retentionPolicy"], Value::Null);
    let changes = app.feed(4).await;
    let last = changes.last().unwrap();
    assert_eq!(last["kind"], "RETENTION_POLICY_CLEARED");
    assert_eq!(last["dataset"]["slug"], "weather");
    assert_eq!(
        (&last["payload"]["revision"], &last["payload"]["maxAge"]),
        (&json!(1), &json!("P30D"))
    );
}

async fn clearing_where_there_is_no_policy_changes_nothing(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let clear = json!({ "dataset": slug("weather") });
    let before = app.catalog().await;
    for expected in [Value::Null, json!(0)] {
        let input = with(clear.clone(), json!({ "expectedRevision": expected }));
        let cleared = app.granted("clearRetentionPolicy", input).await;
        assert_eq!(cleared["policy"], Value::Null);
        assert_eq!(cleared["dataset"]["slug"], "weather");
    }
    assert_eq!(app.catalog().await, before);
    set(&app, json!({ "keepVersions": 2 })).await;
    app.granted("clearRetentionPolicy", clear.clone()).await;
    let before = app.catalog().await;
    let cleared = app.granted("clearRetentionPolicy", clear).await;
    assert_eq!(cleared["policy"], Value::Null);
    assert_eq!(app.catalog().await, before);
}

async fn clearing_a_policy_of_another_revision_is_refused_with_the_current_one(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let clear = async |expected: i32, revision: i32| {
        let input = json!({ "dataset": slug("weather"), "expectedRevision": expected });
        let error = app.refused_once("clearRetentionPolicy", input).await;
        let expected = ("REVISION_CONFLICT", "input.expectedRevision".to_owned());
        assert_eq!(code_and_path(&error), expected);
        assert_eq!(error["revision"], revision);
    };
    clear(1, 0).await;
    set(&app, json!({ "keepVersions": 2 })).await;
    set(&app, json!({ "keepVersions": 3 })).await;
    for expected in [0, 1, 3] {
        clear(expected, 2).await;
    }
}

async fn a_revision_from_before_a_clearing_is_never_taken(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.dataset("climate").await;
    let clear = json!({ "dataset": slug("weather") });
    set(&app, json!({ "keepVersions": 1 })).await;
    assert_eq!(set(&app, json!({ "keepVersions": 2 })).await, 2);
    app.granted("clearRetentionPolicy", clear.clone()).await;
    assert_eq!(set(&app, json!({ "expectedRevision": 0 })).await, 3);
    app.granted("clearRetentionPolicy", clear.clone()).await;
    assert_eq!(set(&app, json!({ "expectedRevision": 0 })).await, 4);
    for stale in 0..4 {
        for mutation in ["setRetentionPolicy", "clearRetentionPolicy"] {
            let input = with(clear.clone(), json!({ "expectedRevision": stale }));
            assert_eq!(app.refused_once(mutation, input).await["revision"], 4);
        }
    }
    let input = json!({ "dataset": slug("climate"), "expectedRevision": 0 });
    let elsewhere = app.granted("setRetentionPolicy", input).await;
    assert_eq!(elsewhere["policy"]["revision"], 1);
}

async fn policies_set_and_cleared_together_never_have_the_same_revision(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let work = async |n: usize| {
        let mut revisions = Vec::new();
        for _ in 0..5 {
            if n.is_multiple_of(2) {
                revisions.push(set(&app, json!({ "keepVersions": 1 })).await.as_i64().unwrap());
            } else {
                app.granted("clearRetentionPolicy", json!({ "dataset": slug("weather") }))
                    .await;
            }
        }
        revisions
    };
    let revisions = futures_util::future::join_all((0..6).map(work)).await;
    let mut revisions = revisions.concat();
    revisions.sort_unstable();
    assert_eq!(revisions, (1..=15).collect::<Vec<i64>>());
}

async fn the_effective_policy_is_the_policy_of_the_dataset(database: TestDatabase) {
    let defaults = RetentionDefaults {
        max_age: Some("P90D".parse().unwrap()),
        max_total_bytes: Some(5),
        keep_versions: Some(7),
        max_version_age: Some("P7D".parse().unwrap()),
        delete_grace: Some("P3D".parse().unwrap()),
    };
    let app = App::with_retention_defaults(&database, defaults).await;
    app.dataset("weather").await;
    let none = json!({
        "source": "DATASET", "mode": "HYBRID", "maxAge": null, "maxTotalBytes": null, "keepVersions": null, "maxVersionAge": null,
        "deleteGrace": "P3D", "coldStorageAfter": null, "coldStorageTarget": null,
    });
    set(&app, json!({})).await;
    assert_eq!(effective(&app).await, none);
    let rules = json!({
        "mode": "TIME", "maxAge": "P30D", "keepVersions": 2, "maxVersionAge": "P1D", "deleteGrace": "PT0S",
        "coldStorageAfter": "P10D", "coldStorageTarget": { "name": "lake" },
    });
    set(&app, rules.clone()).await;
    assert_eq!(effective(&app).await, with(none, rules));
    app.granted("clearRetentionPolicy", json!({ "dataset": slug("weather") }))
        .await;
    assert_eq!(effective(&app).await["source"], "DEFAULT");
}

async fn the_effective_policy_without_a_policy_is_the_default(database: TestDatabase) {
    let defaults = RetentionDefaults {
        max_age: Some("P90D".parse().unwrap()),
        max_total_bytes: Some(9_007_199_254_740_993),
        keep_versions: Some(7),
        max_version_age: Some("P7D".parse().unwrap()),
        delete_grace: None,
    };
    let app = App::with_retention_defaults(&database, defaults).await;
    app.dataset("weather").await;
    let expected = json!({
        "source": "DEFAULT", "mode": "HYBRID", "maxAge": "P90D", "maxTotalBytes": "9007199254740993", "keepVersions": 7,
        "maxVersionAge": "P7D", "deleteGrace": "P1D", "coldStorageAfter": null, "coldStorageTarget": null,
    });
    assert_eq!(effective(&app).await, expected);
}

async fn the_effective_policy_without_policy_and_default_keeps_everything(database: TestDatabase) {
    let nothing = json!({
        "source": "NONE", "mode": "HYBRID", "maxAge": null, "maxTotalBytes": null, "keepVersions": null, "maxVersionAge": null,
        "deleteGrace": "P1D", "coldStorageAfter": null, "coldStorageTarget": null,
    });
    let app = App::new(&database).await;
    app.dataset("weather").await;
    assert_eq!(effective(&app).await, nothing);
    // A grace alone lets nothing go.
    let defaults = RetentionDefaults {
        delete_grace: Some("P3D".parse().unwrap()),
        ..RetentionDefaults::default()
    };
    let app = App::with_retention_defaults(&database, defaults).await;
    let expected = with(nothing, json!({ "deleteGrace": "P3D" }));
    assert_eq!(effective(&app).await, expected);
}
