//! Leases of workers: how they end, who gets what comes back, and when a file is given up.

use std::collections::HashSet;

use chrono::Duration;
use timestore_gateway::store::DatasetRef;
use timestore_gateway::store::file_removal::{Acknowledged, FileRemovalRequeue, FileRemovalState};

use crate::support::both;
use crate::support::catalog::ann;
use crate::support::database::TestDatabase;

use super::{Bench, claim, paths, removed};

both! {
    what_is_not_acknowledged_comes_back_when_its_lease_ends,
    many_workers_at_once_never_get_the_same_file,
    a_file_that_fails_rests_longer_each_time_and_is_given_up_in_the_end,
    a_worker_that_never_answers_makes_a_dead_letter,
    acknowledging_again_changes_nothing,
}

async fn what_is_not_acknowledged_comes_back_when_its_lease_ends(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let key = bench.queue("a.parquet").await;
    let later = bench.queue_at("files", "b.parquet", Duration::days(1)).await;
    let first = bench.claim().await;
    assert_eq!(paths(&first), ["a.parquet"]);
    assert_eq!(bench.state(key).await, FileRemovalState::Claimed);
    assert_eq!(bench.state(later).await, FileRemovalState::Waiting);
    assert!(bench.claim().await.removals.is_empty());
    bench.clock.advance(Duration::minutes(5));
    assert_eq!(bench.state(key).await, FileRemovalState::Due);
    let second = bench.claim().await;
    assert_eq!(paths(&second), ["a.parquet"]);
    assert_eq!(second.removals[0].attempts, 2);
    let late = bench
        .store
        .file_removals_acknowledge(&ann(), removed(&first, false))
        .await;
    let message = late.unwrap_err().to_string();
    assert!(
        message.starts_with("removed.0.removal: the lease has passed"),
        "{message}"
    );
    assert_eq!(bench.acknowledge(&second, true).await.removed, 1);
    assert_eq!(bench.outcome(key).await, Some("missing"));
}

async fn many_workers_at_once_never_get_the_same_file(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    for n in 0..60 {
        bench.queue(&format!("{n}.parquet")).await;
    }
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = database.store_at(bench.clock.clone()).await;
        workers.spawn(async move {
            let mut mine = Vec::new();
            loop {
                let claimed = claim(&store, 3).await;
                if claimed.removals.is_empty() {
                    return mine;
                }
                mine.extend(claimed.removals.into_iter().map(|row| row.file_path));
            }
        });
    }
    let got: Vec<String> = workers.join_all().await.into_iter().flatten().collect();
    let distinct: HashSet<&String> = got.iter().collect();
    assert_eq!(distinct.len(), got.len(), "a file was handed out twice");
    // A worker that finds the last rows locked goes home; what it leaves is somebody else's.
    assert_eq!(got.len() + claim(&bench.store, 100).await.removals.len(), 60);
}

async fn a_file_that_fails_rests_longer_each_time_and_is_given_up_in_the_end(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let key = bench.queue("a.parquet").await;
    for (n, minutes) in [1, 2, 4, 8, 16, 32, 64, 128, 256].into_iter().enumerate() {
        let claimed = bench.claim().await;
        assert_eq!(claimed.removals.len(), 1, "attempt {n}");
        assert_eq!(bench.fail(&claimed, false).await.retried, 1);
        bench
            .clock
            .advance(Duration::minutes(minutes) - Duration::seconds(1));
        assert!(bench.claim().await.removals.is_empty(), "attempt {n}");
        bench.clock.advance(Duration::seconds(1));
    }
    assert_eq!(bench.fail(&bench.claim().await, false).await.dead, 1);
    let removal = bench.store.file_removals_by_key(&[key]).await.unwrap()[&key]
        .0
        .clone();
    assert_eq!(removal.error.unwrap().chars().count(), 1_000);
    assert_eq!(bench.state(key).await, FileRemovalState::Dead);
    bench.clock.advance(Duration::days(30));
    assert!(bench.claim().await.removals.is_empty());
    let requeue = FileRemovalRequeue {
        removals: Some(vec![Some(key)]),
        dataset: Some(DatasetRef::Id(bench.id)),
    };
    let requeued = async || bench.store.file_removals_requeue(&ann(), requeue.clone()).await;
    assert_eq!(requeued().await.unwrap(), 1);
    assert_eq!(requeued().await.unwrap(), 0);
    let claimed = bench.claim().await;
    assert_eq!(claimed.removals[0].attempts, 1);
    assert_eq!(bench.fail(&claimed, true).await.dead, 1);
}

async fn a_worker_that_never_answers_makes_a_dead_letter(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let key = bench.queue("a.parquet").await;
    for _ in 0..10 {
        assert_eq!(bench.claim().await.removals.len(), 1);
        bench.clock.advance(Duration::minutes(5));
    }
    assert!(bench.claim().await.removals.is_empty());
    let removal = bench.store.file_removals_by_key(&[key]).await.unwrap()[&key]
        .0
        .clone();
    assert_eq!(removal.error.as_deref(), Some("its worker never answered"));
    let all = FileRemovalRequeue::default();
    assert_eq!(bench.store.file_removals_requeue(&ann(), all).await.unwrap(), 1);
    assert_eq!(bench.claim().await.removals.len(), 1);
}

async fn acknowledging_again_changes_nothing(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let key = bench.queue("a.parquet").await;
    let claimed = bench.claim().await;
    assert_eq!(bench.acknowledge(&claimed, false).await.removed, 1);
    let before = bench.store.file_removals_by_key(&[key]).await.unwrap();
    bench.clock.advance(Duration::days(1));
    assert_eq!(bench.acknowledge(&claimed, true).await, Acknowledged::default());
    assert_eq!(bench.store.file_removals_by_key(&[key]).await.unwrap(), before);
    assert_eq!(bench.outcome(key).await, Some("deleted"));
}
