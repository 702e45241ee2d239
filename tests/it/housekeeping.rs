//! What has served is cleared away, in batches, and nothing else is.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ActiveModelTrait, ConnectionTrait, TransactionTrait};
use serde_json::json;
use timestore_entity::enums::{
    AuditOutcome, ChangeKind, ManifestOperation, RemovalOutcome, RunKind, RunStatus, RunTrigger,
};
use timestore_entity::ids::{AuditEventId, DatasetId, LifecycleRunId, PartitionId};
use timestore_entity::{audit_event, change, file_removal, lifecycle_run, manifest_draft};
use timestore_gateway::store::change::ChangeFilter;
use timestore_gateway::store::draft::{DraftCreate, DraftPublish, DraftRef, DraftStage};
use timestore_gateway::store::manifest::CommitStatus;
use timestore_gateway::store::publish::{DuplicatePolicy, ManifestPublish};
use timestore_gateway::store::{DatasetRef, Store};
use uuid::Uuid;

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::slug;
use crate::support::catalog::{At, ann, append, at, dataset, file, minute};
use crate::support::database::{TestDatabase, count};

both! {
    drafts_past_their_time_go_with_what_is_staged_in_them,
    a_batch_of_drafts_is_bounded_and_takes_whole_drafts,
    a_draft_that_was_published_stays_while_its_publish_can_be_repeated,
    keys_go_a_month_after_they_expired,
    audit_events_go_oldest_first,
    changes_go_from_the_front_of_the_feed,
    a_cleared_policy_is_remembered_as_long_as_its_dataset,
    only_runs_that_ended_go,
    only_removals_that_were_settled_go,
}

/// The catalog so many days after a beginning.
async fn after_days(database: &TestDatabase, days: i64) -> Store {
    database.store_at(Arc::new(At(day(days)))).await
}

fn day(n: i64) -> DateTime<Utc> {
    minute(0) + Duration::days(n)
}

async fn draft(store: &Store, id: DatasetId, add: &[&str], remove: &[&str]) -> manifest_draft::Model {
    let operation = match remove {
        [] => ManifestOperation::Append,
        _ => ManifestOperation::Replace,
    };
    let create = DraftCreate {
        dataset: DatasetRef::Id(id),
        operation,
        schema: None,
        expected_version: None,
        summary: None,
        metadata: None,
    };
    let draft = store.draft_create(&ann(), create).await.unwrap();
    if add.is_empty() {
        return draft;
    }
    let stage = DraftStage {
        draft: DraftRef::Id(id, draft.id),
        add: add.iter().map(|path| file(path, 9)).collect(),
        remove: remove.iter().map(|path| at(path)).collect(),
        on_duplicate: DuplicatePolicy::Reject,
    };
    store.draft_stage(&ann(), stage).await.unwrap().0
}

async fn drafts_past_their_time_go_with_what_is_staged_in_them(database: TestDatabase) {
    let connection = database.connections().await.reader;
    let store = after_days(&database, 0).await;
    let id = dataset(&store, "weather").await.id;
    store
        .manifest_publish(&ann(), append(id, "old.parquet", 0))
        .await
        .unwrap();
    draft(&store, id, &["a.parquet", "b.parquet"], &["old.parquet"]).await;
    let young = after_days(&database, 3).await;
    let stays = draft(&young, id, &["c.parquet"], &[]).await;

    assert_eq!(after_days(&database, 6).await.drafts_expire(10).await.unwrap(), 0);
    let late = after_days(&database, 7).await;
    assert_eq!(late.drafts_expire(10).await.unwrap(), 4);
    assert_eq!(late.drafts_expire(10).await.unwrap(), 0);
    assert_eq!(count(&connection, "manifest_drafts").await, 1);
    assert_eq!(count(&connection, "staged_partitions").await, 1);
    assert_eq!(count(&connection, "staged_removals").await, 0);
    let key = (id, stays.id);
    assert!(late.drafts_by_key(&[key]).await.unwrap().contains_key(&key));
}

async fn a_batch_of_drafts_is_bounded_and_takes_whole_drafts(database: TestDatabase) {
    let connection = database.connections().await.reader;
    let store = after_days(&database, 0).await;
    let id = dataset(&store, "weather").await.id;
    draft(&store, id, &["a.parquet", "b.parquet", "c.parquet"], &[]).await;
    draft(&after_days(&database, 1).await, id, &["a.parquet"], &[]).await;
    draft(&after_days(&database, 2).await, id, &[], &[]).await;
    let late = after_days(&database, 30).await;
    let mut deleted = Vec::new();
    for limit in [0, 2, 2, 2, 2] {
        deleted.push(late.drafts_expire(limit).await.unwrap());
    }
    // The first is more than a batch by itself, and goes whole.
    assert_eq!(deleted, [0, 4, 2, 1, 0]);
    assert_eq!(count(&connection, "staged_partitions").await, 0);
}

async fn a_draft_that_was_published_stays_while_its_publish_can_be_repeated(database: TestDatabase) {
    let store = after_days(&database, 0).await;
    let id = dataset(&store, "weather").await.id;
    let draft = draft(&store, id, &["a.parquet"], &[]).await;
    let publish = DraftPublish {
        draft: DraftRef::Id(id, draft.id),
        expected_version: Some(0),
        idempotency_key: Some("once".to_owned()),
    };
    store.draft_publish(&ann(), publish.clone()).await.unwrap();
    let later = after_days(&database, 29).await;
    assert_eq!(later.drafts_expire(10).await.unwrap(), 0);
    assert!(later.draft_publish(&ann(), publish).await.unwrap().replayed);
    let late = after_days(&database, 37).await;
    assert_eq!(late.drafts_expire(10).await.unwrap(), 1);
    let heads = late.dataset_heads(&[id]).await.unwrap();
    assert_eq!(heads[&id].partition_count, 1, "what it published stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_someone_else_has_locked_is_left_for_the_next_time() {
    let database = TestDatabase::postgres().await;
    let store = after_days(&database, 0).await;
    let id = dataset(&store, "weather").await.id;
    draft(&store, id, &[], &[]).await;
    let late = after_days(&database, 60).await;
    let other = database.connections().await.writer.begin().await.unwrap();
    for table in ["manifest_drafts", "audit_events"] {
        let lock = format!("select 1 from timestore.{table} for update");
        other.execute_unprepared(&lock).await.unwrap();
    }
    assert_eq!(late.drafts_expire(10).await.unwrap(), 0);
    assert_eq!(late.audit_events_forget(day(60), 10).await.unwrap(), 0);
    other.rollback().await.unwrap();
    assert_eq!(late.drafts_expire(10).await.unwrap(), 1);
    assert_eq!(late.audit_events_forget(day(60), 10).await.unwrap(), 3);
}

async fn keys_go_a_month_after_they_expired(database: TestDatabase) {
    let store = after_days(&database, 0).await;
    let id = dataset(&store, "weather").await.id;
    for n in 0..3 {
        let keyed = ManifestPublish {
            idempotency_key: Some(format!("key-{n}")),
            ..append(id, &format!("{n}.parquet"), n)
        };
        store.manifest_publish(&ann(), keyed).await.unwrap();
    }
    let status = async |days: i64| {
        let store = after_days(&database, days).await;
        store.commit_status(&DatasetRef::Id(id), "key-0").await.unwrap()
    };
    let forget = async |days: i64, limit: u32| {
        let store = after_days(&database, days).await;
        store.idempotency_records_forget(limit).await.unwrap()
    };
    assert_eq!(forget(60, 10).await, 0);
    assert!(matches!(status(29).await, CommitStatus::Committed(_)));
    assert!(matches!(status(60).await, CommitStatus::Expired));
    assert_eq!(
        (forget(61, 2).await, forget(61, 2).await, forget(61, 2).await),
        (2, 1, 0)
    );
    assert!(matches!(status(61).await, CommitStatus::NotSeen));
}

async fn audit_events_go_oldest_first(database: TestDatabase) {
    let connections = database.connections().await;
    let event = |n: i64| audit_event::Model {
        id: AuditEventId(Uuid::now_v7()),
        actor: None,
        scopes: json!([]),
        action: format!("a{n}"),
        outcome: AuditOutcome::Success,
        dataset_id: None,
        dataset_slug: None,
        detail: json!({}),
        occurred_at: day(n),
    };
    for n in [3, 0, 4, 1, 2] {
        let row = audit_event::ActiveModel::from(event(n));
        row.insert(&connections.writer).await.unwrap();
    }
    let store = database.store().await;
    assert_eq!(store.audit_events_forget(day(0), 10).await.unwrap(), 0);
    assert_eq!(store.audit_events_forget(day(3), 2).await.unwrap(), 2);
    let left = || count(&connections.reader, "audit_events where action in ('a0', 'a1')");
    assert_eq!(left().await, 0);
    assert_eq!(store.audit_events_forget(day(3), 2).await.unwrap(), 1);
    assert_eq!(store.audit_events_forget(day(3), 2).await.unwrap(), 0);
    assert_eq!(count(&connections.reader, "audit_events").await, 2);
}

async fn changes_go_from_the_front_of_the_feed(database: TestDatabase) {
    let connections = database.connections().await;
    let store = database.store().await;
    for n in [0, 1, 2, 9, 3] {
        let change = change::ActiveModel {
            sequence: NotSet,
            transaction_id: NotSet,
            kind: Set(ChangeKind::DatasetUpdated),
            dataset_id: Set(None),
            version: Set(None),
            payload: Set(json!({})),
            occurred_at: Set(day(n)),
            read_scopes: NotSet,
            write_scopes: NotSet,
        };
        change.insert(&connections.writer).await.unwrap();
    }
    // Nothing is cleared that readers have not been shown.
    while store.change_count(&ChangeFilter::default()).await.unwrap() < 5 {
        tokio::task::yield_now().await;
    }
    assert_eq!(store.changes_forget(day(0), 10).await.unwrap(), 0);
    assert_eq!(store.changes_forget(day(5), 2).await.unwrap(), 2);
    assert_eq!(store.changes_forget(day(5), 2).await.unwrap(), 1);
    // The one of the third day stands behind a younger one.
    assert_eq!(store.changes_forget(day(5), 2).await.unwrap(), 0);
    assert_eq!(store.changes_forget(day(10), 10).await.unwrap(), 2);
    assert_eq!(count(&connections.reader, "changes").await, 0);
}

async fn a_cleared_policy_is_remembered_as_long_as_its_dataset(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let policy = json!({ "dataset": slug("weather"), "keepVersions": 3 });
    app.granted("setRetentionPolicy", policy.clone()).await;
    let cleared = json!({ "dataset": slug("weather") });
    app.granted("clearRetentionPolicy", cleared.clone()).await;
    let refused = json!({ "dataset": slug("weather"), "expectedRevision": 7 });
    app.refused("clearRetentionPolicy", refused).await;
    let store = database.store().await;
    let later = day(365_000);
    let events = count(&app.connection, "audit_events").await;
    assert_eq!(
        store.audit_events_forget(later, 100).await.unwrap(),
        events.unsigned_abs() - 1
    );
    let set = app.granted("setRetentionPolicy", policy).await;
    assert_eq!(set["policy"]["revision"], 2);
}

async fn only_runs_that_ended_go(database: TestDatabase) {
    let connections = database.connections().await;
    let run = |created: i64, finished: Option<i64>| lifecycle_run::Model {
        id: LifecycleRunId(Uuid::now_v7()),
        dataset_id: None,
        kind: RunKind::Housekeeping,
        trigger: RunTrigger::Schedule,
        requested_by: None,
        status: finished.map_or(RunStatus::Running, |_| RunStatus::Completed),
        attempts: 1,
        counters: json!({}),
        error: None,
        worker: None,
        created_at: day(created),
        started_at: Some(day(created)),
        heartbeat_at: None,
        cancelled_at: None,
        finished_at: finished.map(day),
    };
    for (created, finished) in [(0, None), (0, Some(1)), (0, Some(9)), (1, Some(2)), (6, Some(7))] {
        let row = lifecycle_run::ActiveModel::from(run(created, finished));
        row.insert(&connections.writer).await.unwrap();
    }
    let store = database.store().await;
    assert_eq!(store.lifecycle_runs_forget(day(5), 1).await.unwrap(), 1);
    assert_eq!(store.lifecycle_runs_forget(day(5), 10).await.unwrap(), 1);
    assert_eq!(store.lifecycle_runs_forget(day(5), 10).await.unwrap(), 0);
    assert_eq!(count(&connections.reader, "lifecycle_runs").await, 3);
}

async fn only_removals_that_were_settled_go(database: TestDatabase) {
    let connections = database.connections().await;
    let store = database.store().await;
    let target = dataset(&store, "weather")
        .await
        .default_storage_target_id
        .unwrap();
    let removal = |done: Option<i64>, dead: Option<i64>| file_removal::Model {
        // Removals outlive their dataset.
        dataset_id: DatasetId(Uuid::now_v7()),
        partition_id: PartitionId(Uuid::now_v7()),
        storage_target_id: target,
        file_path: "a.parquet".to_owned(),
        file_size_bytes: 1,
        queued_at: day(0),
        due_at: day(0),
        lease_id: None,
        lease_owner: None,
        attempts: 1,
        error: None,
        dead_at: dead.map(day),
        done_at: done.map(day),
        outcome: done.map(|_| RemovalOutcome::Deleted),
    };
    for (done, dead) in [
        (None, None),
        (None, Some(0)),
        (Some(1), None),
        (Some(2), None),
        (Some(9), None),
    ] {
        let row = file_removal::ActiveModel::from(removal(done, dead));
        row.insert(&connections.writer).await.unwrap();
    }
    assert_eq!(store.file_removals_forget(day(5), 1).await.unwrap(), 1);
    assert_eq!(store.file_removals_forget(day(5), 10).await.unwrap(), 1);
    assert_eq!(store.file_removals_forget(day(5), 10).await.unwrap(), 0);
    assert_eq!(count(&connections.reader, "file_removals").await, 3);
}
