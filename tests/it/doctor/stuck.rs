//! What is stuck is found once it has been for long, and `--fix` ends what it says, and nothing else.

use std::sync::Arc;

use chrono::Duration;
use sea_orm::{ActiveModelTrait, EntityTrait};
use timestore_entity::enums::{ManifestOperation, RunKind, RunStatus, RunTrigger};
use timestore_entity::ids::{DatasetId, LeaseId, LifecycleRunId, PartitionId};
use timestore_entity::{file_removal, lease, lifecycle_run, manifest_draft};
use timestore_gateway::store::draft::DraftCreate;
use timestore_gateway::store::{Clock, DatasetRef, StorageTargetRef, Store};
use uuid::Uuid;

use super::{look, names};
use crate::support::both;
use crate::support::catalog::{ann, dataset, minute};
use crate::support::clock::StillClock;
use crate::support::database::TestDatabase;

both! {
    what_is_stuck_is_found_and_what_is_safe_is_mended,
}

async fn draft(store: &Store, id: DatasetId) {
    let create = DraftCreate {
        dataset: DatasetRef::Id(id),
        operation: ManifestOperation::Append,
        schema: None,
        expected_version: None,
        summary: None,
        metadata: None,
    };
    store.draft_create(&ann(), create).await.unwrap();
}

async fn what_is_stuck_is_found_and_what_is_safe_is_mended(database: TestDatabase) {
    let clock = Arc::new(StillClock::at(minute(1_000_000)));
    let store = database.store_at(clock.clone()).await;
    let connection = database.connections().await.writer;
    let id = dataset(&store, "weather").await.id;
    draft(&store, id).await;
    clock.advance(Duration::hours(8 * 24 + 1));
    draft(&store, id).await;
    let now = clock.now();
    let ago = |duration: Duration| now - duration;

    let target = StorageTargetRef::Name("files".to_owned());
    let target = store.storage_target_find(&target).await.unwrap().unwrap();
    let removal = |due: Duration, lease: Option<LeaseId>, dead: bool| file_removal::Model {
        dataset_id: id,
        partition_id: PartitionId(Uuid::now_v7()),
        storage_target_id: target.id,
        file_path: "gone".to_owned(),
        file_size_bytes: 100,
        queued_at: ago(due),
        due_at: ago(due),
        lease_id: lease,
        lease_owner: lease.map(|_| "worker".to_owned()),
        attempts: 1,
        error: dead.then(|| "access denied".to_owned()),
        dead_at: dead.then(|| ago(due)),
        done_at: None,
        outcome: None,
    };
    let lease_id = || Some(LeaseId(Uuid::now_v7()));
    for removal in [
        removal(Duration::minutes(61), lease_id(), false),
        removal(Duration::minutes(59), lease_id(), false),
        removal(Duration::hours(25), None, false),
        removal(Duration::hours(23), None, false),
        removal(Duration::hours(1), None, true),
    ] {
        let removal = file_removal::ActiveModel::from(removal);
        removal.insert(&connection).await.unwrap();
    }
    let run = |status: RunStatus, created: Duration, seen: Option<Duration>| lifecycle_run::Model {
        id: LifecycleRunId(Uuid::now_v7()),
        dataset_id: None,
        kind: RunKind::Retention,
        trigger: RunTrigger::Request,
        requested_by: Some("ann".to_owned()),
        status,
        attempts: 1,
        counters: serde_json::json!({}),
        error: None,
        worker: Some("gateway-1".to_owned()),
        created_at: ago(created),
        started_at: None,
        heartbeat_at: seen.map(ago),
        cancelled_at: None,
        finished_at: (status == RunStatus::Completed).then_some(now),
    };
    let silent = run(RunStatus::Running, Duration::days(3), Some(Duration::minutes(11)));
    let alive = run(RunStatus::Running, Duration::days(3), Some(Duration::minutes(9)));
    for run in [
        silent.clone(),
        alive.clone(),
        run(RunStatus::Queued, Duration::hours(25), None),
        run(RunStatus::Queued, Duration::hours(23), None),
        run(RunStatus::Completed, Duration::days(3), None),
    ] {
        let run = lifecycle_run::ActiveModel::from(run);
        run.insert(&connection).await.unwrap();
    }
    for (name, ended) in [("old", 61), ("young", 59), ("held", -5)] {
        let lease = lease::Model {
            name: name.to_owned(),
            id: LeaseId(Uuid::now_v7()),
            holder: "gateway-1".to_owned(),
            acquired_at: ago(Duration::days(1)),
            expires_at: ago(Duration::minutes(ended)),
        };
        lease::ActiveModel::from(lease).insert(&connection).await.unwrap();
    }

    let stuck = [
        "draft-overdue",
        "removal-lease-ended",
        "removal-overdue",
        "removal-dead",
        "run-silent",
        "run-waiting",
        "lease-ended",
    ];
    let of_catalog = |checks: &[&'static str]| -> Vec<_> {
        checks
            .iter()
            .map(|check| ("catalog".to_owned(), *check))
            .collect()
    };
    let findings = look(&store, &*clock, false).await;
    assert_eq!(names(&findings), of_catalog(&stuck));
    assert!(
        findings
            .iter()
            .all(|finding| finding.flaw.count == 1 && !finding.mended)
    );
    assert_eq!(findings[3].flaw.first, ["weather: files: gone: access denied"]);

    let findings = look(&store, &*clock, true).await;
    assert_eq!(names(&findings), of_catalog(&stuck));
    let mended: Vec<bool> = findings.iter().map(|finding| finding.mended).collect();
    assert_eq!(mended, [true, false, false, false, true, false, true]);
    let findings = look(&store, &*clock, true).await;
    assert_eq!(
        names(&findings),
        of_catalog(&[
            "removal-lease-ended",
            "removal-overdue",
            "removal-dead",
            "run-waiting"
        ])
    );

    let runs = lifecycle_run::Entity::find().all(&connection).await.unwrap();
    let failed: Vec<_> = runs
        .iter()
        .filter(|run| run.status == RunStatus::Failed)
        .collect();
    assert_eq!(failed.len(), 1);
    assert_eq!((failed[0].id, failed[0].finished_at), (silent.id, Some(now)));
    assert!(runs.contains(&alive));
    let leases = lease::Entity::find().all(&connection).await.unwrap();
    assert_eq!(leases.len(), 2, "the young one and the one that is held");
    let drafts = manifest_draft::Entity::find().all(&connection).await.unwrap();
    assert_eq!(drafts.len(), 1);
}
