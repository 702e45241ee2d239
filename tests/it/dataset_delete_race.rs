//! Deleting a dataset that others are at: whoever waited for it finds that there is none, and nobody leaves a row behind.

use std::sync::Arc;

use sea_orm::{ConnectionTrait, DatabaseConnection, Statement, TransactionTrait};
use timestore_entity::enums::{CompatibilityMode, FieldType, ManifestOperation, RetentionMode};
use timestore_entity::ids::{DatasetId, ManifestDraftId};
use timestore_entity::schema_version::Field;
use timestore_gateway::store::dataset::DatasetDelete;
use timestore_gateway::store::dataset::DatasetUpdate;
use timestore_gateway::store::draft::{DraftCreate, DraftPublish, DraftRef, DraftStage};
use timestore_gateway::store::history::ManifestsExpire;
use timestore_gateway::store::publish::{DuplicatePolicy, ManifestPublish, Rollback};
use timestore_gateway::store::relocate::{PartitionMove, PartitionsRelocate};
use timestore_gateway::store::retention::RetentionApply;
use timestore_gateway::store::retention_policy::RetentionPolicySet;
use timestore_gateway::store::schema_version::SchemaVersionCreate;
use timestore_gateway::store::snapshot::SnapshotCreate;
use timestore_gateway::store::{DatasetRef, FaultKind, Result, StorageTargetRef, Store, StoreError};
use tokio::task::JoinSet;

use crate::support::both;
use crate::support::catalog::{ann, append, at, dataset, file};
use crate::support::database::TestDatabase;

both! {
    everybody_at_once_finds_the_dataset_or_finds_that_there_is_none,
}

/// How many different things [`everybody`] does.
const OTHERS: usize = 14;

/// What a dataset is like before everybody is at it: one version, and a draft with a file each to add and to remove.
async fn prepared(store: &Store) -> (DatasetId, ManifestDraftId) {
    let id = dataset(store, "weather").await.id;
    store
        .manifest_publish(&ann(), append(id, "live", 0))
        .await
        .unwrap();
    let draft = store.draft_create(&ann(), draft(id)).await.unwrap().id;
    store
        .draft_stage(&ann(), stage(id, draft, "staged"))
        .await
        .unwrap();
    (id, draft)
}

fn draft(id: DatasetId) -> DraftCreate {
    DraftCreate {
        dataset: DatasetRef::Id(id),
        operation: ManifestOperation::Replace,
        schema: None,
        expected_version: None,
        summary: None,
        metadata: None,
    }
}

fn stage(id: DatasetId, draft: ManifestDraftId, path: &str) -> DraftStage {
    DraftStage {
        draft: DraftRef::Id(id, draft),
        add: vec![file(path, 0)],
        remove: vec![at("live")],
        on_duplicate: DuplicatePolicy::Reject,
    }
}

async fn delete(store: &Store, id: DatasetId) -> Result<()> {
    let input = DatasetDelete {
        dataset: DatasetRef::Id(id),
        confirm_slug: "weather".to_owned(),
    };
    store.dataset_delete(&ann(), input).await.map(drop)
}

/// Publishes, stages, pins and so on, all at once. Every one begins by finding the dataset.
fn everybody(
    stores: &[Store],
    (id, draft_id): (DatasetId, ManifestDraftId),
) -> JoinSet<(&'static str, Result<()>)> {
    let named = || DatasetRef::Id(id);
    let mut tasks = JoinSet::new();
    let mut turn = stores.iter().cycle().cloned();
    macro_rules! also {
        ($method:ident, $input:expr) => {{
            let (store, input) = (turn.next().unwrap(), $input);
            tasks.spawn(async move {
                let done = store.$method(&ann(), input).await;
                (stringify!($method), done.map(drop))
            });
        }};
    }
    also!(manifest_publish, append(id, "published", 1));
    also!(manifests_publish, vec![append(id, "together", 2)]);
    also!(draft_create, draft(id));
    also!(draft_stage, stage(id, draft_id, "more"));
    also!(
        draft_publish,
        DraftPublish {
            draft: DraftRef::Id(id, draft_id),
            expected_version: None,
            idempotency_key: Some("draft".to_owned()),
        }
    );
    also!(
        dataset_rollback,
        Rollback {
            dataset: named(),
            to: 1,
            expected_version: None,
            idempotency_key: None,
        }
    );
    also!(
        snapshot_create,
        SnapshotCreate {
            dataset: named(),
            name: "pin".to_owned(),
            at: None,
            description: None,
            expires_at: None,
        }
    );
    also!(
        retention_policy_set,
        RetentionPolicySet {
            dataset: named(),
            expected_revision: None,
            mode: RetentionMode::Hybrid,
            max_age: None,
            max_total_bytes: None,
            keep_versions: Some(1),
            max_version_age: None,
            delete_grace: None,
            cold_storage_after: None,
            cold_storage_target: None,
            metadata: None,
        }
    );
    also!(
        retention_apply,
        RetentionApply {
            dataset: named(),
            expected_version: None,
            idempotency_key: Some("retention".to_owned()),
        }
    );
    also!(
        manifests_expire,
        ManifestsExpire {
            dataset: named(),
            keep_versions: Some(1),
            max_version_age: None,
        }
    );
    also!(
        partitions_relocate,
        PartitionsRelocate {
            dataset: named(),
            moves: vec![PartitionMove {
                partition: at("live"),
                storage_target: StorageTargetRef::Name("files".to_owned()),
                file_path: Some("moved".to_owned()),
            }],
            expected_version: None,
            idempotency_key: None,
        }
    );
    also!(
        schema_version_create,
        SchemaVersionCreate {
            dataset: named(),
            fields: vec![Field {
                name: "t".to_owned(),
                r#type: FieldType::Double,
                native_type: None,
                nullable: true,
                description: None,
                unit: None,
            }],
            description: None,
            dry_run: false,
        }
    );
    also!(
        dataset_update,
        DatasetUpdate {
            dataset: named(),
            expected_revision: None,
            name: Some("Another".to_owned()),
            description: None,
            status: None,
            default_storage_target: None,
            compatibility: Some(CompatibilityMode::None),
            read_scopes: None,
            write_scopes: None,
            metadata: None,
        }
    );
    let (store, asked) = (turn.next().unwrap(), named());
    tasks.spawn(async move {
        let status = store.commit_status(&asked, "key").await;
        ("commit_status", status.map(drop))
    });
    tasks
}

/// Whether anything that a caller named was not there.
fn is_not_found(error: &StoreError) -> bool {
    matches!(error, StoreError::Refused(refusal)
        if refusal.0.iter().any(|fault| fault.kind == FaultKind::NotFound))
}

async fn everybody_at_once_finds_the_dataset_or_finds_that_there_is_none(database: TestDatabase) {
    let stores = [database.store().await, database.store().await];
    for round in 0..12 {
        let (id, draft) = prepared(&stores[0]).await;
        let mut tasks = everybody(&stores, (id, draft));
        // Now among the first, now among the last.
        let deleter = stores[round % 2].clone();
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        let deleting = tokio::spawn(async move { delete(&deleter, id).await });
        while let Some(done) = tasks.join_next().await {
            let (what, result) = done.unwrap();
            // Others than the deleter are in each other's way as well, and are told so.
            if let Err(error) = result {
                assert!(matches!(error, StoreError::Refused(_)), "{what}: {error:?}");
            }
        }
        if let Err(error) = deleting.await.unwrap() {
            let StoreError::Refused(refusal) = &error else {
                panic!("{error:?}")
            };
            assert!(
                matches!(refusal.0[..], [ref fault] if matches!(fault.kind, FaultKind::DatasetPinned { .. })),
                "{refusal}"
            );
            let named = DatasetRef::Id(id);
            stores[0].snapshot_delete(&ann(), &named, "pin").await.unwrap();
            delete(&stores[0], id).await.unwrap();
        }
        // Another row of it would hold its own row back.
        let (id, _) = prepared(&stores[0]).await;
        delete(&stores[0], id).await.unwrap();
    }
}

/// Waits until so many transactions of the database wait for others.
async fn until_waiting(connection: &DatabaseConnection, count: i64) {
    let text = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    loop {
        let statement = Statement::from_string(connection.get_database_backend(), text);
        let row = connection.query_one_raw(statement).await.unwrap().unwrap();
        if row.try_get_by_index::<i64>(0).unwrap() >= count {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// On PostgreSQL only: SQLite has one writer, who finds and locks at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waited_while_the_dataset_was_deleted_finds_that_there_is_none() {
    let database = TestDatabase::postgres().await;
    let stores = [
        database.store().await,
        database.store().await,
        database.store().await,
    ];
    let (id, draft) = prepared(&stores[0]).await;
    let connection = database.connections().await.writer;
    let gate = connection.begin().await.unwrap();
    gate.execute_unprepared("select * from timestore.dataset_heads for update")
        .await
        .unwrap();
    let deleter = Arc::new(stores[0].clone());
    let deleting = tokio::spawn(async move { delete(&deleter, id).await });
    until_waiting(&connection, 1).await;
    let tasks = everybody(&stores, (id, draft));
    assert_eq!(tasks.len(), OTHERS);
    until_waiting(&connection, 1 + i64::try_from(OTHERS).unwrap()).await;
    gate.rollback().await.unwrap();
    deleting.await.unwrap().unwrap();
    for (what, result) in tasks.join_all().await {
        let error = result.expect_err(what);
        assert!(is_not_found(&error), "{what}: {error:?}");
    }
    let together: Vec<ManifestPublish> = vec![append(id, "late", 0)];
    let late = stores[0].manifests_publish(&ann(), together).await.unwrap_err();
    assert!(late.to_string().starts_with("manifests.0.dataset.id: "), "{late}");
}
