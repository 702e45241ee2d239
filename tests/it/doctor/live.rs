//! A doctor that looks while others publish, expire and delete finds nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use timestore_entity::enums::ManifestOperation;
use timestore_entity::ids::DatasetId;
use timestore_gateway::lifecycle::{AUDIT_RETENTION, Halt, Lifecycle};
use timestore_gateway::storage::Environment;
use timestore_gateway::store::clock::SystemClock;
use timestore_gateway::store::history::ManifestsExpire;
use timestore_gateway::store::publish::ManifestPublish;
use timestore_gateway::store::{DatasetRef, Store};

use super::{look, names};
use crate::support::both;
use crate::support::catalog::{ann, append, at, dataset, file, paths, publish};
use crate::support::database::TestDatabase;

both! {
    nothing_that_happens_meanwhile_looks_like_damage,
}

/// How often each of the others does its work.
const ROUNDS: i64 = 40;

async fn nothing_that_happens_meanwhile_looks_like_damage(database: TestDatabase) {
    let store = database.store().await;
    let id = dataset(&store, "weather").await.id;
    let done = Arc::new(AtomicBool::new(false));
    let mut others = tokio::task::JoinSet::new();
    for publisher in 0..2 {
        others.spawn(publish_all(database.store().await, id, publisher));
    }
    others.spawn(compact_all(database.store().await, id));
    let sweeper = database.store().await.with_read_grace(chrono::Duration::zero());
    let sweeping = tokio::spawn(sweep(sweeper, id, done.clone()));
    let watching = async {
        let mut looks = 0;
        while !others.is_empty() || looks == 0 {
            assert_eq!(
                names(&look(&store, &SystemClock, false).await),
                [],
                "look {looks}"
            );
            looks += 1;
            while others.try_join_next().map(Result::unwrap).is_some() {}
        }
    };
    watching.await;
    done.store(true, Ordering::Relaxed);
    sweeping.await.unwrap();
    assert_eq!(names(&look(&store, &SystemClock, false).await), []);
}

async fn publish_all(store: Store, id: DatasetId, publisher: i64) {
    for n in 0..ROUNDS {
        let append = append(id, &format!("{publisher}/{n}"), n * 7 + publisher);
        store.manifest_publish(&ann(), append).await.unwrap();
    }
}

/// Puts a file in the place of another, which somebody else may have done meanwhile.
async fn compact_all(store: Store, id: DatasetId) {
    for n in 0..ROUNDS {
        let version = store.dataset_heads(&[id]).await.unwrap()[&id].latest_version;
        let live = match version {
            0 => Vec::new(),
            version => paths(&store, id, version).await,
        };
        let Some(first) = live.first() else { continue };
        let replace = ManifestPublish {
            remove: vec![at(first)],
            add: vec![file(&format!("compacted/{n}"), n * 5)],
            ..publish(id, ManifestOperation::Compact)
        };
        store.manifest_publish(&ann(), replace).await.unwrap();
    }
}

/// Expires all versions but the newest two, and deletes files, which are not there to begin with.
async fn sweep(store: Store, id: DatasetId, done: Arc<AtomicBool>) {
    let environment: Environment = [].into_iter().collect();
    while !done.load(Ordering::Relaxed) {
        let expire = ManifestsExpire {
            dataset: DatasetRef::Id(id),
            keep_versions: Some(2),
            max_version_age: None,
        };
        store.manifests_expire(&ann(), expire).await.unwrap();
        let worker = Lifecycle {
            store: &store,
            clock: &SystemClock,
            environment: &environment,
            audit_retention: AUDIT_RETENTION,
            by: ann(),
            name: "test".to_owned(),
        };
        worker.pass(None, &Halt::default()).await.unwrap();
    }
}
