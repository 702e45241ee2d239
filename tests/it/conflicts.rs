//! Publishes that others came before: what they are told, and what they can skip.

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{code_and_path, files, partition, path, slug, with};
use crate::support::database::TestDatabase;

both! {
    an_outdated_expectation_is_refused_with_the_current_version,
    version_0_is_expected_of_a_dataset_without_any,
    duplicates_are_refused_as_one_error_that_lists_them_all,
    when_skipping_leaves_nothing_to_do_the_current_manifest_is_the_answer,
    removing_what_is_not_live_is_refused_with_who_removed_it_when,
    a_lower_fencing_token_is_refused_with_the_highest_one,
}

async fn an_outdated_expectation_is_refused_with_the_current_version(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let first = app
        .append("weather", [partition("2020-01-01", "a.parquet")])
        .await;
    let add = json!([partition("2020-01-02", "b.parquet")]);
    for expected in [0, 2, i32::MAX] {
        let input = json!({ "dataset": slug("weather"), "expectedVersion": expected, "add": add });
        let error = app.refused_once("publishManifest", input).await;
        assert_eq!(error["__typename"], "VersionConflict");
        assert_eq!(
            code_and_path(&error),
            ("VERSION_CONFLICT", "input.expectedVersion".to_owned())
        );
        assert_eq!(error["currentVersion"], 1);
        assert_eq!(error["publishedAt"], first["publishedAt"]);
        assert_eq!(error["rebasable"], true);
    }
    let input = json!({ "dataset": slug("weather"), "expectedVersion": 1, "add": add });
    assert_eq!(
        app.granted("publishManifest", input).await["manifest"]["version"],
        2
    );
}

async fn version_0_is_expected_of_a_dataset_without_any(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let add = json!([partition("2020-01-01", "a.parquet")]);
    let input =
        |expected: i32| json!({ "dataset": slug("weather"), "expectedVersion": expected, "add": add });
    let error = app.refused_once("publishManifest", input(1)).await;
    assert_eq!(
        (&error["currentVersion"], &error["publishedAt"]),
        (&json!(0), &Value::Null)
    );
    assert_eq!(
        app.granted("publishManifest", input(0)).await["manifest"]["version"],
        1
    );
}

async fn duplicates_are_refused_as_one_error_that_lists_them_all(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let signed = |day: &str, path: &str| with(partition(day, path), json!({ "ingestionSignature": "run-1" }));
    app.append("weather", [signed("2020-01-01", "a.parquet")]).await;
    let input = json!({ "dataset": slug("weather"), "add": [
        partition("2020-01-01", "a.parquet"),
        partition("2020-01-02", "b.parquet"),
        signed("2020-01-03", "c.parquet"),
        partition("2020-01-04", "b.parquet"),
    ] });
    let error = app.refused_once("publishManifest", input.clone()).await;
    assert_eq!(error["__typename"], "DuplicatePartitions");
    assert_eq!(
        code_and_path(&error),
        ("DUPLICATE_PARTITIONS", "input.add".to_owned())
    );
    let duplicates = error["duplicates"].as_array().unwrap();
    let found: Vec<_> = duplicates
        .iter()
        .map(|duplicate| (&duplicate["filePath"], &duplicate["index"]))
        .collect();
    assert_eq!(
        json!(found),
        json!([["a.parquet", 0], ["c.parquet", 2], ["b.parquet", 3]])
    );
    let payload = app
        .granted("publishManifest", with(input, json!({ "onDuplicate": "SKIP" })))
        .await;
    assert_eq!(files(&payload["manifest"]), ["a.parquet", "b.parquet"]);
    let skipped: Vec<_> = payload["skipped"]
        .as_array()
        .unwrap()
        .iter()
        .map(|skipped| &skipped["filePath"])
        .collect();
    assert_eq!(json!(skipped), json!(["a.parquet", "c.parquet", "b.parquet"]));
}

async fn when_skipping_leaves_nothing_to_do_the_current_manifest_is_the_answer(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let first = app
        .append("weather", [partition("2020-01-01", "a.parquet")])
        .await;
    let before = app.catalog().await;
    let add = json!([partition("2020-01-01", "a.parquet")]);
    let input = json!({ "dataset": slug("weather"), "onDuplicate": "SKIP", "add": add });
    let payload = app.granted("publishManifest", input).await;
    assert_eq!(payload["manifest"], first);
    assert_eq!(payload["skipped"][0]["filePath"], "a.parquet");
    assert_eq!(payload["replayed"], false);
    assert_eq!(app.catalog().await, before);
}

async fn removing_what_is_not_live_is_refused_with_who_removed_it_when(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.append(
        "weather",
        [
            partition("2020-01-01", "a.parquet"),
            partition("2020-01-02", "b.parquet"),
        ],
    )
    .await;
    let remove = |paths: Value| json!({ "dataset": slug("weather"), "operation": "DELETE", "remove": paths });
    app.granted("publishManifest", remove(json!([path("a.parquet")])))
        .await;
    let input = remove(json!([
        path("a.parquet"),
        path("b.parquet"),
        path("never.parquet")
    ]));
    let error = app.refused_once("publishManifest", input).await;
    assert_eq!(error["__typename"], "PartitionsNotLive");
    assert_eq!(
        code_and_path(&error),
        ("PARTITIONS_NOT_LIVE", "input.remove".to_owned())
    );
    let expected = json!([
        { "filePath": "a.parquet", "removedIn": 2, "removedBy": null },
        { "filePath": "never.parquet", "removedIn": null, "removedBy": null },
    ]);
    assert_eq!(error["partitions"], expected);
    assert_eq!(error["rebasable"], true);
}

async fn a_lower_fencing_token_is_refused_with_the_highest_one(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let publish = |day: &str, token: Value| {
        let watermark = json!({ "source": "station-1", "sealedThrough": format!("{day}T00:00:00Z"), "fencingToken": token });
        let add = json!([partition(day, &format!("{day}.parquet"))]);
        json!({ "dataset": slug("weather"), "watermark": watermark, "add": add })
    };
    app.granted(
        "publishManifest",
        publish("2020-01-02", json!("9007199254740993")),
    )
    .await;
    for token in [json!("9007199254740992"), Value::Null] {
        let error = app
            .refused_once("publishManifest", publish("2020-01-03", token))
            .await;
        assert_eq!(error["__typename"], "FencedOut");
        assert_eq!(error["fencingToken"], "9007199254740993");
        assert_eq!(
            code_and_path(&error),
            ("FENCED_OUT", "input.watermark.fencingToken".to_owned())
        );
    }
    app.granted(
        "publishManifest",
        publish("2020-01-01", json!("9007199254740993")),
    )
    .await;
    let document = "{ dataset(by: { slug: \"weather\" }) { watermarks { source sealedThrough } } }";
    let expected = json!([{ "source": "station-1", "sealedThrough": "2020-01-02T00:00:00.000000Z" }]);
    assert_eq!(
        app.query(document, json!({})).await["dataset"]["watermarks"],
        expected
    );
}
