//! Every mutation leaves its audit event, and its row in the change feed, in its own transaction.

use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{field, partition, path, slug};
use crate::support::database::TestDatabase;

both! { every_mutation_leaves_its_trail, what_changes_nothing_leaves_none }

/// The audited actions and the kinds of changes, oldest first.
async fn trail(connection: &DatabaseConnection) -> (Vec<String>, Vec<String>) {
    let read = async |sql: &str| {
        let statement = Statement::from_string(connection.get_database_backend(), sql);
        let rows = connection.query_all_raw(statement).await.unwrap();
        rows.iter()
            .map(|row| row.try_get_by_index(0).unwrap())
            .collect::<Vec<String>>()
    };
    let audited = read("select action from timestore.audit_events order by occurred_at, id").await;
    (
        audited,
        read("select kind from timestore.changes order by sequence").await,
    )
}

async fn every_mutation_leaves_its_trail(database: TestDatabase) {
    let app = App::new(&database).await;
    let connection = database.connections().await.reader;
    let target = json!({ "name": "files", "kind": "LOCAL", "baseUri": "file:///files" });
    let dataset =
        json!({ "slug": "weather", "name": "Weather", "defaultStorageTarget": { "name": "files" } });
    let fields = json!({ "dataset": slug("weather"), "fields": [field("a", "DOUBLE")] });
    let append = |path: &str| json!({ "dataset": slug("weather"), "add": [partition("2020-01-01", path)] });
    let snapshot = json!({ "dataset": slug("weather"), "name": "pin" });
    let steps: Vec<(&str, Value, Option<&str>)> = vec![
        ("upsertStorageTarget", target, Some("storage_target_upserted")),
        ("createDataset", dataset, Some("dataset_created")),
        (
            "updateDataset",
            json!({ "dataset": slug("weather"), "name": "W" }),
            Some("dataset_updated"),
        ),
        ("createSchemaVersion", fields, Some("schema_version_created")),
        ("publishManifest", append("a.parquet"), Some("manifest_published")),
        ("publishManifest", append("b.parquet"), Some("manifest_published")),
        (
            "rollbackDataset",
            json!({ "dataset": slug("weather"), "to": 1 }),
            Some("manifest_published"),
        ),
        (
            "setRetentionPolicy",
            json!({ "dataset": slug("weather"), "keepVersions": 3 }),
            Some("retention_policy_set"),
        ),
        (
            "relocatePartitions",
            json!({ "dataset": slug("weather"), "moves":
                [{ "partition": path("a.parquet"), "storageTarget": { "name": "files" }, "filePath": "c.parquet" }] }),
            Some("manifest_published"),
        ),
        (
            "expireManifests",
            json!({ "dataset": slug("weather") }),
            Some("manifests_expired"),
        ),
        ("createSnapshot", snapshot.clone(), Some("snapshot_created")),
        ("deleteSnapshot", snapshot, Some("snapshot_deleted")),
        // A draft is nobody's business but its author's until it is published.
        ("createManifestDraft", json!({ "dataset": slug("weather") }), None),
        (
            "archiveDataset",
            json!({ "dataset": slug("weather") }),
            Some("dataset_archived"),
        ),
    ];
    let (mut actions, mut kinds) = (Vec::new(), Vec::new());
    for (mutation, input, kind) in steps {
        app.granted(mutation, input).await;
        actions.push(mutation.to_owned());
        kinds.extend(kind.map(str::to_owned));
        assert_eq!(trail(&connection).await, (actions.clone(), kinds.clone()));
    }
}

async fn what_changes_nothing_leaves_none(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let add = json!([partition("2020-01-01", "a.parquet")]);
    let publish = json!({ "dataset": slug("weather"), "add": add, "idempotencyKey": "once" });
    app.granted("publishManifest", publish.clone()).await;
    let connection = database.connections().await.reader;
    let before = trail(&connection).await;
    app.granted("publishManifest", publish).await;
    let skipped = json!({ "dataset": slug("weather"), "add": add, "onDuplicate": "SKIP" });
    app.granted("publishManifest", skipped).await;
    app.refused(
        "publishManifest",
        json!({ "dataset": slug("weather"), "add": add }),
    )
    .await;
    assert_eq!(trail(&connection).await, before);
}
