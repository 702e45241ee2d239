//! Files, and publishes of them, that cannot be.

use serde_json::{Value, json};

use super::{INVALID, NOT_FOUND, check, check_all, set_up};
use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{partition, slug, with};
use crate::support::database::TestDatabase;

both! {
    files_that_cannot_be_are_refused,
    a_dataset_without_default_target_needs_one_for_each_file,
    requests_that_cannot_be_are_refused,
}

async fn files_that_cannot_be_are_refused(database: TestDatabase) {
    let app = App::new(&database).await;
    let draft = set_up(&app).await;
    let long = "a".repeat(1025);
    let paths = [
        "",
        "/",
        "/etc/passwd",
        "a/",
        "a//b",
        ".",
        "..",
        "../a",
        "a/../b",
        "a/./b",
        "C:/a",
        "s3://bucket/a",
        "file:///a",
        "a\\b",
        "a\0b",
        "a\nb",
        "%2e%2e/a",
        "a%2f..%2fb",
        &long,
    ];
    let mut cases: Vec<_> = paths
        .iter()
        .map(|path| (json!({ "filePath": path }), "filePath"))
        .collect();
    let deep = (0..40).fold(json!(1), |inner, _| json!({ "a": inner }));
    cases.extend([
        (json!({ "fileSizeBytes": -1 }), "fileSizeBytes"),
        (json!({ "rowCount": "-9223372036854775808" }), "rowCount"),
        (
            json!({ "endTime": "2020-01-01T23:59:59.999998Z", "startTime": "2020-01-01T23:59:59.999999Z" }),
            "endTime",
        ),
        (json!({ "partitionKey": [] }), "partitionKey"),
        (json!({ "partitionKey": "x" }), "partitionKey"),
        (json!({ "partitionKey": { "a": {} } }), "partitionKey"),
        (json!({ "partitionKey": { "a": "\0" } }), "partitionKey"),
        (json!({ "partitionKey": { "\0": 1 } }), "partitionKey"),
        (json!({ "checksum": "" }), "checksum"),
        (json!({ "checksum": "a\0" }), "checksum"),
        (
            json!({ "ingestionSignature": "a".repeat(256) }),
            "ingestionSignature",
        ),
        (json!({ "columnStatistics": 7 }), "columnStatistics"),
        (json!({ "columnStatistics": { "a": 7 } }), "columnStatistics"),
        (
            json!({ "columnStatistics": { "a": { "nullCount": -1 } } }),
            "columnStatistics",
        ),
        (json!({ "bloomFilters": [] }), "bloomFilters"),
        (json!({ "metadata": "x" }), "metadata"),
        (json!({ "metadata": { "a": "\0" } }), "metadata"),
        (json!({ "metadata": deep }), "metadata"),
        (json!({ "metadata": { "a": "x".repeat(70_000) } }), "metadata"),
    ]);
    let cases = cases.into_iter().flat_map(|(wrong, at)| {
        let add = json!([
            partition("2020-01-02", "b.parquet"),
            with(partition("2020-01-03", "c.parquet"), wrong)
        ]);
        let at = format!("add.1.{at}");
        [
            (
                "publishManifest",
                json!({ "dataset": slug("weather"), "add": add }),
                INVALID,
                at.clone(),
            ),
            (
                "stagePartitions",
                json!({ "draft": draft, "add": add }),
                INVALID,
                at,
            ),
        ]
    });
    check_all(&app, cases.collect()).await;
}

async fn a_dataset_without_default_target_needs_one_for_each_file(database: TestDatabase) {
    let app = App::new(&database).await;
    app.granted("createDataset", json!({ "slug": "weather", "name": "Weather" }))
        .await;
    let input = json!({ "dataset": slug("weather"), "add": [partition("2020-01-02", "b.parquet")] });
    check(
        &app,
        "publishManifest",
        vec![(input, INVALID, "add.0.storageTarget")],
    )
    .await;
}

async fn requests_that_cannot_be_are_refused(database: TestDatabase) {
    let app = App::new(&database).await;
    set_up(&app).await;
    let publish = |wrong: Value| {
        with(
            json!({ "dataset": slug("weather"), "add": [partition("2020-01-02", "b.parquet")] }),
            wrong,
        )
    };
    let watermark =
        |source: &str| json!({ "watermark": { "source": source, "sealedThrough": "2020-01-01T00:00:00Z" } });
    let cases = vec![
        (
            publish(json!({ "expectedVersion": -1 })),
            INVALID,
            "expectedVersion",
        ),
        (
            publish(json!({ "idempotencyKey": "" })),
            INVALID,
            "idempotencyKey",
        ),
        (
            publish(json!({ "idempotencyKey": "a b" })),
            INVALID,
            "idempotencyKey",
        ),
        (
            publish(json!({ "idempotencyKey": "a\0" })),
            INVALID,
            "idempotencyKey",
        ),
        (
            publish(json!({ "idempotencyKey": "a".repeat(256) })),
            INVALID,
            "idempotencyKey",
        ),
        (publish(json!({ "summary": [] })), INVALID, "summary"),
        (publish(json!({ "metadata": "x" })), INVALID, "metadata"),
        (publish(json!({ "metadata": { "a\0": 1 } })), INVALID, "metadata"),
        (
            publish(json!({ "schema": { "fields": [] } })),
            INVALID,
            "schema.fields",
        ),
        (
            publish(json!({ "schema": { "version": 0 } })),
            NOT_FOUND,
            "schema.version",
        ),
        (
            publish(json!({ "schema": { "version": -1 } })),
            NOT_FOUND,
            "schema.version",
        ),
        (publish(watermark("")), INVALID, "watermark.source"),
        (publish(watermark("a\0")), INVALID, "watermark.source"),
    ];
    check(&app, "publishManifest", cases).await;
    let draft = |wrong: Value| with(json!({ "dataset": slug("weather") }), wrong);
    let cases = vec![
        (draft(json!({ "operation": "RETENTION" })), INVALID, "operation"),
        (
            draft(json!({ "expectedVersion": -1 })),
            INVALID,
            "expectedVersion",
        ),
        (
            draft(json!({ "schema": { "version": 9 } })),
            NOT_FOUND,
            "schema.version",
        ),
        (draft(json!({ "summary": 7 })), INVALID, "summary"),
        (draft(json!({ "metadata": [] })), INVALID, "metadata"),
    ];
    check(&app, "createManifestDraft", cases).await;
}
