//! Relocation: the same files under other targets and paths.

use serde_json::json;

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{code_and_path, files, partition, path, slug, with};
use crate::support::database::TestDatabase;

both! {
    relocated_files_are_the_same_files_elsewhere,
    all_that_is_wrong_with_the_moves_is_said_at_once,
    a_move_onto_a_live_file_is_refused,
}

async fn relocated_files_are_the_same_files_elsewhere(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.storage_target("cold").await;
    let signed = with(
        partition("2020-01-01", "a"),
        json!({ "ingestionSignature": "s", "checksum": "c", "partitionKey": { "city": "oslo" } }),
    );
    app.append("weather", [signed, partition("2020-01-02", "b")])
        .await;
    let input = json!({
        "dataset": slug("weather"), "expectedVersion": 1, "idempotencyKey": "k",
        "moves": [{ "partition": path("a"), "storageTarget": { "name": "cold" }, "filePath": "old/a" }],
    });
    let payload = app.granted("relocatePartitions", input.clone()).await;
    let manifest = &payload["manifest"];
    assert_eq!(
        (&manifest["version"], &manifest["operation"]),
        (&json!(2), &json!("RELOCATE"))
    );
    assert_eq!(files(manifest), ["old/a", "b"]);
    let read = "query { dataset(by: { slug: \"weather\" }) { manifests { nodes { totalRows totalBytes startTime endTime schemaVersion { version }
        partitions { nodes { ingestionSignature checksum partitionKey rowCount storageTarget { name } schemaVersion { version } } } } } } }";
    let data = app.query(read, json!({})).await;
    let [after, before] = &data["dataset"]["manifests"]["nodes"].as_array().unwrap()[..] else {
        panic!("two versions")
    };
    let mut moved = after.clone();
    assert_eq!(moved["partitions"]["nodes"][0]["storageTarget"]["name"], "cold");
    moved["partitions"]["nodes"][0]["storageTarget"] =
        before["partitions"]["nodes"][0]["storageTarget"].clone();
    assert_eq!(&moved, before, "all but the place is as it was");
    assert_eq!(app.granted("relocatePartitions", input).await["replayed"], true);
}

async fn all_that_is_wrong_with_the_moves_is_said_at_once(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.append(
        "weather",
        [partition("2020-01-01", "a"), partition("2020-01-02", "b")],
    )
    .await;
    let to = |name: &str, from: &str, to: &str| json!({ "partition": path(from), "storageTarget": { "name": name }, "filePath": to });
    let input = json!({
        "dataset": slug("weather"),
        "moves": [to("nowhere", "a", "x"), to("lake", "b", "b"), to("lake", "gone", "y"), to("lake", "b", "../z")],
    });
    let errors = app.refused("relocatePartitions", input).await;
    let errors: Vec<(&str, String)> = errors.iter().map(code_and_path).collect();
    assert_eq!(
        errors,
        [
            ("PARTITIONS_NOT_LIVE", "input.moves".to_owned()),
            ("NOT_FOUND", "input.moves.0.storageTarget".to_owned()),
            ("INVALID_INPUT", "input.moves.1".to_owned()),
            ("INVALID_INPUT", "input.moves.3.filePath".to_owned()),
        ]
    );
    let none = json!({ "dataset": slug("weather"), "moves": [] });
    let errors = app.refused("relocatePartitions", none).await;
    assert_eq!(
        code_and_path(&errors[0]),
        ("INVALID_INPUT", "input.moves".to_owned())
    );
}

async fn a_move_onto_a_live_file_is_refused(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.append(
        "weather",
        [partition("2020-01-01", "a"), partition("2020-01-02", "b")],
    )
    .await;
    let one = json!({ "partition": path("a"), "storageTarget": { "name": "lake" }, "filePath": "b" });
    let swap = json!({ "partition": path("b"), "storageTarget": { "name": "lake" }, "filePath": "a" });
    let errors = app
        .refused(
            "relocatePartitions",
            json!({ "dataset": slug("weather"), "moves": [one] }),
        )
        .await;
    assert_eq!(
        code_and_path(&errors[0]),
        ("DUPLICATE_PARTITIONS", "input.moves".to_owned())
    );
    let both = json!({ "dataset": slug("weather"), "moves": [one, swap] });
    let payload = app.granted("relocatePartitions", both).await;
    assert_eq!(files(&payload["manifest"]), ["b", "a"]);
}
