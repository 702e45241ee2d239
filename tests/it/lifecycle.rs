//! Passes of the lifecycle worker: files of real storage go when nothing needs them any more, and not before.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::Duration;
use serde_json::json;
use timestore_entity::enums::{RetentionMode, StorageKind};
use timestore_entity::ids::DatasetId;
use timestore_gateway::halt::Halt;
use timestore_gateway::lifecycle::{Lifecycle, Memory, Report};
use timestore_gateway::storage::Environment;
use timestore_gateway::store::retention_policy::RetentionPolicySet;
use timestore_gateway::store::snapshot::SnapshotCreate;
use timestore_gateway::store::storage_target::StorageTargetUpsert;
use timestore_gateway::store::{Clock, DatasetRef, ManifestRef, StorageTargetRef, Store};

use crate::support::both;
use crate::support::catalog::{ann, append, dataset, minute, queue_removal};
use crate::support::clock::StillClock;
use crate::support::database::{TestDatabase, count};
use crate::support::storage::{S3_VARIABLES, TestStorage};

both! {
    files_on_disk_go_when_nothing_needs_them,
    files_in_a_bucket_go_when_nothing_needs_them,
    what_cannot_be_deleted_is_said_and_tried_again,
    a_target_that_does_not_answer_is_left_alone_after_a_few_files,
    a_worker_that_is_to_stop_gives_back_what_it_has_not_touched,
}

struct Worker {
    store: Store,
    clock: Arc<StillClock>,
    storage: TestStorage,
    dataset: DatasetId,
}

impl Worker {
    /// A dataset with three files, `a`, `b` and `c`, a version each, on real storage.
    async fn new(database: &TestDatabase, storage: TestStorage) -> Self {
        let clock = Arc::new(StillClock::at(minute(1_000)));
        let store = database.store_at(clock.clone()).await;
        let dataset = dataset(&store, "weather").await.id;
        let target = StorageTargetUpsert {
            id: None,
            name: "real".to_owned(),
            kind: storage.kind(),
            base_uri: storage.base_uri(),
            description: None,
            config: Some(storage.config()),
        };
        store.storage_target_upsert(&ann(), target).await.unwrap();
        let worker = Self {
            store,
            clock,
            storage,
            dataset,
        };
        for (path, start) in [("a", 0), ("b", 10), ("c", 9_000)] {
            worker.storage.put(path, b"rows").await;
            let mut append = append(dataset, path, start);
            append.add[0].storage_target = Some(StorageTargetRef::Name("real".to_owned()));
            worker.store.manifest_publish(&ann(), append).await.unwrap();
        }
        worker
    }

    /// Files older than an hour go, one version is kept, and files wait for an hour.
    async fn policy(&self) {
        let policy = RetentionPolicySet {
            dataset: DatasetRef::Id(self.dataset),
            expected_revision: None,
            mode: RetentionMode::Hybrid,
            max_age: Some("PT1H".parse().unwrap()),
            max_total_bytes: None,
            keep_versions: Some(1),
            max_version_age: None,
            delete_grace: Some("PT1H".parse().unwrap()),
            cold_storage_after: None,
            cold_storage_target: None,
            metadata: None,
        };
        self.store.retention_policy_set(&ann(), policy).await.unwrap();
    }

    async fn pass(&self) -> Report {
        self.pass_with(&self.storage.environment(), &Halt::default())
            .await
    }

    async fn pass_with(&self, environment: &Environment, halt: &Halt) -> Report {
        let lifecycle = Lifecycle {
            store: &self.store,
            clock: &*self.clock,
            environment,
            memory: Memory::default(),
            by: ann(),
            name: "test".to_owned(),
        };
        lifecycle.pass(None, halt).await.unwrap()
    }

    async fn exist(&self, paths: &[&str]) -> Vec<bool> {
        let mut exist = Vec::new();
        for path in paths {
            exist.push(self.storage.exists(path).await);
        }
        exist
    }
}

async fn files_on_disk_go_when_nothing_needs_them(database: TestDatabase) {
    files_go_when_nothing_needs_them(database, TestStorage::disk()).await;
}

async fn files_in_a_bucket_go_when_nothing_needs_them(database: TestDatabase) {
    files_go_when_nothing_needs_them(database, TestStorage::s3().await).await;
}

async fn files_go_when_nothing_needs_them(database: TestDatabase, storage: TestStorage) {
    let worker = Worker::new(&database, storage).await;
    let pin = SnapshotCreate {
        dataset: DatasetRef::Id(worker.dataset),
        name: "pin".to_owned(),
        at: Some(ManifestRef::Version(1)),
        description: None,
        expires_at: Some(worker.clock.now() + Duration::hours(12)),
    };
    worker.store.snapshot_create(&ann(), pin).await.unwrap();
    worker.policy().await;
    let report = worker.pass().await;
    let expected = Report {
        datasets: 1,
        dropped_files: 2,
        expired_versions: 2,
        ..Report::default()
    };
    assert_eq!(
        report, expected,
        "readers of the expired versions may still be at it"
    );

    worker.clock.advance(Duration::minutes(2));
    let report = worker.pass().await;
    assert_eq!(
        (report.queued_files, report.removed_files),
        (1, 0),
        "b waits, version 1 pins a"
    );
    assert_eq!(worker.exist(&["a", "b", "c"]).await, [true, true, true]);

    worker.clock.advance(Duration::hours(1));
    assert_eq!(worker.pass().await.removed_files, 1);
    assert_eq!(worker.exist(&["a", "b"]).await, [true, false]);

    worker.clock.advance(Duration::hours(12));
    assert_eq!(worker.pass().await.expired_versions, 1, "the pin has run out");
    for _ in 0..3 {
        worker.clock.advance(Duration::hours(2));
        worker.pass().await;
    }
    assert_eq!(
        worker.exist(&["a", "b", "c"]).await,
        [false, false, true],
        "c is live"
    );
    assert_eq!(
        worker.pass().await,
        Report {
            datasets: 1,
            ..Report::default()
        },
        "nothing is left to do"
    );
}

async fn what_cannot_be_deleted_is_said_and_tried_again(database: TestDatabase) {
    let worker = Worker::new(&database, TestStorage::disk()).await;
    worker.policy().await;
    worker.pass().await;
    worker.clock.advance(Duration::minutes(2));
    worker.pass().await;
    // A directory where the file should be: it cannot be deleted as a file.
    std::fs::remove_file(worker.storage.directory().join("base/a")).unwrap();
    worker.storage.put("a/inside", b"not ours").await;
    worker.clock.advance(Duration::hours(1));
    let report = worker.pass().await;
    assert_eq!((report.removed_files, report.failed_files), (1, 1));
    assert!(
        report.errors[0].starts_with("a on target real: "),
        "{:?}",
        report.errors
    );
    assert_eq!(worker.exist(&["a/inside", "b"]).await, [true, false]);
}

/// An S3 server that takes requests and never answers, and how many connections it has seen.
fn silent_server() -> (String, Arc<AtomicUsize>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(AtomicUsize::new(0));
    let count = seen.clone();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for connection in listener.incoming() {
            count.fetch_add(1, Ordering::Relaxed);
            open.push(connection);
        }
    });
    (endpoint, seen)
}

/// Forty files that are due, on a server that never answers.
async fn due_on_a_silent_server(database: &TestDatabase) -> (Worker, Arc<AtomicUsize>) {
    let worker = Worker::new(database, TestStorage::disk()).await;
    let (endpoint, seen) = silent_server();
    let target = StorageTargetUpsert {
        id: None,
        name: "silent".to_owned(),
        kind: StorageKind::S3,
        base_uri: "s3://bucket/base".to_owned(),
        description: None,
        config: Some(json!({ "endpoint": endpoint, "allowHttp": true })),
    };
    worker.store.storage_target_upsert(&ann(), target).await.unwrap();
    let connection = database.connections().await.writer;
    for n in 0..40 {
        let place = ("silent", &*format!("{n}.parquet"));
        queue_removal(
            &connection,
            &worker.store,
            worker.dataset,
            place,
            worker.clock.now(),
        )
        .await;
    }
    (worker, seen)
}

async fn a_target_that_does_not_answer_is_left_alone_after_a_few_files(database: TestDatabase) {
    let (worker, seen) = due_on_a_silent_server(&database).await;
    let report = worker
        .pass_with(&Environment::from_iter(S3_VARIABLES), &Halt::default())
        .await;
    assert_eq!((report.removed_files, report.failed_files), (0, 40));
    assert!(seen.load(Ordering::Relaxed) < 20, "the rest was not even tried");
    let connection = database.connections().await.reader;
    let waiting = "file_removals where lease_id is null and dead_at is null and attempts = 1";
    assert_eq!(count(&connection, waiting).await, 40, "all are tried again");
}

async fn a_worker_that_is_to_stop_gives_back_what_it_has_not_touched(database: TestDatabase) {
    let (worker, seen) = due_on_a_silent_server(&database).await;
    let halt = Halt::default();
    let tell = async {
        while seen.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        halt.tell();
    };
    let environment = Environment::from_iter(S3_VARIABLES);
    let (report, ()) = tokio::join!(worker.pass_with(&environment, &halt), tell);
    assert!((1..=8).contains(&report.failed_files), "{report:?}");
    let connection = database.connections().await.reader;
    let untouched = "file_removals where lease_id is null and attempts = 0";
    let failed = i64::try_from(report.failed_files).unwrap();
    assert_eq!(count(&connection, untouched).await, 40 - failed);
    let ended = "lifecycle_runs where status = 'skipped' and error = 'interrupted'";
    assert_eq!(count(&connection, ended).await, 1);
}
