//! Files of real storage against the records.

use chrono::{Duration, Utc};
use timestore_entity::enums::{ManifestOperation, StorageKind};
use timestore_entity::ids::DatasetId;
use timestore_gateway::doctor::{Doctor, Finding};
use timestore_gateway::store::clock::SystemClock;
use timestore_gateway::store::draft::{DraftCreate, DraftRef, DraftStage};
use timestore_gateway::store::history::ManifestsExpire;
use timestore_gateway::store::publish::{DuplicatePolicy, ManifestPublish, PartitionAdd};
use timestore_gateway::store::storage_target::StorageTargetUpsert;
use timestore_gateway::store::{DatasetRef, PartitionRef, StorageTargetRef, Store};

use super::names;
use crate::support::catalog::{At, ann, dataset, file, publish, queue_removal};
use crate::support::database::TestDatabase;
use crate::support::storage::TestStorage;
use crate::support::{both, on_disk_and_s3};

on_disk_and_s3! {
    what_is_named_and_there_is_content,
    a_file_that_is_missing_or_has_another_size_is_found,
    a_file_that_no_record_names_is_found_once_it_is_old,
    a_target_that_cannot_be_reached_is_found_and_the_rest_goes_on,
}

both! {
    both_databases_say_the_same_of_files,
}

/// A catalog with one dataset on real storage.
struct Shelf {
    database: TestDatabase,
    store: Store,
    storage: TestStorage,
    id: DatasetId,
}

impl Shelf {
    /// `a` was replaced by `b`; `c` is staged and `d` is on its way out.
    async fn new(storage: TestStorage) -> Self {
        Self::on(TestDatabase::sqlite().await, storage).await
    }

    async fn on(database: TestDatabase, storage: TestStorage) -> Self {
        let store = database.store().await;
        let id = dataset(&store, "weather").await.id;
        // Nothing lies there, and nothing can be listed there.
        remove_target_files(&store).await;
        let shelf = Self {
            database,
            store,
            storage,
            id,
        };
        shelf.target("real", &shelf.storage.base_uri()).await;
        for path in ["a", "deep/b", "c", "d"] {
            shelf.storage.put(path, &[b'x'; 100]).await;
        }
        shelf.publish(&[], "a").await;
        shelf.publish(&["a"], "deep/b").await;
        shelf.stage("c").await;
        let connection = shelf.database.connections().await.writer;
        queue_removal(&connection, &shelf.store, id, ("real", "d"), Utc::now()).await;
        shelf
    }

    async fn target(&self, name: &str, base_uri: &str) {
        let target = StorageTargetUpsert {
            id: None,
            name: name.to_owned(),
            kind: self.storage.kind(),
            base_uri: base_uri.to_owned(),
            description: None,
            config: Some(self.storage.config()),
        };
        self.store.storage_target_upsert(&ann(), target).await.unwrap();
    }

    async fn publish(&self, remove: &[&str], path: &str) {
        let removal = |path: &&str| PartitionRef::Path {
            storage_target: real(),
            file_path: (*path).to_owned(),
        };
        let operation = match remove {
            [] => ManifestOperation::Append,
            _ => ManifestOperation::Replace,
        };
        let input = ManifestPublish {
            add: vec![on_target(path)],
            remove: remove.iter().map(removal).collect(),
            ..publish(self.id, operation)
        };
        self.store.manifest_publish(&ann(), input).await.unwrap();
    }

    async fn stage(&self, path: &str) {
        let create = DraftCreate {
            dataset: DatasetRef::Id(self.id),
            operation: ManifestOperation::Append,
            schema: None,
            expected_version: None,
            summary: None,
            metadata: None,
        };
        let draft = self.store.draft_create(&ann(), create).await.unwrap();
        let stage = DraftStage {
            draft: DraftRef::Id(draft.dataset_id, draft.id),
            add: vec![on_target(path)],
            remove: Vec::new(),
            on_duplicate: DuplicatePolicy::Reject,
        };
        self.store.draft_stage(&ann(), stage).await.unwrap();
    }

    /// What is found, where files without a record count once they are older than `age`.
    async fn look(&self, age: &str) -> (Vec<Finding>, Vec<String>) {
        let doctor = Doctor {
            store: &self.store,
            clock: &SystemClock,
            environment: &self.storage.environment(),
            orphans_older_than: age.parse().unwrap(),
            fix: true,
        };
        let mut findings = Vec::new();
        let notes = doctor
            .look_at_storage(None, None, &mut |finding| findings.push(finding))
            .await
            .unwrap();
        (findings, notes)
    }

    /// The check and the sentences of what is found.
    async fn found(&self, age: &str) -> Vec<(&'static str, Vec<String>)> {
        let (findings, _) = self.look(age).await;
        let found = |finding: Finding| (finding.flaw.check.name(), finding.flaw.first);
        findings.into_iter().map(found).collect()
    }
}

fn real() -> Option<StorageTargetRef> {
    Some(StorageTargetRef::Name("real".to_owned()))
}

fn on_target(path: &str) -> PartitionAdd {
    PartitionAdd {
        storage_target: real(),
        ..file(path, 0)
    }
}

/// The dataset's default target becomes one whose files cannot be listed.
async fn remove_target_files(store: &Store) {
    let target = StorageTargetUpsert {
        id: None,
        name: "files".to_owned(),
        kind: StorageKind::Http,
        base_uri: "https://files.example/".to_owned(),
        description: None,
        config: None,
    };
    store.storage_target_upsert(&ann(), target).await.unwrap();
}

async fn what_is_named_and_there_is_content(storage: TestStorage) {
    let shelf = Shelf::new(storage).await;
    // The same files below another target, and below one that holds some of them.
    let base = shelf.storage.base_uri();
    shelf.target("twin", &format!("{base}/")).await;
    shelf.target("inner", &format!("{base}/deep")).await;
    let (findings, notes) = shelf.look("PT0S").await;
    assert_eq!(names(&findings), []);
    assert_eq!(
        notes,
        ["target files was left out: files behind http cannot be listed"]
    );
}

async fn a_file_that_is_missing_or_has_another_size_is_found(storage: TestStorage) {
    let shelf = Shelf::new(storage).await;
    shelf.storage.put("short", b"short").await;
    shelf.publish(&[], "short").await;
    shelf.publish(&["short"], "never/written").await;
    let expected = [
        (
            "file-missing",
            vec!["weather: never/written is not there".to_owned()],
        ),
        (
            "file-size",
            vec!["weather: short has 5 bytes instead of 100".to_owned()],
        ),
    ];
    assert_eq!(shelf.found("P1D").await, expected);
    // Once no version needs the file, nobody cares for its size.
    let expire = ManifestsExpire {
        dataset: DatasetRef::Id(shelf.id),
        keep_versions: Some(1),
        max_version_age: None,
    };
    shelf.store.manifests_expire(&ann(), expire).await.unwrap();
    assert_eq!(shelf.found("P1D").await, expected[..1]);
}

async fn a_file_that_no_record_names_is_found_once_it_is_old(storage: TestStorage) {
    let shelf = Shelf::new(storage).await;
    for n in 0..25 {
        shelf.storage.put(&format!("stray/{n:02}"), b"stray").await;
    }
    assert_eq!(shelf.found("P1D").await, [], "a publisher may be at it");
    let (findings, _) = shelf.look("PT0S").await;
    assert_eq!(names(&findings), [("target real".to_owned(), "file-orphan")]);
    assert_eq!(findings[0].flaw.count, 25);
    assert_eq!(findings[0].flaw.first.len(), 20);
    assert_eq!(findings[0].flaw.first[0], "stray/00, 5 bytes, is in no record");
    assert!(!findings[0].mended);
    assert!(shelf.storage.exists("stray/00").await);
    // A day later.
    let clock = At(Utc::now() + Duration::hours(25));
    let doctor = Doctor {
        store: &shelf.store,
        clock: &clock,
        environment: &shelf.storage.environment(),
        orphans_older_than: "P1D".parse().unwrap(),
        fix: false,
    };
    let mut count = 0;
    doctor
        .look_at_storage(None, None, &mut |finding| count += finding.flaw.count)
        .await
        .unwrap();
    assert_eq!(count, 25);
}

async fn a_target_that_cannot_be_reached_is_found_and_the_rest_goes_on(storage: TestStorage) {
    let shelf = Shelf::new(storage).await;
    let elsewhere = match shelf.storage.kind() {
        StorageKind::Local => "/nowhere/at/all".to_owned(),
        _ => "s3://no-such-bucket-anywhere/base".to_owned(),
    };
    shelf.target("away", &elsewhere).await;
    shelf.publish(&[], "never/written").await;
    let (findings, _) = shelf.look("P1D").await;
    assert_eq!(
        names(&findings),
        [
            ("target away".to_owned(), "target-unreachable"),
            ("target real".to_owned(), "file-missing"),
        ]
    );
}

async fn both_databases_say_the_same_of_files(database: TestDatabase) {
    let shelf = Shelf::on(database, TestStorage::disk()).await;
    shelf
        .target("inner", &format!("{}/deep", shelf.storage.base_uri()))
        .await;
    assert_eq!(shelf.found("PT0S").await, []);
    shelf.publish(&[], "never/written").await;
    shelf.storage.put("deep/stray", b"stray").await;
    let orphan = |path: &str| ("file-orphan", vec![format!("{path}, 5 bytes, is in no record")]);
    let missing = vec!["weather: never/written is not there".to_owned()];
    let expected = [orphan("stray"), ("file-missing", missing), orphan("deep/stray")];
    assert_eq!(shelf.found("PT0S").await, expected);
}
