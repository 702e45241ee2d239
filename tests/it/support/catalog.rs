//! Store inputs that state only what matters.

use chrono::{DateTime, Duration, Utc};
use sea_orm::{ConnectionTrait, EntityTrait};
use serde_json::json;
use timestore_entity::dataset::Model as Dataset;
use timestore_entity::enums::{CompatibilityMode, FileFormat, ManifestOperation, StorageKind};
use timestore_entity::file_removal;
use timestore_entity::ids::{DatasetId, PartitionId};
use timestore_gateway::auth::Requester;
use timestore_gateway::store::clock::SystemClock;
use timestore_gateway::store::dataset::DatasetCreate;
use timestore_gateway::store::partition::{PartitionFilter, PartitionQuery};
use timestore_gateway::store::publish::{DuplicatePolicy, ManifestPublish, PartitionAdd};
use timestore_gateway::store::storage_target::StorageTargetUpsert;
use timestore_gateway::store::{Clock, Columns, DatasetRef, Page, PartitionRef, StorageTargetRef, Store};
use uuid::Uuid;

use super::dice::Dice;

/// A caller.
pub fn ann() -> Requester {
    Requester::unrestricted(Some("ann".to_owned()))
}

/// So many minutes after a beginning.
pub fn minute(n: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_600_000_000, 0).unwrap() + Duration::minutes(n)
}

/// A dataset with a default target.
pub async fn dataset(store: &Store, slug: &str) -> Dataset {
    local_target(store, "files", "file:///files").await;
    let dataset = DatasetCreate {
        slug: slug.to_owned(),
        name: slug.to_owned(),
        description: None,
        write_format: FileFormat::Parquet,
        default_storage_target: Some(StorageTargetRef::Name("files".to_owned())),
        compatibility: CompatibilityMode::Additive,
        read_scopes: None,
        write_scopes: None,
        metadata: None,
    };
    store.dataset_create(&ann(), dataset).await.unwrap()
}

/// A file of one minute and one row.
pub fn file(path: &str, start: i64) -> PartitionAdd {
    PartitionAdd {
        storage_target: None,
        file_path: path.to_owned(),
        file_format: None,
        file_size_bytes: 100,
        row_count: 1,
        start_time: minute(start),
        end_time: minute(start + 1),
        partition_key: None,
        checksum: None,
        column_statistics: None,
        bloom_filters: None,
        ingestion_signature: None,
        metadata: None,
    }
}

/// A file that says more of itself, or less.
pub fn random_file(dice: &mut Dice, path: &str, n: i64) -> PartitionAdd {
    let mut add = file(path, n);
    add.end_time = add.start_time + Duration::seconds(1 << dice.below(20));
    add.row_count = i64::try_from(dice.below(50)).unwrap();
    add.partition_key = match dice.below(4) {
        0 => None,
        1 => Some(json!({ "city": "Basel" })),
        2 => Some(json!({ "city": "Bern", "station": 7 })),
        _ => Some(json!({})),
    };
    add.checksum = dice.one_in(2).then(|| "sha256:beef".to_owned());
    add.column_statistics = dice
        .one_in(3)
        .then(|| json!({ "t": { "min": 1, "max": n + 1, "nullCount": 0, "rowCount": 9 } }));
    add.bloom_filters = dice.one_in(5).then(|| json!({ "t": "AAAA" }));
    add.ingestion_signature = dice
        .one_in(3)
        .then(|| format!("signature {}", dice.below(1_000_000)));
    add.metadata = dice.one_in(3).then(|| json!({ "n": n, "é": [1.5, null] }));
    add
}

/// A publish that does nothing yet.
pub fn publish(id: DatasetId, operation: ManifestOperation) -> ManifestPublish {
    ManifestPublish {
        dataset: DatasetRef::Id(id),
        operation,
        schema: None,
        add: Vec::new(),
        remove: Vec::new(),
        remove_all: false,
        expected_version: None,
        on_duplicate: DuplicatePolicy::Reject,
        idempotency_key: None,
        watermark: None,
        summary: None,
        metadata: None,
    }
}

/// An append of one file.
pub fn append(id: DatasetId, path: &str, start: i64) -> ManifestPublish {
    ManifestPublish {
        add: vec![file(path, start)],
        ..publish(id, ManifestOperation::Append)
    }
}

/// Queues the file at `path` on the target called `target` for deletion, due at `due_at`, without any version that had it.
pub async fn queue_removal(
    connection: &impl ConnectionTrait,
    store: &Store,
    dataset: DatasetId,
    (target, path): (&str, &str),
    due_at: DateTime<Utc>,
) -> (DatasetId, PartitionId) {
    let named = StorageTargetRef::Name(target.to_owned());
    let target = store.storage_target_find(&named).await.unwrap().unwrap();
    let partition = PartitionId(Uuid::now_v7());
    let row = file_removal::Model {
        dataset_id: dataset,
        partition_id: partition,
        storage_target_id: target.id,
        file_path: path.to_owned(),
        file_size_bytes: 100,
        queued_at: due_at,
        due_at,
        lease_id: None,
        lease_owner: None,
        attempts: 0,
        error: None,
        dead_at: None,
        done_at: None,
        outcome: None,
    };
    file_removal::Entity::insert(file_removal::ActiveModel::from(row))
        .exec_without_returning(connection)
        .await
        .unwrap();
    (dataset, partition)
}

/// A storage target of the local file system.
pub async fn local_target(store: &Store, name: &str, base_uri: &str) {
    let target = StorageTargetUpsert {
        id: None,
        name: name.to_owned(),
        kind: StorageKind::Local,
        base_uri: base_uri.to_owned(),
        description: None,
        config: None,
    };
    store.storage_target_upsert(&ann(), target).await.unwrap();
}

/// Names a file on the default target.
pub fn at(path: &str) -> PartitionRef {
    PartitionRef::Path {
        storage_target: None,
        file_path: path.to_owned(),
    }
}

/// The paths of a version's files, in order.
pub async fn paths(store: &Store, id: DatasetId, version: i32) -> Vec<String> {
    let page = Page::first(1_000, None);
    let query = PartitionQuery {
        filter: PartitionFilter::default(),
        page,
        columns: Columns::ALL,
    };
    let mut pages = store.partition_pages(&[(id, version)], &query).await.unwrap();
    let page = pages.remove(&(id, version)).unwrap_or_default();
    assert!(!page.has_more, "more files than a test should have");
    page.rows.iter().map(|file| file.file_path.clone()).collect()
}

/// A clock that stands still.
pub struct At(pub DateTime<Utc>);

impl Clock for At {
    fn now(&self) -> DateTime<Utc> {
        self.0
    }

    fn id(&self) -> Uuid {
        SystemClock.id()
    }
}
