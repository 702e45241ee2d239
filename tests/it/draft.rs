//! Drafts: staged over many requests, published or thrown away.

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::builders::{code_and_path, field, files, partition, path, slug, with};
use crate::support::database::TestDatabase;
use crate::support::everywhere;

everywhere! {
    a_draft_is_staged_in_parts_and_published_at_once,
    a_draft_is_a_node_until_it_is_published,
    publishing_a_draft_again_answers_as_the_first_time,
    what_is_live_or_staged_already_is_refused_or_skipped,
    conflicts_that_arise_while_a_draft_waits_are_found_when_it_is_published,
    a_discarded_draft_is_gone,
    an_empty_draft_cannot_be_published,
}

async fn a_draft_is_staged_in_parts_and_published_at_once(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.append("weather", [partition("2020-01-01", "a.parquet")])
        .await;
    let input = json!({
        "dataset": slug("weather"), "operation": "REPLACE", "schema": { "fields": [field("a", "DOUBLE")] },
        "summary": { "run": 1 }, "metadata": { "by": "cron" },
    });
    let draft = app.granted("createManifestDraft", input).await["draft"].take();
    assert_eq!(
        (&draft["operation"], &draft["addedCount"]),
        (&json!("REPLACE"), &json!(0))
    );
    let before = app.readable().await;
    let id = &draft["id"];
    let staged =
        json!({ "draft": id, "add": [partition("2020-01-02", "b.parquet")], "remove": [path("a.parquet")] });
    app.granted("stagePartitions", staged).await;
    let staged = json!({ "draft": id, "add": [partition("2020-01-03", "c.parquet")] });
    let payload = app.granted("stagePartitions", staged).await;
    assert_eq!(
        (&payload["draft"]["addedCount"], &payload["draft"]["removedCount"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(app.readable().await, before, "what is staged is seen by nobody");

    let payload = app
        .granted(
            "publishManifestDraft",
            json!({ "draft": id, "expectedVersion": 1 }),
        )
        .await;
    let manifest = &payload["manifest"];
    assert_eq!(
        (&manifest["version"], &manifest["operation"]),
        (&json!(2), &json!("REPLACE"))
    );
    assert_eq!(
        (&manifest["summary"], &manifest["metadata"]),
        (&json!({ "run": 1 }), &json!({ "by": "cron" }))
    );
    assert_eq!(manifest["schemaVersion"]["version"], 1);
    assert_eq!(files(manifest), ["b.parquet", "c.parquet"]);
    assert_eq!(
        (&manifest["addedCount"], &manifest["removedCount"]),
        (&json!(2), &json!(1))
    );
}

async fn a_draft_is_a_node_until_it_is_published(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let draft = app.draft("weather").await;
    let document = "query ($id: ID!) { node(id: $id) { __typename id ... on ManifestDraft { addedCount } } }";
    let id = json!({ "id": draft["id"] });
    app.granted(
        "stagePartitions",
        json!({ "draft": draft["id"], "add": [partition("2020-01-01", "a.parquet")] }),
    )
    .await;
    let node = app.query(document, id.clone()).await;
    assert_eq!(
        node["node"],
        json!({ "__typename": "ManifestDraft", "id": draft["id"], "addedCount": 1 })
    );
    app.granted("publishManifestDraft", json!({ "draft": draft["id"] }))
        .await;
    assert_eq!(app.query(document, id).await["node"], Value::Null);
}

async fn publishing_a_draft_again_answers_as_the_first_time(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.append("weather", [partition("2020-01-01", "a.parquet")])
        .await;
    let draft = app.draft("weather").await;
    let add = json!([
        partition("2020-01-02", "b.parquet"),
        partition("2020-01-03", "c.parquet")
    ]);
    app.granted(
        "stagePartitions",
        json!({ "draft": draft["id"], "add": add, "onDuplicate": "SKIP" }),
    )
    .await;
    // Taken meanwhile, and so left out.
    app.append("weather", [partition("2020-01-03", "c.parquet")])
        .await;
    let input = json!({ "draft": draft["id"], "idempotencyKey": "draft-1" });
    let first = app.granted("publishManifestDraft", input.clone()).await;
    assert_eq!(files(&first["manifest"]), ["a.parquet", "b.parquet", "c.parquet"]);
    assert_eq!(first["skipped"][0]["filePath"], "c.parquet");
    let before = app.catalog().await;
    let again = app.granted("publishManifestDraft", input).await;
    assert_eq!(again, with(first, json!({ "replayed": true })));
    assert_eq!(app.catalog().await, before);
}

async fn what_is_live_or_staged_already_is_refused_or_skipped(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.append("weather", [partition("2020-01-01", "a.parquet")])
        .await;
    let draft = app.draft("weather").await;
    let id = &draft["id"];
    app.granted(
        "stagePartitions",
        json!({ "draft": id, "add": [partition("2020-01-02", "b.parquet")] }),
    )
    .await;
    let add = json!([
        partition("2020-01-01", "a.parquet"),
        partition("2020-01-02", "b.parquet"),
        partition("2020-01-03", "c.parquet"),
    ]);
    let error = app
        .refused_once("stagePartitions", json!({ "draft": id, "add": add }))
        .await;
    assert_eq!(
        code_and_path(&error),
        ("DUPLICATE_PARTITIONS", "input.add".to_owned())
    );
    let found: Vec<_> = error["duplicates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["filePath"], &one["index"]))
        .collect();
    assert_eq!(json!(found), json!([["a.parquet", 0], ["b.parquet", 1]]));
    let payload = app
        .granted(
            "stagePartitions",
            json!({ "draft": id, "add": add, "onDuplicate": "SKIP" }),
        )
        .await;
    assert_eq!(payload["draft"]["addedCount"], 2);
    assert_eq!(payload["skipped"].as_array().unwrap().len(), 2);
}

async fn conflicts_that_arise_while_a_draft_waits_are_found_when_it_is_published(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.append("weather", [partition("2020-01-01", "a.parquet")])
        .await;
    let input = json!({ "dataset": slug("weather"), "operation": "REPLACE", "expectedVersion": 1 });
    let draft = app.granted("createManifestDraft", input).await["draft"].take();
    let staged = json!({ "draft": draft["id"], "add": [partition("2020-01-02", "b.parquet")], "remove": [path("a.parquet")] });
    app.granted("stagePartitions", staged).await;
    let input = json!({
        "dataset": slug("weather"), "operation": "REPLACE", "remove": [path("a.parquet")],
        "add": [partition("2020-01-02", "b.parquet")],
    });
    app.granted("publishManifest", input).await;
    let errors = app
        .refused("publishManifestDraft", json!({ "draft": draft["id"] }))
        .await;
    let mut kinds: Vec<_> = errors
        .iter()
        .map(|error| error["__typename"].as_str().unwrap())
        .collect();
    kinds.sort_unstable();
    assert_eq!(
        kinds,
        ["DuplicatePartitions", "PartitionsNotLive", "VersionConflict"]
    );
    for error in &errors {
        let (_, path) = code_and_path(error);
        assert!(
            ["input.draft", "input.expectedVersion"].contains(&&*path),
            "{path} is no field of the input"
        );
    }
}

async fn a_discarded_draft_is_gone(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let draft = app.draft("weather").await;
    let input = json!({ "draft": draft["id"] });
    assert_eq!(
        app.granted("discardManifestDraft", input.clone()).await["draft"],
        draft
    );
    let add = json!([partition("2020-01-01", "a.parquet")]);
    for (mutation, input) in [
        ("discardManifestDraft", input.clone()),
        ("publishManifestDraft", input.clone()),
        ("stagePartitions", with(input, json!({ "add": add }))),
    ] {
        let error = app.refused_once(mutation, input).await;
        assert_eq!(
            code_and_path(&error),
            ("NOT_FOUND", "input.draft".to_owned()),
            "{mutation}"
        );
    }
}

async fn an_empty_draft_cannot_be_published(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let draft = app.draft("weather").await;
    let error = app
        .refused_once("publishManifestDraft", json!({ "draft": draft["id"] }))
        .await;
    assert_eq!(error["code"], "INVALID_INPUT");
    let error = app
        .refused_once("stagePartitions", json!({ "draft": draft["id"] }))
        .await;
    assert_eq!(code_and_path(&error), ("INVALID_INPUT", "input.add".to_owned()));
}
