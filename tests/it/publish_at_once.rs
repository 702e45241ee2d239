//! Publishing at once: in one statement, as long as nobody else has changed the dataset; and with the same result as ever.

use std::sync::Arc;

use chrono::Duration;
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};
use timestore_entity::enums::{DatasetStatus, ManifestOperation};
use timestore_entity::ids::{DatasetId, PartitionId};
use timestore_entity::schema_version::Field;
use timestore_entity::{
    audit_event, change, dataset_head, idempotency_record, manifest, partition, watermark,
};
use timestore_gateway::auth::Requester;
use timestore_gateway::store::dataset::{DatasetDelete, DatasetUpdate};
use timestore_gateway::store::publish::{DuplicatePolicy, ManifestPublish, Published, WatermarkAdvance};
use timestore_gateway::store::schema_version::SchemaVersionCreate;
use timestore_gateway::store::{DatasetRef, Result, SchemaRef, StorageTargetRef, Store, StoreError};
use uuid::Uuid;

use crate::support::app::App;
use crate::support::builders::partition as file_input;
use crate::support::catalog::{ann, append, at, dataset, minute, publish, random_file};
use crate::support::clock::StillClock;
use crate::support::database::{TestDatabase, count};
use crate::support::dice::Dice;
use crate::support::everywhere;

everywhere! {
    what_is_published_at_once_is_what_is_published_with_a_look,
    what_others_have_changed_meanwhile_is_found,
    who_may_not_write_any_more_is_refused,
    a_key_that_was_used_before_is_found,
    a_watermark_that_others_have_moved_is_found,
    many_publishers_of_one_gateway_take_turns,
    publishes_that_are_given_up_leave_nothing_half_done,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_finds_nobody_else_needs_one_statement() {
    let database = TestDatabase::postgres().await;
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let document = "mutation ($add: [PartitionInput!]) {
        publishManifest(input: { dataset: { slug: \"weather\" }, add: $add }) { manifest { version } userErrors { message } } }";
    let publish = async |app: &App, n: i32| {
        let add = json!([file_input("2020-01-02", &format!("{n}.parquet"))]);
        let (answer, statements) = app
            .statements_of(app.query(document, json!({ "add": add })))
            .await;
        let expected = json!({ "manifest": { "version": n }, "userErrors": [] });
        assert_eq!(answer["publishManifest"], expected);
        statements.len()
    };
    let mut counts = Vec::new();
    for n in 1..=5 {
        counts.push(publish(&app, n).await);
    }
    assert_eq!(counts, [3, 3, 1, 1, 1]);
    let other = App::new(&database).await;
    assert_eq!(publish(&other, 6).await, 3);
    // What is remembered is tried in vain once.
    let mut counts = Vec::new();
    for n in 7..=9 {
        counts.push(publish(&app, n).await);
    }
    assert_eq!(counts, [4, 3, 1]);
    publish(&other, 10).await;
    publish(&app, 11).await;
    // Where gateways take turns, neither tries it.
    for n in [12, 14, 16] {
        assert_eq!(publish(&other, n).await, 3);
        assert_eq!(publish(&app, n + 1).await, 3);
    }
}

/// The same publish, to two datasets: by a gateway that remembers, and by one that has just been started.
async fn what_is_published_at_once_is_what_is_published_with_a_look(database: TestDatabase) {
    let clock = Arc::new(StillClock::at(minute(10_000)));
    let remembering = database.store_at(clock.clone()).await;
    let connection = database.connections().await.reader;
    let ids = [
        dataset(&remembering, "one").await.id,
        dataset(&remembering, "two").await.id,
    ];
    let mut dice = Dice::new();
    let mut granted = 0;
    for n in 0..80 {
        clock.advance(Duration::seconds(1));
        let input = random_publish(&mut dice, n);
        let to = |id| ManifestPublish {
            dataset: DatasetRef::Id(id),
            ..input.clone()
        };
        let by_memory = remembering.manifest_publish(&ann(), to(ids[0])).await;
        let fresh = database.store_at(clock.clone()).await;
        let by_look = fresh.manifest_publish(&ann(), to(ids[1])).await;
        fresh.close().await.unwrap();
        granted += usize::from(by_look.is_ok());
        assert_eq!(told(by_memory), told(by_look), "{input:?}");
    }
    assert!(granted > 10, "{granted}");
    let [one, two] = [
        rows(&connection, ids[0], "one").await,
        rows(&connection, ids[1], "two").await,
    ];
    for (one, two) in one.iter().zip(&two) {
        assert_eq!(one, two);
    }
    assert_eq!(one.len(), two.len());
}

fn random_publish(dice: &mut Dice, n: i64) -> ManifestPublish {
    let mut input = publish(DatasetId(Uuid::nil()), ManifestOperation::Append);
    for k in 0..=dice.below(3) {
        // Now and then a path that is there, or twice in the request.
        let path = if dice.one_in(40) {
            "again".to_owned()
        } else {
            format!("{n}-{k}")
        };
        let mut add = random_file(dice, &path, n);
        add.row_count -= i64::from(dice.one_in(100));
        if dice.one_in(6) {
            let name = if dice.one_in(6) { "nowhere" } else { "files" };
            add.storage_target = Some(StorageTargetRef::Name(name.to_owned()));
        }
        input.add.push(add);
    }
    input.schema = match dice.below(16) {
        0 => Some(SchemaRef::Version(1 + i32::try_from(dice.below(3)).unwrap())),
        1 => Some(SchemaRef::Fields(
            (0..=dice.below(3)).map(|n| field(&format!("f{n}"))).collect(),
        )),
        _ => None,
    };
    if dice.one_in(3) {
        let at = minute(n + i64::try_from(dice.below(9)).unwrap());
        input.watermark = Some(WatermarkAdvance {
            source: ["north", "south"][dice.below(2)].to_owned(),
            sealed_through: at,
            fencing_token: dice.one_in(3).then_some(n / 40),
        });
    }
    input.expected_version = dice.one_in(25).then_some(1);
    if dice.one_in(2) {
        input.on_duplicate = DuplicatePolicy::Skip;
    }
    input.idempotency_key = dice.one_in(3).then(|| format!("key {}", dice.below(120)));
    input.summary = dice.one_in(2).then(|| json!({ "n": n }));
    input.metadata = dice.one_in(25).then(|| json!([n]));
    if dice.one_in(20) {
        input.operation = ManifestOperation::Replace;
        input.remove = vec![at("again")];
    }
    input
}

fn field(name: &str) -> Field {
    serde_json::from_value(json!({ "name": name, "type": "double", "nullable": true })).unwrap()
}

/// What a publisher is told, but for what is the dataset's own.
fn told(result: Result<Published>) -> std::result::Result<Value, String> {
    match result {
        Ok(published) => Ok(json!({
            "version": published.manifest.as_ref().map(|manifest| manifest.version),
            "totals": published.manifest.as_ref().map(|manifest| (manifest.total_rows, manifest.partition_count)),
            "published at": published.manifest.as_ref().map(|manifest| manifest.published_at),
            "skipped": published.skipped, "new": published.is_new, "replayed": published.replayed,
        })),
        Err(StoreError::Refused(refusal)) => Err(refusal.to_string()),
        Err(error) => panic!("{error:?}"),
    }
}

/// All that publishing writes, but for what is the dataset's own.
async fn rows(connection: &DatabaseConnection, id: DatasetId, slug: &str) -> Vec<String> {
    let mut rows = Vec::new();
    let head = dataset_head::Entity::find_by_id(id)
        .one(connection)
        .await
        .unwrap();
    rows.push(format!("{head:?}"));
    let manifests = manifest::Entity::find()
        .filter(manifest::Column::DatasetId.eq(id))
        .order_by_asc(manifest::Column::Version);
    rows.extend(
        manifests
            .all(connection)
            .await
            .unwrap()
            .iter()
            .map(|row| format!("{row:?}")),
    );
    let files = partition::Entity::find()
        .filter(partition::Column::DatasetId.eq(id))
        .order_by_asc(partition::Column::AddedVersion)
        .order_by_asc(partition::Column::FilePath);
    for mut file in files.all(connection).await.unwrap() {
        file.id = PartitionId(Uuid::nil());
        rows.push(format!("{file:?}"));
    }
    let keys = idempotency_record::Entity::find()
        .filter(idempotency_record::Column::DatasetId.eq(id))
        .order_by_asc(idempotency_record::Column::Key);
    rows.extend(
        keys.all(connection)
            .await
            .unwrap()
            .iter()
            .map(|row| format!("{row:?}")),
    );
    let watermarks = watermark::Entity::find()
        .filter(watermark::Column::DatasetId.eq(id))
        .order_by_asc(watermark::Column::Source);
    rows.extend(
        watermarks
            .all(connection)
            .await
            .unwrap()
            .iter()
            .map(|row| format!("{row:?}")),
    );
    let events = audit_event::Entity::find()
        .filter(audit_event::Column::DatasetId.eq(id))
        .order_by_asc(audit_event::Column::OccurredAt)
        .order_by_asc(audit_event::Column::Id);
    for event in events.all(connection).await.unwrap() {
        rows.push(format!(
            "{} {:?} {} {}",
            event.action, event.outcome, event.detail, event.occurred_at
        ));
    }
    let changes = change::Entity::find()
        .filter(change::Column::DatasetId.eq(id))
        .order_by_asc(change::Column::Sequence);
    for change in changes.all(connection).await.unwrap() {
        rows.push(format!(
            "{:?} {:?} {} {}",
            change.kind, change.version, change.payload, change.occurred_at
        ));
    }
    let own = [format!("{:?}", id), format!("\"{slug}\"")];
    let anonymous = |row: String| {
        own.iter()
            .fold(row, |row, own| row.replace(own.as_str(), "its own"))
    };
    rows.into_iter().map(anonymous).collect()
}

/// Publishes until it is remembered where the dataset stands; its version after that.
async fn remembered(store: &Store, id: DatasetId) -> i32 {
    let mut version = 0;
    for n in 0..3 {
        let input = append(id, &format!("remembered/{n}-{}", Uuid::now_v7()), n);
        let published = store.manifest_publish(&ann(), input).await.unwrap();
        version = published.manifest.unwrap().version;
    }
    version
}

/// An edit that changes nothing yet.
fn edit(id: DatasetId) -> DatasetUpdate {
    DatasetUpdate {
        dataset: DatasetRef::Id(id),
        expected_revision: None,
        name: None,
        description: None,
        status: None,
        default_storage_target: None,
        compatibility: None,
        read_scopes: None,
        write_scopes: None,
        metadata: None,
    }
}

async fn what_others_have_changed_meanwhile_is_found(database: TestDatabase) {
    let (store, other) = (database.store().await, database.store().await);
    let connection = database.connections().await.writer;
    let id = dataset(&store, "weather").await.id;
    let next = async |path: &str| {
        let published = store.manifest_publish(&ann(), append(id, path, 0)).await?;
        Ok::<_, StoreError>(published.manifest.unwrap())
    };
    // Another version.
    let version = remembered(&store, id).await;
    other
        .manifest_publish(&ann(), append(id, "other", 0))
        .await
        .unwrap();
    let manifest = next("after another").await.unwrap();
    assert_eq!((manifest.version, manifest.partition_count), (version + 2, 5));
    // The same file.
    remembered(&store, id).await;
    let again = next("other").await.unwrap_err().to_string();
    assert!(again.contains("are there already"), "{again}");
    // A schema version.
    remembered(&store, id).await;
    let create = SchemaVersionCreate {
        dataset: DatasetRef::Id(id),
        fields: vec![field("t")],
        description: None,
        dry_run: false,
    };
    other.schema_version_create(&ann(), create).await.unwrap();
    assert_eq!(next("with schema").await.unwrap().schema_version, Some(1));
    // What is counted in the head, but not by publishers.
    remembered(&store, id).await;
    connection
        .execute_unprepared("update timestore.dataset_heads set history_revision = 7")
        .await
        .unwrap();
    next("kept").await.unwrap();
    assert_eq!(store.dataset_heads(&[id]).await.unwrap()[&id].history_revision, 7);
    // An archive.
    remembered(&store, id).await;
    let archive = DatasetUpdate {
        status: Some(DatasetStatus::Inactive),
        ..edit(id)
    };
    other.dataset_update(&ann(), archive).await.unwrap();
    let archived = next("archived").await.unwrap_err().to_string();
    assert!(archived.contains("archived"), "{archived}");
    // Another dataset of the same name.
    let delete = DatasetDelete {
        dataset: DatasetRef::Id(id),
        confirm_slug: "weather".to_owned(),
    };
    other.dataset_delete(&ann(), delete).await.unwrap();
    let gone = next("gone").await.unwrap_err().to_string();
    assert!(gone.contains("an existing dataset"), "{gone}");
    let by_slug = |path: &str, id| ManifestPublish {
        dataset: DatasetRef::Slug("weather".to_owned()),
        ..append(id, path, 0)
    };
    for _ in 0..2 {
        let anew = dataset(&other, "weather").await.id;
        for n in 1..=3 {
            let input = by_slug(&format!("{n}"), anew);
            let published = store.manifest_publish(&ann(), input).await.unwrap();
            assert_eq!(published.manifest.unwrap().dataset_id, anew);
        }
        assert_eq!(count(&connection, "partitions").await, 3);
        let delete = DatasetDelete {
            dataset: DatasetRef::Id(anew),
            confirm_slug: "weather".to_owned(),
        };
        other.dataset_delete(&ann(), delete).await.unwrap();
    }
}

async fn who_may_not_write_any_more_is_refused(database: TestDatabase) {
    let (store, other) = (database.store().await, database.store().await);
    let id = dataset(&store, "weather").await.id;
    let bob = Requester::new(Some("bob".to_owned()), vec!["timestore:write".to_owned()]);
    for n in 0..3 {
        store
            .manifest_publish(&bob, append(id, &format!("{n}"), n))
            .await
            .unwrap();
    }
    let update = DatasetUpdate {
        write_scopes: Some(Some(vec!["team".to_owned()])),
        ..edit(id)
    };
    other.dataset_update(&ann(), update).await.unwrap();
    for n in 3..5 {
        let refused = store.manifest_publish(&bob, append(id, &format!("{n}"), n)).await;
        assert!(matches!(refused, Err(StoreError::Forbidden(_))), "{refused:?}");
    }
    assert_eq!(store.dataset_heads(&[id]).await.unwrap()[&id].latest_version, 3);
}

async fn a_key_that_was_used_before_is_found(database: TestDatabase) {
    let (store, other) = (database.store().await, database.store().await);
    let id = dataset(&store, "weather").await.id;
    let version = remembered(&store, id).await;
    let keyed = |path: &str| ManifestPublish {
        idempotency_key: Some("run".to_owned()),
        ..append(id, path, 0)
    };
    let first = store.manifest_publish(&ann(), keyed("a")).await.unwrap();
    assert_eq!((first.replayed, first.is_new), (false, true));
    for store in [&store, &other, &store] {
        let again = store.manifest_publish(&ann(), keyed("a")).await.unwrap();
        assert!(again.replayed);
        assert_eq!(again.manifest.unwrap().version, version + 1);
        let refused = store.manifest_publish(&ann(), keyed("b")).await.unwrap_err();
        assert!(refused.to_string().contains("another request"), "{refused}");
        remembered(store, id).await;
    }
}

async fn a_watermark_that_others_have_moved_is_found(database: TestDatabase) {
    let (store, other) = (database.store().await, database.store().await);
    let id = dataset(&store, "weather").await.id;
    let advance = |path: &str, token: i64| ManifestPublish {
        watermark: Some(WatermarkAdvance {
            source: "north".to_owned(),
            sealed_through: minute(token),
            fencing_token: Some(token),
        }),
        on_duplicate: DuplicatePolicy::Skip,
        ..append(id, path, 0)
    };
    remembered(&store, id).await;
    store.manifest_publish(&ann(), advance("a", 1)).await.unwrap();
    remembered(&store, id).await;
    // Makes no version.
    let taken_over = other.manifest_publish(&ann(), advance("a", 2)).await.unwrap();
    assert!(!taken_over.is_new);
    let refused = store.manifest_publish(&ann(), advance("b", 1)).await.unwrap_err();
    assert!(refused.to_string().contains("taken over"), "{refused}");
    remembered(&store, id).await;
    store.manifest_publish(&ann(), advance("b", 3)).await.unwrap();
    let watermark = &store.watermarks(&[id]).await.unwrap()[&id][0];
    assert_eq!((watermark.fencing_token, watermark.records), (Some(3), 2));
}

async fn many_publishers_of_one_gateway_take_turns(database: TestDatabase) {
    let store = database.store().await;
    let id = dataset(&store, "weather").await.id;
    let mut publishers = tokio::task::JoinSet::new();
    for publisher in 0..12 {
        let store = store.clone();
        publishers.spawn(async move {
            for n in 0..10 {
                let input = append(id, &format!("{publisher}/{n}"), n);
                store.manifest_publish(&ann(), input).await.unwrap();
            }
        });
    }
    publishers.join_all().await;
    let head = &store.dataset_heads(&[id]).await.unwrap()[&id];
    assert_eq!(
        (head.latest_version, head.partition_count, head.total_rows),
        (120, 120, 120)
    );
}

async fn publishes_that_are_given_up_leave_nothing_half_done(database: TestDatabase) {
    let store = database.store().await;
    let connection = database.connections().await.reader;
    let id = dataset(&store, "weather").await.id;
    let mut version = remembered(&store, id).await;
    let mut dice = Dice::new();
    for n in 0..30 {
        let publishing = tokio::spawn({
            let (store, input) = (store.clone(), append(id, &format!("{n}"), n));
            async move { store.manifest_publish(&ann(), input).await.map(drop) }
        });
        for _ in 0..dice.below(60) {
            tokio::task::yield_now().await;
        }
        publishing.abort();
        drop(publishing.await);
        // It was published, or not, and the next ones are after it.
        let now = remembered(&store, id).await;
        assert!([version + 3, version + 4].contains(&now), "{now} after {version}");
        version = now;
    }
    let head = &store.dataset_heads(&[id]).await.unwrap()[&id];
    assert_eq!(head.latest_version, head.partition_count);
    for table in ["manifests", "partitions", "changes where version is not null"] {
        assert_eq!(count(&connection, table).await, i64::from(version), "{table}");
    }
}
