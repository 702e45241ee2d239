//! Files that no version needs any more: claimed, deleted, acknowledged, and never those that something needs after all.

mod api;
mod lease;
mod needed;

use std::sync::Arc;

use chrono::{Duration, Utc};
use sea_orm::DatabaseConnection;
use timestore_entity::ids::DatasetId;
use timestore_gateway::store::file_removal::{
    Acknowledged, Claimed, Failed, FileRemovalAcknowledge, FileRemovalClaim, FileRemovalKey,
    FileRemovalState, Removed,
};
use timestore_gateway::store::{FaultKind, Store, StoreError};

use crate::support::catalog::{ann, dataset, queue_removal};
use crate::support::clock::StillClock;
use crate::support::database::TestDatabase;

/// A catalog with a clock of its own, and one dataset.
struct Bench {
    clock: Arc<StillClock>,
    store: Store,
    connection: DatabaseConnection,
    id: DatasetId,
}

impl Bench {
    async fn new(database: &TestDatabase) -> Self {
        let clock = Arc::new(StillClock::at(Utc::now()));
        let store = database.store_at(clock.clone()).await;
        let id = dataset(&store, "weather").await.id;
        let connection = database.connections().await.writer;
        Self {
            clock,
            store,
            connection,
            id,
        }
    }

    /// Queues a file that is due.
    async fn queue(&self, path: &str) -> FileRemovalKey {
        self.queue_at("files", path, Duration::zero()).await
    }

    async fn queue_at(&self, target: &str, path: &str, after: Duration) -> FileRemovalKey {
        use timestore_gateway::store::Clock;
        let due_at = self.clock.now() + after;
        queue_removal(&self.connection, &self.store, self.id, (target, path), due_at).await
    }

    async fn claim(&self) -> Claimed {
        claim(&self.store, 100).await
    }

    async fn state(&self, key: FileRemovalKey) -> FileRemovalState {
        self.store.file_removals_by_key(&[key]).await.unwrap()[&key].1
    }

    async fn outcome(&self, key: FileRemovalKey) -> Option<&'static str> {
        let removal = &self.store.file_removals_by_key(&[key]).await.unwrap()[&key].0;
        removal.outcome.map(|outcome| outcome.as_str())
    }

    async fn acknowledge(&self, claimed: &Claimed, missing: bool) -> Acknowledged {
        let input = removed(claimed, missing);
        self.store.file_removals_acknowledge(&ann(), input).await.unwrap()
    }

    async fn fail(&self, claimed: &Claimed, permanent: bool) -> Acknowledged {
        let failed = claimed.removals.iter().map(|row| Failed {
            removal: Some((row.dataset_id, row.partition_id)),
            error: "é".repeat(2_000),
            permanent,
        });
        let input = FileRemovalAcknowledge {
            lease: Some(claimed.lease),
            removed: Vec::new(),
            failed: failed.collect(),
            released: Vec::new(),
        };
        self.store.file_removals_acknowledge(&ann(), input).await.unwrap()
    }
}

async fn claim(store: &Store, limit: i32) -> Claimed {
    let claim = FileRemovalClaim {
        owner: "worker".to_owned(),
        limit,
        lease: "PT5M".parse().unwrap(),
    };
    store.file_removals_claim(&ann(), claim).await.unwrap()
}

fn removed(claimed: &Claimed, missing: bool) -> FileRemovalAcknowledge {
    let removed = claimed.removals.iter().map(|row| Removed {
        removal: Some((row.dataset_id, row.partition_id)),
        missing,
    });
    FileRemovalAcknowledge {
        lease: Some(claimed.lease),
        removed: removed.collect(),
        failed: Vec::new(),
        released: Vec::new(),
    }
}

fn paths(claimed: &Claimed) -> Vec<&str> {
    claimed.removals.iter().map(|row| &*row.file_path).collect()
}

/// Why a publish was refused, where it was one duplicate.
fn reason(error: StoreError) -> String {
    let StoreError::Refused(refusal) = error else {
        panic!("{error:?}")
    };
    match &refusal.0[..] {
        [fault] => match &fault.kind {
            FaultKind::DuplicatePartitions { duplicates } => duplicates[0].reason.clone(),
            _ => panic!("{refusal}"),
        },
        _ => panic!("{refusal}"),
    }
}
