//! Publishes that are repeated under their key.

use serde_json::json;

use crate::support::app::App;
use crate::support::builders::{code_and_path, files, partition, slug, with};
use crate::support::database::TestDatabase;
use crate::support::everywhere;

everywhere! {
    the_same_key_returns_the_first_result,
    the_same_key_with_another_request_is_refused,
    a_refused_publish_leaves_its_key_free,
    publishing_together_again_with_the_same_keys_is_a_replay,
}

async fn the_same_key_returns_the_first_result(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let input = json!({
        "dataset": slug("weather"), "idempotencyKey": "run-1", "add": [partition("2020-01-01", "a.parquet")],
    });
    let first = app.granted("publishManifest", input.clone()).await;
    app.append("weather", [partition("2020-01-02", "b.parquet")])
        .await;
    let before = app.catalog().await;
    let again = app.granted("publishManifest", input.clone()).await;
    assert_eq!(again["replayed"], true);
    assert_eq!(again["manifest"]["id"], first["manifest"]["id"]);
    assert_eq!(files(&again["manifest"]), ["a.parquet"]);
    assert_eq!(app.catalog().await, before);
    // The defaults, spelled out, are the same request.
    let spelled = with(
        input,
        json!({ "operation": "APPEND", "remove": [], "removeAll": false, "onDuplicate": "REJECT" }),
    );
    assert_eq!(app.granted("publishManifest", spelled).await["replayed"], true);
    let document = "{ commitStatus(dataset: { slug: \"weather\" }, idempotencyKey: \"run-1\") { state manifest { version } } }";
    let expected = json!({ "state": "COMMITTED", "manifest": { "version": 1 } });
    assert_eq!(app.query(document, json!({})).await["commitStatus"], expected);
}

async fn the_same_key_with_another_request_is_refused(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let key = json!({ "dataset": slug("weather"), "idempotencyKey": "run-1" });
    let input = with(
        key.clone(),
        json!({ "add": [partition("2020-01-01", "a.parquet")] }),
    );
    app.granted("publishManifest", input).await;
    let input = with(key, json!({ "add": [partition("2020-01-01", "b.parquet")] }));
    let error = app.refused_once("publishManifest", input).await;
    assert_eq!(error["__typename"], "IdempotencyMismatch");
    assert_eq!(
        code_and_path(&error),
        ("IDEMPOTENCY_MISMATCH", "input.idempotencyKey".to_owned())
    );
}

async fn a_refused_publish_leaves_its_key_free(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let key = json!({ "dataset": slug("weather"), "idempotencyKey": "run-1" });
    let wrong = with(partition("2020-01-01", "a.parquet"), json!({ "rowCount": -1 }));
    app.refused("publishManifest", with(key.clone(), json!({ "add": [wrong] })))
        .await;
    let document = "{ commitStatus(dataset: { slug: \"weather\" }, idempotencyKey: \"run-1\") { state manifest { version } } }";
    let expected = json!({ "state": "NOT_SEEN", "manifest": null });
    assert_eq!(app.query(document, json!({})).await["commitStatus"], expected);
    let input = with(key, json!({ "add": [partition("2020-01-01", "a.parquet")] }));
    assert_eq!(app.granted("publishManifest", input).await["replayed"], false);
}

async fn publishing_together_again_with_the_same_keys_is_a_replay(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.dataset("climate").await;
    let publish = |dataset: &str| json!({ "dataset": slug(dataset), "idempotencyKey": "both", "add": [partition("2020-01-01", "a.parquet")] });
    let input = json!({ "manifests": [publish("weather"), publish("climate")] });
    let first = app.granted("publishManifests", input.clone()).await;
    let before = app.catalog().await;
    let again = app.granted("publishManifests", input).await;
    assert_eq!(
        (&again["replayed"], &again["manifests"]),
        (&json!(true), &first["manifests"])
    );
    assert_eq!(app.catalog().await, before);
}
