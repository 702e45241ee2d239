//! Snapshots, written.

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{code_and_path, partition, slug};
use crate::support::database::TestDatabase;

both! {
    a_snapshot_pins_the_current_version_unless_told_otherwise,
    what_a_snapshot_says_comes_back,
    creating_a_snapshot_again_returns_it,
    a_name_that_pins_another_version_is_refused,
    only_published_versions_can_be_pinned,
    a_deleted_snapshot_answers_as_it_was_and_is_gone,
}

async fn a_snapshot_pins_the_current_version_unless_told_otherwise(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.append("weather", [partition("2020-01-01", "a.parquet")])
        .await;
    app.append("weather", [partition("2020-01-02", "b.parquet")])
        .await;
    let create = |name: &str, at: Value| json!({ "dataset": slug("weather"), "name": name, "at": at });
    let newest = app.granted("createSnapshot", create("newest", Value::Null)).await;
    assert_eq!(newest["snapshot"]["manifest"]["version"], 2);
    let first = app
        .granted("createSnapshot", create("first", json!({ "version": 1 })))
        .await;
    assert_eq!(first["snapshot"]["manifest"]["version"], 1);
    let same = app
        .granted("createSnapshot", create("same", json!({ "snapshot": "first" })))
        .await;
    assert_eq!(same["snapshot"]["manifest"]["version"], 1);
}

async fn what_a_snapshot_says_comes_back(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.append("weather", [partition("2020-01-01", "a.parquet")])
        .await;
    let input = json!({
        "dataset": slug("weather"), "name": "q3 audit", "description": "for the auditors",
        "expiresAt": "2999-12-31T12:00:00.123456+02:00",
    });
    let snapshot = &app.granted("createSnapshot", input).await["snapshot"];
    assert_eq!(snapshot["name"], "q3 audit");
    assert_eq!(snapshot["description"], "for the auditors");
    assert_eq!(snapshot["expiresAt"], "2999-12-31T10:00:00.123456Z");
}

async fn creating_a_snapshot_again_returns_it(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.append("weather", [partition("2020-01-01", "a.parquet")])
        .await;
    let input = json!({ "dataset": slug("weather"), "name": "q3", "at": { "version": 1 } });
    let first = app.granted("createSnapshot", input.clone()).await;
    let before = app.catalog().await;
    assert_eq!(app.granted("createSnapshot", input).await, first);
    assert_eq!(app.catalog().await, before);
}

async fn a_name_that_pins_another_version_is_refused(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.append("weather", [partition("2020-01-01", "a.parquet")])
        .await;
    app.granted(
        "createSnapshot",
        json!({ "dataset": slug("weather"), "name": "q3" }),
    )
    .await;
    app.append("weather", [partition("2020-01-02", "b.parquet")])
        .await;
    let error = app
        .refused_once(
            "createSnapshot",
            json!({ "dataset": slug("weather"), "name": "q3" }),
        )
        .await;
    assert_eq!(error["__typename"], "AlreadyExists");
    assert_eq!(code_and_path(&error), ("ALREADY_EXISTS", "input.name".to_owned()));
}

async fn only_published_versions_can_be_pinned(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let error = app
        .refused_once(
            "createSnapshot",
            json!({ "dataset": slug("weather"), "name": "q3" }),
        )
        .await;
    assert_eq!(code_and_path(&error), ("NOT_FOUND", "input.at".to_owned()));
    app.append("weather", [partition("2020-01-01", "a.parquet")])
        .await;
    for at in [
        json!({ "version": 2 }),
        json!({ "asOf": "2001-01-01T00:00:00Z" }),
        json!({ "snapshot": "none" }),
    ] {
        let input = json!({ "dataset": slug("weather"), "name": "q3", "at": at });
        assert_eq!(
            code_and_path(&app.refused_once("createSnapshot", input).await).0,
            "NOT_FOUND"
        );
    }
}

async fn a_deleted_snapshot_answers_as_it_was_and_is_gone(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.append("weather", [partition("2020-01-01", "a.parquet")])
        .await;
    let created = app
        .granted(
            "createSnapshot",
            json!({ "dataset": slug("weather"), "name": "q3" }),
        )
        .await;
    let input = json!({ "dataset": slug("weather"), "name": "q3" });
    let deleted = app.granted("deleteSnapshot", input.clone()).await;
    assert_eq!(deleted["snapshot"], created["snapshot"]);
    let error = app.refused_once("deleteSnapshot", input).await;
    assert_eq!(error["__typename"], "NotFound");
    assert_eq!(code_and_path(&error), ("NOT_FOUND", "input.name".to_owned()));
}
