//! Every mutation leaves its audit event, and its row in the change feed, in its own transaction; a refused one leaves an event
//! that says so, and nothing else.

use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{field, partition, path, slug, with};
use crate::support::database::TestDatabase;

both! {
    every_mutation_leaves_its_trail,
    what_changes_nothing_leaves_none,
    a_refusal_is_recorded_with_who_what_and_why,
    a_refusal_is_recorded_under_each_dataset_that_was_named,
    a_refusal_is_answered_alike_when_it_cannot_be_recorded,
    claims_and_acknowledgements_leave_their_trail,
}

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
        (
            "clearRetentionPolicy",
            json!({ "dataset": slug("weather") }),
            Some("retention_policy_cleared"),
        ),
        // What the lifecycle worker is asked to do is no change of the catalog until it is done.
        ("triggerLifecycleRun", json!({ "kind": "HISTORY" }), None),
        ("createSnapshot", snapshot.clone(), Some("snapshot_created")),
        ("deleteSnapshot", snapshot, Some("snapshot_deleted")),
        // A draft is nobody's business but its author's until it is published.
        ("createManifestDraft", json!({ "dataset": slug("weather") }), None),
        (
            "archiveDataset",
            json!({ "dataset": slug("weather") }),
            Some("dataset_archived"),
        ),
        (
            "deleteDataset",
            json!({ "dataset": slug("weather"), "confirmSlug": "weather" }),
            Some("dataset_deleted"),
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
    app.granted("clearRetentionPolicy", json!({ "dataset": slug("weather") }))
        .await;
    assert_eq!(trail(&connection).await, before);
    let dry = json!({ "dataset": slug("weather"), "fields": [], "dryRun": true });
    app.refused("createSchemaVersion", dry).await;
    assert_eq!(trail(&connection).await, before);
}

/// The refusals that the audit trail has, oldest first.
async fn refusals(app: &App) -> Vec<Value> {
    let document = "{ auditEvents(last: 100, filter: { outcome: REFUSED }) {
        nodes { action dataset { slug } datasetSlug detail } } }";
    let mut data = app.query(document, json!({})).await;
    let Value::Array(mut events) = data["auditEvents"]["nodes"].take() else {
        panic!("a list of events")
    };
    events.reverse();
    events
}

async fn a_refusal_is_recorded_with_who_what_and_why(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.append("weather", [partition("2020-01-01", "a.parquet")])
        .await;
    let draft = app.draft("weather").await;
    let connection = database.connections().await.reader;
    let (granted, changes) = trail(&connection).await;
    let duplicate = json!({ "add": [partition("2020-01-01", "a.parquet")] });
    let (weather, nobody) = (json!("weather"), Value::Null);
    let steps = [
        (
            "upsertStorageTarget",
            json!({ "name": "", "kind": "S3", "baseUri": "s3://lake" }),
            &nobody,
            "INVALID_INPUT",
        ),
        (
            "createDataset",
            json!({ "slug": "Weather", "name": "Another" }),
            &weather,
            "ALREADY_EXISTS",
        ),
        (
            "createDataset",
            json!({ "slug": "no slug", "name": "No" }),
            &nobody,
            "INVALID_INPUT",
        ),
        (
            "updateDataset",
            json!({ "dataset": slug("weather"), "name": null }),
            &weather,
            "INVALID_INPUT",
        ),
        (
            "archiveDataset",
            json!({ "dataset": slug("Other") }),
            &json!("other"),
            "NOT_FOUND",
        ),
        (
            "deleteDataset",
            json!({ "dataset": slug("weather"), "confirmSlug": "other" }),
            &weather,
            "INVALID_INPUT",
        ),
        (
            "createSchemaVersion",
            json!({ "dataset": slug("weather"), "fields": [] }),
            &weather,
            "INVALID_INPUT",
        ),
        (
            "publishManifest",
            with(duplicate.clone(), json!({ "dataset": slug("weather") })),
            &weather,
            "DUPLICATE_PARTITIONS",
        ),
        (
            "rollbackDataset",
            json!({ "dataset": slug("weather"), "to": 9 }),
            &weather,
            "NOT_FOUND",
        ),
        (
            "setRetentionPolicy",
            json!({ "dataset": slug("weather"), "keepVersions": 0 }),
            &weather,
            "INVALID_INPUT",
        ),
        (
            "createSnapshot",
            json!({ "dataset": slug("weather"), "name": "" }),
            &weather,
            "INVALID_INPUT",
        ),
        (
            "deleteSnapshot",
            json!({ "dataset": slug("weather"), "name": "none" }),
            &weather,
            "NOT_FOUND",
        ),
        (
            "createManifestDraft",
            json!({ "dataset": slug("weather"), "expectedVersion": -1 }),
            &weather,
            "INVALID_INPUT",
        ),
        (
            "stagePartitions",
            with(duplicate, json!({ "draft": draft["id"] })),
            &weather,
            "DUPLICATE_PARTITIONS",
        ),
        (
            "publishManifestDraft",
            json!({ "draft": draft["id"] }),
            &weather,
            "INVALID_INPUT",
        ),
        (
            "discardManifestDraft",
            json!({ "draft": "nothing" }),
            &nobody,
            "NOT_FOUND",
        ),
    ];
    let mut expected = Vec::new();
    for (mutation, input, dataset, code) in steps {
        let errors = app.refused(mutation, input).await;
        assert_eq!(errors[0]["code"], code, "{mutation}");
        let listed: Vec<Value> = errors
            .iter()
            .map(|error| json!({ "code": error["code"], "path": error["path"], "message": error["message"] }))
            .collect();
        expected.push(json!({
            "action": mutation,
            "dataset": if *dataset == weather { slug("weather") } else { Value::Null },
            "datasetSlug": dataset,
            "detail": { "errors": listed },
        }));
    }
    assert_eq!(refusals(&app).await, expected);
    let (audited, fed) = trail(&connection).await;
    assert_eq!((audited.len(), fed), (granted.len() + expected.len(), changes));
}

async fn a_refusal_is_recorded_under_each_dataset_that_was_named(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("rain").await;
    app.dataset("weather").await;
    let publish =
        |name: &str, path: &str| json!({ "dataset": slug(name), "add": [partition("2020-01-01", path)] });
    let manifests = [
        publish("rain", "a"),
        publish("weather", "../b"),
        publish("missing", "c"),
    ];
    app.refused("publishManifests", json!({ "manifests": manifests }))
        .await;
    let events = refusals(&app).await;
    let mut slugs: Vec<&str> = events
        .iter()
        .map(|event| event["datasetSlug"].as_str().unwrap())
        .collect();
    slugs.sort_unstable();
    assert_eq!(slugs, ["missing", "rain", "weather"]);
    assert!(events.iter().all(|event| event["detail"] == events[0]["detail"]));

    let document = "mutation { mine: deleteSnapshot(input: { dataset: { slug: \"rain\" }, name: \"none\" }) {
        userErrors { code } } }";
    app.query(document, json!({})).await;
    let events = refusals(&app).await;
    assert_eq!(
        events.last().unwrap()["action"],
        "deleteSnapshot",
        "whatever the caller calls it"
    );
}

async fn a_refusal_is_answered_alike_when_it_cannot_be_recorded(database: TestDatabase) {
    let app = App::new(&database).await;
    let input = json!({ "dataset": slug("missing") });
    let answer = app.mutate("archiveDataset", input.clone()).await;
    assert_eq!(answer["userErrors"][0]["code"], "NOT_FOUND");
    let writer = database.connections().await.writer;
    let away = "alter table timestore.audit_events rename to elsewhere";
    writer.execute_unprepared(away).await.unwrap();
    assert_eq!(app.mutate("archiveDataset", input).await, answer);
}

async fn claims_and_acknowledgements_leave_their_trail(database: TestDatabase) {
    use crate::support::catalog;
    let app = App::new(&database).await;
    let store = database.store().await;
    let id = catalog::dataset(&store, "weather").await.id;
    let connection = database.connections().await.writer;
    for path in ["a.parquet", "b.parquet"] {
        catalog::queue_removal(&connection, &store, id, ("files", path), catalog::minute(0)).await;
    }
    let before = trail(&connection).await;
    let since = async || {
        let (actions, kinds) = trail(&connection).await;
        (
            actions[before.0.len()..].to_vec(),
            kinds[before.1.len()..].to_vec(),
        )
    };
    let claimed = app.granted("claimFileRemovals", json!({ "owner": "w" })).await;
    let nothing = app.granted("claimFileRemovals", json!({ "owner": "w" })).await;
    assert_eq!(nothing["removals"], json!([]));
    assert_eq!(since().await, (vec!["claimFileRemovals".to_owned()], vec![]));
    let ids = claimed["removals"].as_array().unwrap();
    let failed = json!([{ "removal": ids[1]["id"], "error": "no", "permanent": true }]);
    let input = json!({
        "leaseId": claimed["leaseId"], "removed": [{ "removal": ids[0]["id"] }], "failed": failed,
    });
    app.granted("acknowledgeFileRemovals", input).await;
    app.granted("requeueFileRemovals", json!({})).await;
    app.granted("requeueFileRemovals", json!({})).await;
    let (actions, kinds) = since().await;
    assert_eq!(
        actions,
        [
            "claimFileRemovals",
            "acknowledgeFileRemovals",
            "requeueFileRemovals"
        ]
    );
    assert_eq!(kinds, ["files_removed"]);
}
