//! Files that something needs after all: they are not handed out, and nothing is published where one is being deleted.

use std::collections::HashSet;

use chrono::Duration;
use sea_orm::{ConnectionTrait, TransactionTrait};
use timestore_gateway::store::draft::{DraftCreate, DraftRef, DraftStage};
use timestore_gateway::store::file_removal::FileRemovalState;
use timestore_gateway::store::publish::{DuplicatePolicy, ManifestPublish};
use timestore_gateway::store::{DatasetRef, StorageTargetRef};

use crate::support::both;
use crate::support::catalog::{ann, append, dataset, file, local_target};
use crate::support::database::TestDatabase;

use super::{Bench, claim, paths, reason};

both! {
    a_file_that_came_back_to_life_is_never_handed_out,
    a_file_that_a_draft_has_staged_waits_for_the_draft,
    a_file_waits_for_the_grace_of_its_other_removals,
    nothing_is_published_at_the_path_of_a_claimed_file,
}

async fn a_file_that_came_back_to_life_is_never_handed_out(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let other = dataset(&bench.store, "other").await.id;
    local_target(&bench.store, "above", "/").await;
    local_target(&bench.store, "below", "file:///files/deep").await;
    let mut keys = Vec::new();
    for path in [
        "same.parquet",
        "other.parquet",
        "above.parquet",
        "deep/below.parquet",
        "removed.parquet",
    ] {
        keys.push(bench.queue(path).await);
    }
    bench.queue("free.parquet").await;
    bench.queue("deeper/free.parquet").await;
    let publish = async |id, path: &str, target: Option<&str>| {
        let mut add = file(path, 0);
        add.storage_target = target.map(|name| StorageTargetRef::Name(name.to_owned()));
        let input = ManifestPublish {
            add: vec![add],
            ..append(id, path, 0)
        };
        bench.store.manifest_publish(&ann(), input).await.unwrap();
    };
    publish(bench.id, "same.parquet", None).await;
    publish(other, "other.parquet", None).await;
    publish(other, "files/above.parquet", Some("above")).await;
    publish(other, "below.parquet", Some("below")).await;
    publish(bench.id, "removed.parquet", None).await;
    let remove = ManifestPublish {
        remove: vec![crate::support::catalog::at("removed.parquet")],
        ..crate::support::catalog::publish(bench.id, timestore_entity::enums::ManifestOperation::Delete)
    };
    bench.store.manifest_publish(&ann(), remove).await.unwrap();
    let claimed = bench.claim().await;
    assert_eq!(
        paths(&claimed).into_iter().collect::<HashSet<_>>(),
        HashSet::from(["free.parquet", "deeper/free.parquet"])
    );
    for key in keys {
        assert_eq!(bench.outcome(key).await, Some("kept"));
    }
}

async fn a_file_that_a_draft_has_staged_waits_for_the_draft(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let key = bench.queue("a.parquet").await;
    let stage = async |path: &str| {
        let create = DraftCreate {
            dataset: DatasetRef::Id(bench.id),
            operation: timestore_entity::enums::ManifestOperation::Append,
            schema: None,
            expected_version: None,
            summary: None,
            metadata: None,
        };
        let draft = bench.store.draft_create(&ann(), create).await.unwrap();
        let stage = DraftStage {
            draft: DraftRef::Id(bench.id, draft.id),
            add: vec![file(path, 0)],
            remove: Vec::new(),
            on_duplicate: DuplicatePolicy::Skip,
        };
        bench.store.draft_stage(&ann(), stage).await
    };
    let (draft, _) = stage("a.parquet").await.unwrap();
    assert!(bench.claim().await.removals.is_empty());
    let removal = bench.store.file_removals_by_key(&[key]).await.unwrap()[&key]
        .0
        .clone();
    assert_eq!((removal.due_at, removal.attempts), (draft.expires_at, 0));
    bench.clock.advance(Duration::days(7));
    assert_eq!(paths(&bench.claim().await), ["a.parquet"]);
    let refused = reason(stage("a.parquet").await.unwrap_err());
    assert!(refused.starts_with("the catalog is deleting"), "{refused}");
}

async fn a_file_waits_for_the_grace_of_its_other_removals(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    local_target(&bench.store, "above", "file:///").await;
    let key = bench.queue("a.parquet").await;
    bench
        .queue_at("above", "files/a.parquet", Duration::hours(1))
        .await;
    assert!(bench.claim().await.removals.is_empty());
    assert_eq!(bench.state(key).await, FileRemovalState::Waiting);
    bench.clock.advance(Duration::hours(1));
    assert_eq!(bench.claim().await.removals.len(), 2);
}

async fn nothing_is_published_at_the_path_of_a_claimed_file(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let other = dataset(&bench.store, "other").await.id;
    local_target(&bench.store, "above", "/").await;
    bench.queue("a.parquet").await;
    let claimed = bench.claim().await;
    let mut aliased = file("files/a.parquet", 0);
    aliased.storage_target = Some(StorageTargetRef::Name("above".to_owned()));
    let aliased = ManifestPublish {
        add: vec![aliased],
        ..append(other, "a.parquet", 0)
    };
    let mut among_many = append(other, "a.parquet", 0);
    among_many
        .add
        .extend((1..150).map(|n| file(&format!("{n}.parquet"), n)));
    for input in [
        append(bench.id, "a.parquet", 0),
        append(other, "a.parquet", 0),
        among_many,
        aliased,
    ] {
        for on_duplicate in [DuplicatePolicy::Reject, DuplicatePolicy::Skip] {
            let input = ManifestPublish {
                on_duplicate,
                ..input.clone()
            };
            let refused = reason(bench.store.manifest_publish(&ann(), input).await.unwrap_err());
            assert!(refused.starts_with("the catalog is deleting"), "{refused}");
        }
    }
    // Not even when the lease has ended: its worker may still be at it.
    bench.clock.advance(Duration::hours(1));
    let publish = async || {
        bench
            .store
            .manifest_publish(&ann(), append(other, "a.parquet", 0))
            .await
    };
    reason(publish().await.unwrap_err());
    bench.acknowledge(&claimed, false).await;
    publish().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_in_the_middle_of_its_transaction_is_not_overtaken() {
    let database = TestDatabase::postgres().await;
    let bench = Bench::new(&database).await;
    let other = dataset(&bench.store, "other").await.id;
    let key = bench.queue("a.parquet").await;
    // Holds the publisher after its look for leases, where it writes its manifest.
    let gate = bench.connection.begin().await.unwrap();
    gate.execute_unprepared("lock table timestore.manifests in share mode")
        .await
        .unwrap();
    let publisher = database.store_at(bench.clock.clone()).await;
    let publishing = tokio::spawn(async move {
        publisher
            .manifest_publish(&ann(), append(other, "a.parquet", 0))
            .await
    });
    let waits =
        "select count(*) from pg_locks where not granted and relation = 'timestore.manifests'::regclass";
    until(&bench, waits).await;
    let claimer = database.store_at(bench.clock.clone()).await;
    let claiming = tokio::spawn(async move { claim(&claimer, 10).await });
    until(
        &bench,
        "select count(*) from timestore.file_removals where lease_id is not null",
    )
    .await;
    assert!(!claiming.is_finished());
    gate.rollback().await.unwrap();
    publishing.await.unwrap().unwrap();
    assert!(claiming.await.unwrap().removals.is_empty());
    assert_eq!(bench.outcome(key).await, Some("kept"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_looked_before_is_waited_for() {
    let database = TestDatabase::postgres().await;
    let bench = Bench::new(&database).await;
    bench.queue("a.parquet").await;
    // As a publish that is one statement, and has not written yet.
    let publishing = bench.connection.begin().await.unwrap();
    publishing
        .execute_unprepared("select from timestore.publishing for key share")
        .await
        .unwrap();
    let claimer = database.store_at(bench.clock.clone()).await;
    let claiming = tokio::spawn(async move { claim(&claimer, 10).await });
    let waits =
        "select count(*) from pg_locks where not granted and relation = 'timestore.publishing'::regclass";
    for _ in 0..3 {
        until(&bench, waits).await;
    }
    assert!(!claiming.is_finished());
    publishing.rollback().await.unwrap();
    assert_eq!(claiming.await.unwrap().removals.len(), 1);
}

/// Waits until a count is no longer 0.
async fn until(bench: &Bench, count: &str) {
    loop {
        let statement =
            sea_orm::Statement::from_string(bench.connection.get_database_backend(), count.to_owned());
        let row = bench.connection.query_one_raw(statement).await.unwrap().unwrap();
        if row.try_get_by_index::<i64>(0).unwrap() > 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
}
