//! A doctor that looks while others publish, expire and delete finds nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use timestore_entity::enums::ManifestOperation;
use timestore_entity::ids::DatasetId;
use timestore_gateway::doctor::Doctor;
use timestore_gateway::halt::Halt;
use timestore_gateway::lifecycle::{Lifecycle, Memory};
use timestore_gateway::model::retention::RetentionDefaults;
use timestore_gateway::storage::Environment;
use timestore_gateway::store::Store;
use timestore_gateway::store::clock::SystemClock;
use timestore_gateway::store::publish::ManifestPublish;

use super::names;
use crate::support::both;
use crate::support::catalog::{ann, append, at, dataset, file, local_target, publish};
use crate::support::database::TestDatabase;
use crate::support::storage::TestStorage;

both! {
    nothing_that_happens_meanwhile_looks_like_damage,
}

/// How often each of the others does its work.
const ROUNDS: i64 = 40;

/// What everybody works on.
struct Scene {
    database: TestDatabase,
    storage: TestStorage,
    id: DatasetId,
    done: AtomicBool,
}

async fn nothing_that_happens_meanwhile_looks_like_damage(database: TestDatabase) {
    let store = database.store().await;
    let storage = TestStorage::disk();
    let id = dataset(&store, "weather").await.id;
    local_target(&store, "files", &storage.base_uri()).await;
    let scene = Arc::new(Scene {
        database,
        storage,
        id,
        done: AtomicBool::new(false),
    });
    publish_all(scene.clone(), 0, 1).await;
    let mut others = tokio::task::JoinSet::new();
    for publisher in 1..3 {
        others.spawn(publish_all(scene.clone(), publisher, ROUNDS));
    }
    others.spawn(compact_all(scene.clone()));
    let sweeping = tokio::spawn(sweep(scene.clone()));
    let mut looks = 0;
    while !others.is_empty() || looks == 0 {
        look(&store).await;
        looks += 1;
        while others.try_join_next().map(Result::unwrap).is_some() {}
    }
    scene.done.store(true, Ordering::Relaxed);
    assert!(sweeping.await.unwrap() > 0, "files were deleted meanwhile");
    look(&store).await;
}

/// Looks at everything, and finds nothing.
async fn look(store: &Store) {
    let doctor = Doctor {
        store,
        clock: &SystemClock,
        environment: &Environment::from_iter([]),
        orphans_older_than: "P1D".parse().unwrap(),
        fix: false,
    };
    let mut findings = Vec::new();
    let mut report = |finding| findings.push(finding);
    doctor.look_at_records(None, &mut report).await.unwrap();
    doctor.look_at_storage(None, None, &mut report).await.unwrap();
    assert_eq!(names(&findings), [], "{findings:#?}");
}

async fn publish_all(scene: Arc<Scene>, publisher: i64, files: i64) {
    let store = scene.database.store().await;
    for n in 0..files {
        let path = format!("{publisher}/{n}");
        scene.storage.put(&path, &[0; 100]).await;
        let append = append(scene.id, &path, n * 7 + publisher);
        store.manifest_publish(&ann(), append).await.unwrap();
    }
}

/// Puts a file in the place of the first, and one after the other in the place of that.
async fn compact_all(scene: Arc<Scene>) {
    let store = scene.database.store().await;
    let mut last = "0/0".to_owned();
    for n in 0..ROUNDS {
        let path = format!("compacted/{n}");
        scene.storage.put(&path, &[0; 100]).await;
        let compact = ManifestPublish {
            remove: vec![at(&last)],
            add: vec![file(&path, n * 5)],
            ..publish(scene.id, ManifestOperation::Compact)
        };
        store.manifest_publish(&ann(), compact).await.unwrap();
        last = path;
    }
}

/// Expires all versions but the newest two, and deletes their files at once; returns how many.
async fn sweep(scene: Arc<Scene>) -> u64 {
    let defaults = RetentionDefaults {
        keep_versions: Some(2),
        delete_grace: Some("PT0S".parse().unwrap()),
        ..RetentionDefaults::default()
    };
    let store = scene.database.store().await;
    let store = store
        .with_retention_defaults(defaults)
        .with_read_grace(chrono::Duration::zero());
    let mut removed = 0;
    loop {
        let done = scene.done.load(Ordering::Relaxed);
        let worker = Lifecycle {
            store: &store,
            clock: &SystemClock,
            environment: &Environment::from_iter([]),
            memory: Memory::default(),
            by: ann(),
            name: "test".to_owned(),
        };
        let report = worker.pass(None, &Halt::default()).await.unwrap();
        assert_eq!(report.errors, [""; 0]);
        removed += report.removed_files;
        if done {
            return removed;
        }
    }
}
