//! Deleting a dataset: nothing of it is left but its trail and its files, which go later. See [`super::dataset_delete_race`] for
//! who else is at it meanwhile.

use std::sync::Arc;

use chrono::Duration;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use serde_json::{Value, json};
use timestore_entity::enums::ManifestOperation;
use timestore_gateway::halt::Halt;
use timestore_gateway::lifecycle::{Lifecycle, Memory};
use timestore_gateway::store::dataset::DatasetDelete;
use timestore_gateway::store::file_removal::FileRemovalClaim;
use timestore_gateway::store::publish::{ManifestPublish, Rollback};
use timestore_gateway::store::storage_target::StorageTargetUpsert;
use timestore_gateway::store::{Clock, DatasetRef, StorageTargetRef, Store};

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{code_and_path, field, partition, path, slug, with};
use crate::support::catalog::{ann, append, at, dataset, minute, publish};
use crate::support::client::TABLES;
use crate::support::clock::StillClock;
use crate::support::database::TestDatabase;
use crate::support::storage::TestStorage;

both! {
    nothing_of_a_dataset_is_left_but_its_trail_and_its_files,
    deleting_is_refused_while_snapshots_pin_and_unless_the_slug_is_confirmed,
    an_archived_dataset_without_a_version_can_be_deleted,
    the_slug_can_be_used_again_at_once,
    a_file_is_queued_once_and_never_handed_out_while_another_dataset_names_it,
    files_on_disk_go_in_the_end,
}

/// A dataset with something in every table.
async fn filled(app: &App, connection: &DatabaseConnection) -> Value {
    let dataset = app.dataset("weather").await;
    let named = json!({ "dataset": slug("weather") });
    let first = json!({
        "schema": { "fields": [field("t", "DOUBLE")] }, "idempotencyKey": "once",
        "add": [partition("2020-01-01", "a"), partition("2020-01-02", "b"), partition("2020-01-03", "c")],
        "watermark": { "source": "s", "sealedThrough": "2020-01-02T00:00:00Z" },
    });
    app.granted("publishManifest", with(first, named.clone())).await;
    for name in ["over", "lasts"] {
        let expires = if name == "over" {
            json!("2100-01-01T00:00:00Z")
        } else {
            Value::Null
        };
        let pin = json!({ "name": name, "expiresAt": expires });
        app.granted("createSnapshot", with(pin, named.clone())).await;
    }
    let run_out =
        "update timestore.snapshots set expires_at = '2020-01-01 00:00:00+00:00' where name = 'over'";
    connection.execute_unprepared(run_out).await.unwrap();
    let delete = json!({ "operation": "DELETE", "remove": [path("a"), path("b")] });
    app.granted("publishManifest", with(delete, named.clone())).await;
    app.append("weather", [partition("2020-01-01", "a")]).await;
    let draft = app
        .granted(
            "createManifestDraft",
            with(json!({ "operation": "REPLACE" }), named.clone()),
        )
        .await;
    let stage = json!({ "draft": draft["draft"]["id"], "add": [partition("2020-01-09", "staged")], "remove": [path("c")] });
    app.granted("stagePartitions", stage).await;
    let policy = json!({ "keepVersions": 3, "deleteGrace": "P2D" });
    app.granted("setRetentionPolicy", with(policy, named)).await;
    dataset
}

/// How many rows of the dataset with this slug, once its id is known, each table has.
async fn rows_of(connection: &DatabaseConnection, id: &str) -> Vec<(&'static str, i64)> {
    let mut rows = Vec::new();
    let of_none = ["api_tokens", "storage_targets"];
    for table in TABLES.into_iter().filter(|table| !of_none.contains(table)) {
        let key = if table == "datasets" { "id" } else { "dataset_id" };
        let text = format!("select count(*) from timestore.{table} where {key} = {id}");
        let statement = Statement::from_string(connection.get_database_backend(), text);
        let row = connection.query_one_raw(statement).await.unwrap().unwrap();
        rows.push((table, row.try_get_by_index(0).unwrap()));
    }
    rows
}

/// The id of the only dataset with a policy, as SQL, which goes with it.
async fn id_of_policy(connection: &DatabaseConnection) -> String {
    let is_postgres = connection.get_database_backend() == sea_orm::DbBackend::Postgres;
    let id = if is_postgres {
        "'''' || dataset_id || ''''"
    } else {
        "'x''' || hex(dataset_id) || ''''"
    };
    let text = format!("select {id} from timestore.retention_policies");
    let statement = Statement::from_string(connection.get_database_backend(), text);
    let row = connection.query_one_raw(statement).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

async fn nothing_of_a_dataset_is_left_but_its_trail_and_its_files(database: TestDatabase) {
    let app = App::new(&database).await;
    let connection = database.connections().await.writer;
    let weather = filled(&app, &connection).await;
    app.dataset("rain").await;
    app.append("rain", [partition("2020-01-01", "rain")]).await;
    let rain = "{ dataset(by: { slug: \"rain\" }) { revision manifest { version partitions { nodes { filePath } } } } }";
    let untouched = app.query(rain, json!({})).await;
    let id = id_of_policy(&connection).await;
    let kept = ["audit_events", "changes", "file_removals", "lifecycle_runs"];
    let before = rows_of(&connection, &id).await;
    let empty = |(table, rows): &&(&str, i64)| !kept.contains(table) && *rows == 0;
    assert_eq!(before.iter().find(empty), None, "every table is put to the test");
    app.granted(
        "deleteSnapshot",
        json!({ "dataset": slug("weather"), "name": "lasts" }),
    )
    .await;

    let input = json!({ "dataset": { "id": weather["id"] }, "confirmSlug": "WEATHER" });
    let payload = app.granted("deleteDataset", input.clone()).await;
    let expected = json!({ "id": weather["id"], "slug": "weather", "queuedFiles": 3, "queuedBytes": "3000" });
    assert_eq!(payload["deleted"], expected);
    for (table, rows) in rows_of(&connection, &id).await {
        assert_eq!(rows > 0, kept[..3].contains(&table), "{table} has {rows} rows");
    }
    assert_eq!(app.query(rain, json!({})).await, untouched);

    let read = "query ($id: ID!) { node(id: $id) { id }
        fileRemovals(filter: { dataset: { id: $id } }) { nodes { filePath state dataset { slug } queuedAt dueAt } }
        auditEvents(first: 1, filter: { dataset: { slug: \"weather\" } }) { nodes { action dataset { slug } datasetSlug detail } } }";
    let data = app.query(read, json!({ "id": weather["id"] })).await;
    assert_eq!(data["node"], Value::Null);
    let removals = data["fileRemovals"]["nodes"].as_array().unwrap();
    let mut paths: Vec<&str> = removals
        .iter()
        .map(|removal| removal["filePath"].as_str().unwrap())
        .collect();
    paths.sort_unstable();
    assert_eq!(paths, ["a", "b", "c"], "what was only staged is nobody's");
    for removal in removals {
        assert_eq!(
            (&removal["state"], &removal["dataset"]),
            (&json!("WAITING"), &Value::Null)
        );
        let instant = |field: &str| {
            removal[field]
                .as_str()
                .unwrap()
                .parse::<chrono::DateTime<chrono::Utc>>()
                .unwrap()
        };
        assert_eq!(
            instant("dueAt") - instant("queuedAt"),
            Duration::days(2),
            "the grace of its policy"
        );
    }
    let detail = json!({ "slug": "weather", "versions": 3, "queuedFiles": 3, "queuedBytes": "3000" });
    let event =
        json!({ "action": "deleteDataset", "dataset": null, "datasetSlug": "weather", "detail": detail });
    assert_eq!(data["auditEvents"]["nodes"], json!([event]));
    let changes = app.feed(13).await;
    let last = changes.last().unwrap();
    assert_eq!(
        (
            &last["kind"],
            &last["dataset"],
            &last["manifest"],
            &last["payload"]
        ),
        (&json!("DATASET_DELETED"), &Value::Null, &Value::Null, &detail)
    );
    let again = app.refused_once("deleteDataset", input).await;
    assert_eq!(
        code_and_path(&again),
        ("NOT_FOUND", "input.dataset.id".to_owned())
    );
}

async fn deleting_is_refused_while_snapshots_pin_and_unless_the_slug_is_confirmed(database: TestDatabase) {
    let app = App::new(&database).await;
    let connection = database.connections().await.writer;
    filled(&app, &connection).await;
    let delete = |confirm: &str| json!({ "dataset": slug("Weather"), "confirmSlug": confirm });
    let errors = app.refused("deleteDataset", delete("weathers")).await;
    let [unconfirmed, pinned] = &errors[..] else {
        panic!("{errors:#?}")
    };
    assert_eq!(
        code_and_path(unconfirmed),
        ("INVALID_INPUT", "input.confirmSlug".to_owned())
    );
    assert_eq!(
        unconfirmed["message"],
        "expected \"weather\", the slug of the dataset"
    );
    assert_eq!(
        (&pinned["__typename"], code_and_path(pinned)),
        (
            &json!("DatasetPinned"),
            ("DATASET_PINNED", "input.dataset".to_owned())
        )
    );
    let lasts = json!({ "name": "lasts", "version": 1, "expiresAt": null });
    assert_eq!(
        pinned["snapshots"],
        json!([lasts]),
        "what has run out pins nothing"
    );
    let pinned = app.refused_once("deleteDataset", delete("weather")).await;
    assert_eq!(pinned["code"], "DATASET_PINNED");
    let missing = app
        .refused_once(
            "deleteDataset",
            json!({ "dataset": slug("other"), "confirmSlug": "other" }),
        )
        .await;
    assert_eq!(
        code_and_path(&missing),
        ("NOT_FOUND", "input.dataset.slug".to_owned())
    );
    app.granted(
        "deleteSnapshot",
        json!({ "dataset": slug("weather"), "name": "lasts" }),
    )
    .await;
    for confirm in ["", " weather", "weather\0", "Wettér"] {
        let error = app.refused_once("deleteDataset", delete(confirm)).await;
        assert_eq!(error["code"], "INVALID_INPUT", "{confirm:?}");
    }
    app.granted("deleteDataset", delete("weather")).await;
}

async fn an_archived_dataset_without_a_version_can_be_deleted(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.granted("archiveDataset", json!({ "dataset": slug("weather") }))
        .await;
    let input = json!({ "dataset": slug("weather"), "confirmSlug": "weather" });
    let payload = app.granted("deleteDataset", input).await;
    assert_eq!(
        (
            &payload["deleted"]["queuedFiles"],
            &payload["deleted"]["queuedBytes"]
        ),
        (&json!(0), &json!("0"))
    );
}

async fn the_slug_can_be_used_again_at_once(database: TestDatabase) {
    let app = App::new(&database).await;
    let connection = database.connections().await.writer;
    let before = filled(&app, &connection).await;
    app.granted(
        "deleteSnapshot",
        json!({ "dataset": slug("weather"), "name": "lasts" }),
    )
    .await;
    app.granted(
        "deleteDataset",
        json!({ "dataset": slug("weather"), "confirmSlug": "weather" }),
    )
    .await;
    let after = app.dataset("weather").await;
    assert_ne!(after["id"], before["id"]);
    let input = json!({ "dataset": slug("weather"), "add": [partition("2020-01-01", "a")], "idempotencyKey": "once" });
    let published = app.granted("publishManifest", input).await;
    assert_eq!(
        (&published["manifest"]["version"], &published["replayed"]),
        (&json!(1), &json!(false)),
        "its key is another dataset's"
    );
    let read = "{ dataset(by: { slug: \"weather\" }) { retentionPolicy { revision } watermarks { source }
        schemaVersion { version } snapshots { totalCount } } }";
    let data = app.query(read, json!({})).await;
    let nothing = json!({ "retentionPolicy": null, "watermarks": [], "schemaVersion": null, "snapshots": { "totalCount": 0 } });
    assert_eq!(data["dataset"], nothing);
}

/// Deletes the dataset called `weather`; returns how many files were queued.
async fn delete(store: &Store) -> i64 {
    let input = DatasetDelete {
        dataset: DatasetRef::Slug("weather".to_owned()),
        confirm_slug: "weather".to_owned(),
    };
    store.dataset_delete(&ann(), input).await.unwrap().queued_files
}

async fn a_file_is_queued_once_and_never_handed_out_while_another_dataset_names_it(database: TestDatabase) {
    let clock = Arc::new(StillClock::at(minute(1_000)));
    let store = database.store_at(clock.clone()).await;
    let weather = dataset(&store, "weather").await.id;
    let rain = dataset(&store, "rain").await.id;
    for (id, path) in [
        (weather, "mine"),
        (weather, "shared"),
        (rain, "shared"),
        (rain, "other"),
    ] {
        store.manifest_publish(&ann(), append(id, path, 0)).await.unwrap();
    }
    // Each path gets several rows: removed, brought back, removed again.
    let remove = |path: &str| ManifestPublish {
        remove: vec![at(path)],
        ..publish(weather, ManifestOperation::Delete)
    };
    for (path, to) in [("mine", 2), ("shared", 2), ("mine", 4)] {
        store.manifest_publish(&ann(), remove(path)).await.unwrap();
        let rollback = Rollback {
            dataset: DatasetRef::Id(weather),
            to,
            expected_version: None,
            idempotency_key: None,
        };
        store.dataset_rollback(&ann(), rollback).await.unwrap();
    }
    store.manifest_publish(&ann(), remove("mine")).await.unwrap();
    assert_eq!(delete(&store).await, 2);
    let claim = async || {
        let claim = FileRemovalClaim {
            owner: "worker".to_owned(),
            limit: 100,
            lease: "PT5M".parse().unwrap(),
        };
        let claimed = store.file_removals_claim(&ann(), claim).await.unwrap();
        let paths = claimed.removals.into_iter().map(|removal| removal.file_path);
        paths.collect::<Vec<_>>()
    };
    assert_eq!(claim().await, [""; 0], "its grace lasts a day");
    clock.advance(Duration::days(1));
    assert_eq!(claim().await, ["mine"]);
}

async fn files_on_disk_go_in_the_end(database: TestDatabase) {
    let storage = TestStorage::disk();
    let clock = Arc::new(StillClock::at(minute(1_000)));
    let store = database.store_at(clock.clone()).await;
    let weather = dataset(&store, "weather").await.id;
    let rain = dataset(&store, "rain").await.id;
    let target = StorageTargetUpsert {
        id: None,
        name: "real".to_owned(),
        kind: storage.kind(),
        base_uri: storage.base_uri(),
        description: None,
        config: Some(storage.config()),
    };
    store.storage_target_upsert(&ann(), target).await.unwrap();
    for (id, path) in [(weather, "a"), (weather, "b"), (rain, "b")] {
        storage.put(path, b"rows").await;
        let mut append = append(id, path, 0);
        append.add[0].storage_target = Some(StorageTargetRef::Name("real".to_owned()));
        store.manifest_publish(&ann(), append).await.unwrap();
    }
    assert_eq!(delete(&store).await, 2);
    let environment = storage.environment();
    let lifecycle = Lifecycle {
        store: &store,
        clock: &*clock as &dyn Clock,
        environment: &environment,
        memory: Memory::default(),
        by: ann(),
        name: "test".to_owned(),
    };
    assert_eq!(
        lifecycle
            .pass(None, &Halt::default())
            .await
            .unwrap()
            .removed_files,
        0
    );
    assert!(storage.exists("a").await, "its grace lasts a day");
    clock.advance(Duration::days(1));
    assert_eq!(
        lifecycle
            .pass(None, &Halt::default())
            .await
            .unwrap()
            .removed_files,
        1
    );
    assert_eq!(
        (storage.exists("a").await, storage.exists("b").await),
        (false, true)
    );
}
