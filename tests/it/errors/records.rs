//! Targets, datasets, schemas and snapshots that cannot be.

use serde_json::{Value, json};

use super::{INVALID, NOT_FOUND, check, set_up};
use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{field, slug, with};
use crate::support::database::TestDatabase;

both! {
    targets_that_cannot_be_are_refused,
    datasets_that_cannot_be_are_refused,
    fields_that_cannot_be_are_refused,
    snapshots_that_cannot_be_are_refused,
}

async fn targets_that_cannot_be_are_refused(database: TestDatabase) {
    let app = App::new(&database).await;
    let target = |wrong: Value| {
        with(
            json!({ "name": "lake", "kind": "S3", "baseUri": "s3://lake/a" }),
            wrong,
        )
    };
    let mut cases = vec![
        (target(json!({ "name": "" })), INVALID, "name"),
        (target(json!({ "name": " " })), INVALID, "name"),
        (target(json!({ "name": "a\0" })), INVALID, "name"),
        (target(json!({ "name": "a".repeat(121) })), INVALID, "name"),
        (target(json!({ "description": "\0" })), INVALID, "description"),
        (target(json!({ "config": [] })), INVALID, "config"),
        (target(json!({ "config": { "a": "\0" } })), INVALID, "config"),
    ];
    for (kind, base) in [
        ("S3", ""),
        ("S3", "s3://"),
        ("S3", "/data"),
        ("S3", "gs://b"),
        ("S3", "s3://key:secret@b"),
        ("S3", "s3://b/../a"),
        ("S3", "s3://b?X-Amz-Signature=x"),
        ("S3", "s3://b/\0"),
        ("LOCAL", "data"),
        ("LOCAL", "/data/.."),
        ("GCS", "s3://b"),
        ("AZURE_BLOB", "http://account/c"),
        ("HTTP", "https://user:pass@host/a"),
        ("HTTP", "ftp://host"),
    ] {
        cases.push((
            target(json!({ "kind": kind, "baseUri": base })),
            INVALID,
            "baseUri",
        ));
    }
    for config in [
        json!({ "password": "x" }),
        json!({ "s3": { "secretAccessKey": "x" } }),
        json!({ "token": "x" }),
        json!({ "endpoint": "https://user:pass@host" }),
        json!({ "key": "-----BEGIN PRIVATE KEY-----\nx" }),
        json!({ "connectionString": "AccountKey=x" }),
    ] {
        cases.push((target(json!({ "config": config })), INVALID, "config"));
    }
    check(&app, "upsertStorageTarget", cases).await;
}

async fn datasets_that_cannot_be_are_refused(database: TestDatabase) {
    let app = App::new(&database).await;
    set_up(&app).await;
    let create = |wrong: Value| with(json!({ "slug": "other", "name": "Other" }), wrong);
    let mut cases = vec![
        (create(json!({ "name": "" })), INVALID, "name"),
        (create(json!({ "name": "a\nb" })), INVALID, "name"),
        (create(json!({ "name": "a".repeat(201) })), INVALID, "name"),
        (create(json!({ "description": "a\0" })), INVALID, "description"),
        (
            create(json!({ "description": "a".repeat(10_001) })),
            INVALID,
            "description",
        ),
        (
            create(json!({ "readScopes": ["a", "b c"] })),
            INVALID,
            "readScopes.1",
        ),
        (create(json!({ "writeScopes": [""] })), INVALID, "writeScopes.0"),
        (create(json!({ "metadata": 7 })), INVALID, "metadata"),
        (
            create(json!({ "metadata": { "a": ["\0"] } })),
            INVALID,
            "metadata",
        ),
    ];
    for slug in [
        "",
        "ab",
        "a b",
        "-ab",
        "ab.",
        "a..b",
        "über",
        "a/b",
        "a\0b",
        "abc\n",
        &"a".repeat(121),
    ] {
        cases.push((create(json!({ "slug": slug })), INVALID, "slug"));
    }
    check(&app, "createDataset", cases).await;
    let update = |wrong: Value| with(json!({ "dataset": slug("weather") }), wrong);
    let cases = vec![
        (update(json!({ "name": "" })), INVALID, "name"),
        (update(json!({ "description": "\0" })), INVALID, "description"),
        (update(json!({ "readScopes": [" "] })), INVALID, "readScopes.0"),
        (update(json!({ "metadata": [1] })), INVALID, "metadata"),
        (
            update(json!({ "defaultStorageTarget": { "name": "none" } })),
            NOT_FOUND,
            "defaultStorageTarget",
        ),
    ];
    check(&app, "updateDataset", cases).await;
    let input = json!({ "dataset": slug("weather"), "reason": "a\0" });
    check(&app, "archiveDataset", vec![(input, INVALID, "reason")]).await;
}

async fn fields_that_cannot_be_are_refused(database: TestDatabase) {
    let app = App::new(&database).await;
    set_up(&app).await;
    let fields = |fields: Value| json!({ "dataset": slug("weather"), "fields": fields });
    let a = field("a", "INTEGER");
    let cases = vec![
        (fields(json!([])), INVALID, "fields"),
        (
            fields(json!([a, field("b", "DATE"), a])),
            INVALID,
            "fields.2.name",
        ),
        (fields(json!([field("", "DATE")])), INVALID, "fields.0.name"),
        (fields(json!([field("a\0", "DATE")])), INVALID, "fields.0.name"),
        (
            fields(json!([field(&"a".repeat(256), "DATE")])),
            INVALID,
            "fields.0.name",
        ),
        (
            fields(json!([with(a.clone(), json!({ "unit": "\0" }))])),
            INVALID,
            "fields.0.unit",
        ),
        (
            fields(json!([with(a.clone(), json!({ "nativeType": "" }))])),
            INVALID,
            "fields.0.nativeType",
        ),
        (
            fields(json!([with(a.clone(), json!({ "description": "\0" }))])),
            INVALID,
            "fields.0.description",
        ),
        (
            with(fields(json!([a])), json!({ "description": "\0" })),
            INVALID,
            "description",
        ),
    ];
    check(&app, "createSchemaVersion", cases).await;
}

async fn snapshots_that_cannot_be_are_refused(database: TestDatabase) {
    let app = App::new(&database).await;
    set_up(&app).await;
    let create = |wrong: Value| with(json!({ "dataset": slug("weather"), "name": "q3" }), wrong);
    let cases = vec![
        (create(json!({ "name": "" })), INVALID, "name"),
        (create(json!({ "name": "a\0" })), INVALID, "name"),
        (create(json!({ "name": "a".repeat(121) })), INVALID, "name"),
        (create(json!({ "description": "\0" })), INVALID, "description"),
        (
            create(json!({ "expiresAt": "2001-01-01T00:00:00Z" })),
            INVALID,
            "expiresAt",
        ),
        (create(json!({ "at": { "snapshot": "\0" } })), NOT_FOUND, "at"),
        (create(json!({ "at": { "version": -1 } })), NOT_FOUND, "at"),
    ];
    check(&app, "createSnapshot", cases).await;
    check(
        &app,
        "deleteSnapshot",
        vec![(create(json!({ "name": "\0" })), NOT_FOUND, "name")],
    )
    .await;
}
