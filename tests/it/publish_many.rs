//! Many files in one request: stored as they are when few come at a time, and refused as a whole.

use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder};
use timestore_entity::enums::ManifestOperation;
use timestore_entity::ids::{DatasetId, PartitionId, StorageTargetId};
use timestore_entity::partition::{Column, Entity, Model as Partition};
use timestore_gateway::store::draft::{DraftCreate, DraftPublish, DraftRef, DraftStage};
use timestore_gateway::store::publish::{DuplicatePolicy, ManifestPublish, PartitionAdd};
use timestore_gateway::store::{DatasetRef, FaultKind, Refusal, StoreError};
use uuid::Uuid;

use crate::support::app::App;
use crate::support::catalog::{ann, append, dataset, file, publish, random_file};
use crate::support::database::{TestDatabase, count};
use crate::support::dice::Dice;
use crate::support::everywhere;

everywhere! {
    many_files_are_stored_as_few_are,
    of_many_files_none_is_stored_where_one_is_there,
    of_many_files_those_are_named_that_are_there,
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

async fn of_many_files_those_are_named_that_are_there(database: TestDatabase) {
    let store = database.store().await;
    let id = dataset(&store, "weather").await.id;
    let signed = |path: &str, signature: &str| PartitionAdd {
        ingestion_signature: Some(signature.to_owned()),
        ..file(path, 0)
    };
    let there = vec![file("a", 0), signed("b", "first"), signed("c", "second")];
    let published = store.manifest_publish(&ann(), appending(id, there.clone())).await;
    assert_eq!(published.unwrap().manifest.unwrap().version, 1);
    let others = |number: i64| (1..number).map(|n| file(&format!("{n}"), n));
    let duplicates = async |add: Vec<PartitionAdd>| {
        let refused = store.manifest_publish(&ann(), appending(id, add)).await;
        let Err(StoreError::Refused(Refusal(faults))) = refused else {
            panic!("expected a refusal, got {refused:?}");
        };
        match faults
            .into_iter()
            .map(|fault| fault.kind)
            .collect::<Vec<_>>()
            .pop()
        {
            Some(FaultKind::DuplicatePartitions { duplicates }) => duplicates,
            kind => panic!("expected duplicates, got {kind:?}"),
        }
    };
    let (same_path, same_signature) = (file("a", 7), signed("other", "second"));
    for duplicate in [
        vec![same_path.clone()],
        vec![same_signature.clone()],
        vec![same_path, same_signature],
    ] {
        let among = |number| duplicate.iter().cloned().chain(others(number)).collect();
        let named = duplicates(among(50)).await;
        assert_eq!(named.len(), duplicate.len());
        assert_eq!(duplicates(among(200)).await, named);
    }
    // What was refused has left nothing, and what is there can be replaced.
    let mut input = appending(id, there.into_iter().chain(others(200)).collect());
    input.operation = ManifestOperation::Replace;
    (input.remove_all, input.expected_version) = (true, Some(1));
    let manifest = store
        .manifest_publish(&ann(), input)
        .await
        .unwrap()
        .manifest
        .unwrap();
    assert_eq!((manifest.version, manifest.partition_count), (2, 202));
}

#[tokio::test]
async fn many_files_are_inserted_without_a_look_for_each() {
    let database = TestDatabase::postgres().await;
    let app = App::new(&database).await;
    let id = dataset(&app.store, "weather").await.id;
    let add = (0..200).map(|n| file(&format!("{n}"), n)).collect();
    let by = ann();
    let publish = app.store.manifest_publish(&by, appending(id, add));
    let (published, statements) = app.statements_of(publish).await;
    assert_eq!(published.unwrap().manifest.unwrap().partition_count, 200);
    let looks = |text: &&String| text.contains("live.file_path");
    assert_eq!(statements.iter().filter(looks).count(), 0, "{statements:#?}");
    assert_eq!(statements.len(), 6, "{statements:#?}");
}
