//! Storage targets that stand for one place, however their bases are written: a file of one is a file of the other.

use chrono::Duration;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use timestore_entity::enums::StorageKind;
use timestore_gateway::store::file_removal::FileRemovalClaim;
use timestore_gateway::store::storage_target::StorageTargetUpsert;
use timestore_gateway::store::{StorageTargetRef, Store};

use crate::support::both;
use crate::support::catalog::{ann, append, dataset, minute, queue_removal};
use crate::support::database::TestDatabase;

both! {
    a_file_is_kept_that_another_target_of_the_same_place_needs,
    a_target_from_before_there_were_places_is_compared_as_it_is_written,
}

async fn target(store: &Store, name: &str, kind: StorageKind, base_uri: &str, config: Value) {
    let target = StorageTargetUpsert {
        id: None,
        name: name.to_owned(),
        kind,
        base_uri: base_uri.to_owned(),
        description: None,
        config: Some(config),
    };
    store.storage_target_upsert(&ann(), target).await.unwrap();
}

/// The paths of the files that a worker gets.
async fn claimed(store: &Store) -> Vec<String> {
    let claim = FileRemovalClaim {
        owner: "worker".to_owned(),
        limit: 100,
        lease: "PT5M".parse().unwrap(),
    };
    let claimed = store.file_removals_claim(&ann(), claim).await.unwrap();
    let mut paths: Vec<String> = claimed
        .removals
        .into_iter()
        .map(|removal| removal.file_path)
        .collect();
    paths.sort();
    paths
}

async fn a_file_is_kept_that_another_target_of_the_same_place_needs(database: TestDatabase) {
    use StorageKind::{AzureBlob, Local, S3};
    let store = database.store().await;
    let connection = database.connections().await.writer;
    let weather = dataset(&store, "weather").await.id;
    let rain = dataset(&store, "rain").await.id;
    let (blob, dfs) = ("blob.core.windows.net", "dfs.core.windows.net");
    // The target and the path that a removal names, and those that a live file names: the same file each time.
    let pairs = [
        (Local, "file:///data/a%62", "f%20", "file:///data/ab", "f%20"),
        (Local, "file://localhost/data/c%20d", "f", "/data/c d", "f"),
        (Local, "/data/e%66", "f", "file:///data/e%2566", "f"),
        (Local, "file:///data/g%20h/i", "f", "file:///data", "g h/i/f"),
        (Local, "file:///data", "ü j/f", "file:///data/%C3%BC%20j", "f"),
        (S3, "s3://lake/%61", "f", "S3://lake/a/", "f"),
        (
            AzureBlob,
            "az://c/x",
            "f",
            &format!("https://ACC.{blob}/c/%78"),
            "f",
        ),
        (
            AzureBlob,
            &format!("abfs://c@acc.{dfs}/y"),
            "f",
            &format!("abfss://c@acc.{blob}/y"),
            "f",
        ),
    ];
    let due = chrono::Utc::now() - Duration::minutes(1);
    for (n, (kind, base, removed, other, needed)) in pairs.into_iter().enumerate() {
        let (mine, theirs) = (format!("mine-{n}"), format!("theirs-{n}"));
        let config = if base.starts_with("az:") {
            json!({ "account": "acc" })
        } else {
            json!({})
        };
        target(&store, &mine, kind, base, config).await;
        target(&store, &theirs, kind, other, json!({})).await;
        queue_removal(&connection, &store, weather, (&mine, removed), due).await;
        let mut input = append(rain, needed, 0);
        input.add[0].storage_target = Some(StorageTargetRef::Name(theirs));
        store.manifest_publish(&ann(), input).await.unwrap();
    }
    // What differs in case, or only decoded once more, is another file.
    target(&store, "upper", S3, "s3://lake/A", json!({})).await;
    queue_removal(&connection, &store, weather, ("upper", "upper"), due).await;
    target(&store, "twice", Local, "file:///data/e%252566", json!({})).await;
    queue_removal(&connection, &store, weather, ("twice", "twice"), due).await;
    assert_eq!(claimed(&store).await, ["twice", "upper"]);
}

async fn a_target_from_before_there_were_places_is_compared_as_it_is_written(database: TestDatabase) {
    let store = database.store().await;
    let connection = database.connections().await.writer;
    let weather = dataset(&store, "weather").await.id;
    let local =
        async |name: &str, base: &str| target(&store, name, StorageKind::Local, base, json!({})).await;
    local("old", "/files").await;
    local("odd", "file:///files").await;
    let forget = "update timestore.storage_targets set place = null, \
        base_uri = case name when 'odd' then 'file:///f%69les' else base_uri end where name in ('old', 'odd')";
    connection.execute_unprepared(forget).await.unwrap();
    store
        .manifest_publish(&ann(), append(weather, "a", 0))
        .await
        .unwrap();
    store
        .manifest_publish(&ann(), append(weather, "b", 0))
        .await
        .unwrap();
    queue_removal(&connection, &store, weather, ("old", "a"), minute(0)).await;
    queue_removal(&connection, &store, weather, ("odd", "b"), minute(0)).await;
    local("odd", "file:///f%69les").await;
    assert_eq!(
        claimed(&store).await,
        [""; 0],
        "setting it again gives it its place"
    );
}
