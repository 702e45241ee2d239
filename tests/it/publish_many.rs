//! Many files in one request: stored as they are when few come at a time, and refused as a whole.

use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder};
use timestore_entity::enums::ManifestOperation;
use timestore_entity::ids::{DatasetId, PartitionId, StorageTargetId};
use timestore_entity::partition::{Column, Entity, Model as Partition};
use timestore_gateway::store::DatasetRef;
use timestore_gateway::store::draft::{DraftCreate, DraftPublish, DraftRef, DraftStage};
use timestore_gateway::store::publish::{DuplicatePolicy, ManifestPublish, PartitionAdd};
use uuid::Uuid;

use crate::support::catalog::{ann, append, dataset, file, publish, random_file};
use crate::support::database::{TestDatabase, count};
use crate::support::dice::Dice;
use crate::support::everywhere;

everywhere! {
    many_files_are_stored_as_few_are,
    of_many_files_none_is_stored_where_one_is_there,
}

fn appending(id: DatasetId, add: Vec<PartitionAdd>) -> ManifestPublish {
    ManifestPublish {
        add,
        ..publish(id, ManifestOperation::Append)
    }
}

async fn many_files_are_stored_as_few_are(database: TestDatabase) {
    let store = database.store().await;
    let connection = database.connections().await.reader;
    let mut ids = Vec::new();
    for slug in ["few", "many", "staged"] {
        ids.push(dataset(&store, slug).await.id);
    }
    let mut dice = Dice::new();
    let files: Vec<PartitionAdd> = (0..250)
        .map(|n| random_file(&mut dice, &format!("{n}"), n))
        .collect();
    for few in files.chunks(40) {
        let input = appending(ids[0], few.to_vec());
        store.manifest_publish(&ann(), input).await.unwrap();
    }
    let input = appending(ids[1], files.clone());
    store.manifest_publish(&ann(), input).await.unwrap();
    let create = DraftCreate {
        dataset: DatasetRef::Id(ids[2]),
        operation: ManifestOperation::Append,
        schema: None,
        expected_version: None,
        summary: None,
        metadata: None,
    };
    let draft = DraftRef::Id(ids[2], store.draft_create(&ann(), create).await.unwrap().id);
    let stage = DraftStage {
        draft: draft.clone(),
        add: files,
        remove: Vec::new(),
        on_duplicate: DuplicatePolicy::Reject,
    };
    store.draft_stage(&ann(), stage).await.unwrap();
    let publish = DraftPublish {
        draft,
        expected_version: None,
        idempotency_key: None,
    };
    store.draft_publish(&ann(), publish).await.unwrap();
    let few = stored(&connection, ids[0]).await;
    assert_eq!(few.len(), 250);
    for other in &ids[1..] {
        assert_eq!(stored(&connection, *other).await, few);
    }
    let head = async |id| {
        let head = store.dataset_heads(&[id]).await.unwrap().remove(&id).unwrap();
        (
            head.partition_count,
            head.total_rows,
            head.start_time,
            head.end_time,
            head.span_classes,
        )
    };
    assert_eq!(head(ids[1]).await, head(ids[0]).await);
}

/// The files of a dataset, but for what is their own.
async fn stored(connection: &DatabaseConnection, id: DatasetId) -> Vec<Partition> {
    let files = Entity::find()
        .filter(Column::DatasetId.eq(id))
        .order_by_asc(Column::FilePath);
    let anonymous = |file| Partition {
        dataset_id: DatasetId(Uuid::nil()),
        id: PartitionId(Uuid::nil()),
        storage_target_id: StorageTargetId(Uuid::nil()),
        added_version: 0,
        ..file
    };
    let files = files.all(connection).await.unwrap();
    files.into_iter().map(anonymous).collect()
}

async fn of_many_files_none_is_stored_where_one_is_there(database: TestDatabase) {
    let store = database.store().await;
    let connection = database.connections().await.reader;
    let id = dataset(&store, "weather").await.id;
    store
        .manifest_publish(&ann(), append(id, "150", 0))
        .await
        .unwrap();
    let files: Vec<PartitionAdd> = (0..200).map(|n| file(&format!("{n}"), n)).collect();
    let refused = store.manifest_publish(&ann(), appending(id, files.clone())).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("1 file(s) are there already"), "{refused}");
    assert_eq!(count(&connection, "partitions").await, 1);
    let skipping = ManifestPublish {
        on_duplicate: DuplicatePolicy::Skip,
        ..appending(id, files)
    };
    let published = store.manifest_publish(&ann(), skipping).await.unwrap();
    assert_eq!(published.skipped.len(), 1);
    assert_eq!(published.manifest.unwrap().partition_count, 200);
    assert_eq!(count(&connection, "partitions").await, 200);
}
