//! Publishing: what each operation does.

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::builders::{code_and_path, field, files, partition, path, slug, with};
use crate::support::database::TestDatabase;
use crate::support::everywhere;

everywhere! {
    an_append_answers_with_the_new_version_and_its_totals,
    all_that_is_said_of_a_file_comes_back,
    a_replacement_may_remove_and_add_the_same_path,
    a_file_can_be_removed_by_id,
    remove_all_takes_everything_of_the_expected_version,
    a_compaction_keeps_the_number_of_rows,
    an_operation_that_is_not_asked_for_what_it_does_is_refused,
    the_fields_of_a_publish_make_a_schema_version_or_reuse_one,
}

async fn an_append_answers_with_the_new_version_and_its_totals(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let input = json!({
        "dataset": slug("weather"), "summary": { "run": 7 }, "metadata": { "by": "cron" },
        "schema": { "fields": [field("temperature", "DOUBLE")] },
        "add": [partition("2020-01-02", "b.parquet"), partition("2020-01-01", "a.parquet")],
    });
    let payload = app.granted("publishManifest", input).await;
    assert_eq!(
        (&payload["replayed"], &payload["skipped"]),
        (&json!(false), &json!([]))
    );
    let manifest = &payload["manifest"];
    let expected = json!({
        "version": 1, "status": "PUBLISHED", "operation": "APPEND", "addedCount": 2, "removedCount": 0, "partitionCount": 2,
        "totalRows": "48", "totalBytes": "2000", "startTime": "2020-01-01T00:00:00.000000Z",
        "endTime": "2020-01-02T23:59:59.999999Z", "summary": { "run": 7 }, "metadata": { "by": "cron" }, "parent": null,
        "schemaVersion": { "version": 1 }, "dataset": { "slug": "weather" },
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&manifest[name], value, "{name}");
    }
    assert_eq!(files(manifest), ["a.parquet", "b.parquet"]);
    assert_eq!(payload["dataset"]["lastPublishedAt"], manifest["publishedAt"]);
    let next = app
        .append("weather", [partition("2020-01-03", "c.parquet")])
        .await;
    assert_eq!(next["parent"]["version"], 1);
    assert_eq!(next["schemaVersion"]["version"], 1);
    assert_eq!(
        (&next["partitionCount"], &next["totalRows"]),
        (&json!(3), &json!("72"))
    );
}

async fn all_that_is_said_of_a_file_comes_back(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.storage_target("pond").await;
    let file = json!({
        "storageTarget": { "name": "pond" }, "filePath": "city=seattle/part 0.duckdb", "fileFormat": "DUCKDB",
        "fileSizeBytes": "9007199254740993", "rowCount": "0", "startTime": "2020-01-01T00:00:00.000001Z",
        "endTime": "2020-01-01T00:00:00.000001Z", "partitionKey": { "city": "seattle", "n": 1.5, "ok": true, "none": null },
        "checksum": "sha256:00", "columnStatistics": { "t": { "min": -1, "max": 2.5, "nullCount": 0, "rowCount": 3 } },
        "bloomFilters": { "city": { "m": 8 } }, "ingestionSignature": "run-1", "metadata": { "source": "x" },
    });
    app.granted(
        "publishManifest",
        json!({ "dataset": slug("weather"), "add": [file] }),
    )
    .await;
    let document = "{ dataset(by: { slug: \"weather\" }) { manifest { partitions { nodes {
        storageTarget { name } filePath uri fileFormat fileSizeBytes rowCount startTime endTime partitionKey checksum
        columnStatistics ingestionSignature metadata addedIn { version } removedIn { version } } } } } }";
    let data = app.query(document, json!({})).await;
    let read = &data["dataset"]["manifest"]["partitions"]["nodes"][0];
    let expected = json!({
        "uri": "s3://pond/timestore/city=seattle/part%200.duckdb", "addedIn": { "version": 1 }, "removedIn": null,
    });
    let mut expected = with(file, expected);
    expected.as_object_mut().unwrap().remove("bloomFilters");
    expected["startTime"] = json!("2020-01-01T00:00:00.000001Z");
    assert_eq!(read, &expected);
}

async fn a_replacement_may_remove_and_add_the_same_path(database: TestDatabase) {
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
    let longer = with(partition("2020-01-01", "a.parquet"), json!({ "rowCount": 30 }));
    let input = json!({
        "dataset": slug("weather"), "operation": "REPLACE", "remove": [path("a.parquet"), path("a.parquet")],
        "add": [longer, partition("2020-01-03", "c.parquet")],
    });
    let manifest = app.granted("publishManifest", input).await["manifest"].take();
    assert_eq!(
        (&manifest["addedCount"], &manifest["removedCount"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(files(&manifest), ["a.parquet", "b.parquet", "c.parquet"]);
    assert_eq!(manifest["totalRows"], "78");
    let document = "{ dataset(by: { slug: \"weather\" }) { manifest(by: { version: 1 }) { totalRows status
        partitions { nodes { filePath rowCount removedIn { version } } } } } }";
    let first = app.query(document, json!({})).await;
    let first = &first["dataset"]["manifest"];
    assert_eq!(
        (&first["totalRows"], &first["status"]),
        (&json!("48"), &json!("SUPERSEDED"))
    );
    let expected = json!([
        { "filePath": "a.parquet", "rowCount": "24", "removedIn": { "version": 2 } },
        { "filePath": "b.parquet", "rowCount": "24", "removedIn": null },
    ]);
    assert_eq!(first["partitions"]["nodes"], expected);
}

async fn a_file_can_be_removed_by_id(database: TestDatabase) {
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
    let document =
        "{ dataset(by: { slug: \"weather\" }) { manifest { partitions(first: 1) { nodes { id } } } } }";
    let data = app.query(document, json!({})).await;
    let id = &data["dataset"]["manifest"]["partitions"]["nodes"][0]["id"];
    let input = json!({ "dataset": slug("weather"), "operation": "DELETE", "remove": [{ "id": id }] });
    let manifest = &app.granted("publishManifest", input).await["manifest"];
    assert_eq!(files(manifest), ["b.parquet"]);
}

async fn remove_all_takes_everything_of_the_expected_version(database: TestDatabase) {
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
    let input =
        json!({ "dataset": slug("weather"), "operation": "DELETE", "removeAll": true, "expectedVersion": 1 });
    let manifest = &app.granted("publishManifest", input).await["manifest"];
    assert_eq!(
        (&manifest["removedCount"], &manifest["partitionCount"]),
        (&json!(2), &json!(0))
    );
    assert_eq!(
        (&manifest["startTime"], &manifest["endTime"]),
        (&Value::Null, &Value::Null)
    );
}

async fn a_compaction_keeps_the_number_of_rows(database: TestDatabase) {
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
    let compact = |rows: i32| {
        let whole = json!({ "rowCount": rows, "endTime": "2020-01-02T23:59:59Z" });
        json!({
            "dataset": slug("weather"), "operation": "COMPACT", "remove": [path("a.parquet"), path("b.parquet")],
            "add": [with(partition("2020-01-01", "ab.parquet"), whole)],
        })
    };
    let error = app.refused_once("publishManifest", compact(47)).await;
    assert_eq!(code_and_path(&error), ("INVALID_INPUT", "input.add".to_owned()));
    let manifest = &app.granted("publishManifest", compact(48)).await["manifest"];
    assert_eq!(
        (files(manifest), &manifest["totalRows"]),
        (vec!["ab.parquet"], &json!("48"))
    );
}

async fn an_operation_that_is_not_asked_for_what_it_does_is_refused(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.append("weather", [partition("2020-01-01", "a.parquet")])
        .await;
    let add = json!([partition("2020-01-02", "b.parquet")]);
    let remove = json!([path("a.parquet")]);
    let cases = [
        (json!({}), "input.add"),
        (json!({ "add": null, "remove": null }), "input.add"),
        (
            json!({ "operation": "APPEND", "add": add, "remove": remove }),
            "input.remove",
        ),
        (
            json!({ "operation": "DELETE", "add": add, "remove": remove }),
            "input.add",
        ),
        (json!({ "operation": "DELETE" }), "input.remove"),
        (json!({ "operation": "REPLACE", "add": add }), "input.remove"),
        (json!({ "operation": "REPLACE", "remove": remove }), "input.add"),
        (json!({ "operation": "COMPACT", "remove": remove }), "input.add"),
        (
            json!({ "operation": "RETENTION", "remove": remove }),
            "input.operation",
        ),
        (json!({ "operation": "ROLLBACK", "add": add }), "input.operation"),
        (
            json!({ "operation": "RELOCATE", "add": add, "remove": remove }),
            "input.operation",
        ),
        (
            json!({ "operation": "DELETE", "removeAll": true }),
            "input.expectedVersion",
        ),
        (
            json!({ "operation": "DELETE", "removeAll": true, "expectedVersion": 1, "remove": remove }),
            "input.remove",
        ),
    ];
    for (input, at) in cases {
        let input = with(input, json!({ "dataset": slug("weather") }));
        let error = app.refused_once("publishManifest", input.clone()).await;
        assert_eq!(code_and_path(&error), ("INVALID_INPUT", at.to_owned()), "{input}");
    }
}

async fn the_fields_of_a_publish_make_a_schema_version_or_reuse_one(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let publish = |day: &str, fields: Value| {
        let add = json!([partition(day, &format!("{day}.parquet"))]);
        json!({ "dataset": slug("weather"), "schema": { "fields": fields }, "add": add })
    };
    let (a, b) = (field("a", "INTEGER"), field("b", "STRING"));
    let version = async |input: Value| {
        app.granted("publishManifest", input).await["manifest"]["schemaVersion"]["version"].take()
    };
    assert_eq!(version(publish("2020-01-01", json!([a]))).await, 1);
    assert_eq!(version(publish("2020-01-02", json!([a, b]))).await, 2);
    assert_eq!(version(publish("2020-01-03", json!([b, a]))).await, 2);
    assert_eq!(version(publish("2020-01-04", json!([a]))).await, 1);
    let error = app
        .refused_once(
            "publishManifest",
            publish("2020-01-05", json!([field("a", "DATE")])),
        )
        .await;
    assert_eq!(error["__typename"], "SchemaIncompatible");
    assert_eq!(
        code_and_path(&error),
        ("SCHEMA_INCOMPATIBLE", "input.schema.fields".to_owned())
    );
    let input = json!({
        "dataset": slug("weather"), "schema": { "version": 3 }, "add": [partition("2020-01-05", "e.parquet")],
    });
    let error = app.refused_once("publishManifest", input).await;
    assert_eq!(
        code_and_path(&error),
        ("NOT_FOUND", "input.schema.version".to_owned())
    );
}
