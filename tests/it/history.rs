//! Random histories against a simple model: whatever was published, every version has exactly the files, totals, bounds and
//! differences that a list of maps says it has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use timestore_entity::dataset::Model as Dataset;
use timestore_entity::enums::ManifestOperation;
use timestore_entity::ids::PartitionId;
use timestore_entity::partition::Model as Partition;
use timestore_gateway::model::predicate::{Conditions, KeyPredicate, key_may_match};
use timestore_gateway::store::diff::{DiffKey, Side};
use timestore_gateway::store::draft::{DraftCreate, DraftPublish, DraftRef, DraftStage};
use timestore_gateway::store::history::ManifestsExpire;
use timestore_gateway::store::manifest::ManifestKey;
use timestore_gateway::store::partition::{PartitionFilter, PartitionQuery};
use timestore_gateway::store::publish::{DuplicatePolicy, ManifestPublish, PartitionAdd, Rollback};
use timestore_gateway::store::snapshot::SnapshotCreate;
use timestore_gateway::store::{Columns, DatasetRef, ManifestRef, Page, Rows, Store, StoreError};
use uuid::Uuid;

use crate::support::catalog::{ann, at, dataset, file, minute, publish};
use crate::support::database::TestDatabase;

/// A file, as the model knows it: start minute, length in minutes, rows, bytes, checksum.
type File = (i64, i64, i64, i64, String);
/// The files of a version, by path.
type Files = BTreeMap<String, File>;

/// What a publisher tries.
#[derive(Clone, Debug)]
enum Step {
    Append(Vec<(u8, u8, u8)>),
    Replace(Vec<u8>, Vec<(u8, u8, u8)>),
    Delete(Vec<u8>),
    Compact(Vec<u8>),
    Draft(Vec<(u8, u8, u8)>, Vec<u8>),
    Rollback(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let file = (0..40_u8, 0..200_u8, 0..4_u8);
    let files = prop::collection::vec(file, 1..6);
    let picks = prop::collection::vec(any::<u8>(), 1..4);
    let step = prop_oneof![
        3 => files.clone().prop_map(Step::Append),
        2 => (picks.clone(), files.clone()).prop_map(|(picks, files)| Step::Replace(picks, files)),
        1 => picks.clone().prop_map(Step::Delete),
        1 => picks.clone().prop_map(Step::Compact),
        1 => (files, picks).prop_map(|(files, picks)| Step::Draft(files, picks)),
        1 => any::<u8>().prop_map(Step::Rollback),
    ];
    prop::collection::vec(step, 1..20)
}

#[test]
fn every_version_of_a_random_history_is_what_the_model_says_on_sqlite() {
    check(|| async { TestDatabase::sqlite().await });
}

#[test]
fn every_version_of_a_random_history_is_what_the_model_says_on_postgres() {
    check(|| async { TestDatabase::postgres().await });
}

fn check<F: Future<Output = TestDatabase>>(database: impl Fn() -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let database = runtime.block_on(database());
    let store = runtime.block_on(database.store());
    let mut runner = TestRunner::new(Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    });
    let case = std::cell::Cell::new(0);
    let result = runner.run(&steps(), |steps| {
        case.set(case.get() + 1);
        runtime
            .block_on(History::new(&store, case.get()))
            .run(&runtime, &steps);
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

struct History<'a> {
    store: &'a Store,
    dataset: Dataset,
    /// The files of each version; the first is the empty one before version 1.
    versions: Vec<Files>,
    paths: u32,
}

impl<'a> History<'a> {
    async fn new(store: &'a Store, case: u32) -> Self {
        let dataset = dataset(store, &format!("case-{case}")).await;
        Self {
            store,
            dataset,
            versions: vec![Files::new()],
            paths: 0,
        }
    }

    fn run(mut self, runtime: &tokio::runtime::Runtime, steps: &[Step]) {
        runtime.block_on(async {
            for step in steps {
                self.step(step).await;
                // What is remembered of the keys of the files so far must not be of harm later.
                self.compare_by_key(self.versions.len() - 1).await;
            }
            for version in 1..self.versions.len() {
                self.compare(version).await;
            }
            self.compare_together().await;
            for (from, to) in [(1, self.versions.len() - 1), (self.versions.len() / 2, 1)] {
                self.compare_difference(from, to).await;
            }
            assert_eq!(self.store.dataset_flaws(&self.dataset).await.unwrap(), []);
            self.forget().await;
            assert_eq!(self.store.dataset_flaws(&self.dataset).await.unwrap(), []);
        });
    }

    /// Expires all versions but the newest and one in the middle, and queues their files.
    async fn forget(&self) {
        let store = self.store.clone().with_read_grace(chrono::Duration::zero());
        let middle = i32::try_from(self.versions.len() / 2).unwrap();
        let pin = SnapshotCreate {
            dataset: DatasetRef::Id(self.dataset.id),
            name: "middle".to_owned(),
            at: Some(ManifestRef::Version(middle)),
            description: None,
            expires_at: None,
        };
        // There may be no version at all.
        drop(store.snapshot_create(&ann(), pin).await);
        for _ in 0..2 {
            let expire = ManifestsExpire {
                dataset: DatasetRef::Id(self.dataset.id),
                keep_versions: Some(1),
                max_version_age: None,
            };
            store.manifests_expire(&ann(), expire).await.unwrap();
        }
    }

    fn current(&self) -> &Files {
        self.versions.last().unwrap()
    }

    /// Paths of live files, as the numbers pick them.
    fn picked(&self, picks: &[u8]) -> BTreeSet<String> {
        let live: Vec<&String> = self.current().keys().collect();
        if live.is_empty() {
            return BTreeSet::new();
        }
        picks
            .iter()
            .map(|pick| live[usize::from(*pick) % live.len()].clone())
            .collect()
    }

    fn files(&self, files: &[(u8, u8, u8)]) -> Files {
        let lengths = [0, 1, 90, 10_000];
        let file = |&(path, start, length): &(u8, u8, u8)| {
            let size = i64::from(path) + 10 * i64::from(start);
            let length = lengths[usize::from(length)];
            (
                format!("f/{path}.parquet"),
                (
                    i64::from(start),
                    length,
                    size,
                    size * 100,
                    format!("sum-{size}-{length}"),
                ),
            )
        };
        files.iter().map(file).collect()
    }

    async fn step(&mut self, step: &Step) {
        match step {
            Step::Append(files) => {
                let files = self.files(files);
                self.publish(ManifestOperation::Append, &BTreeSet::new(), files)
                    .await;
            }
            Step::Replace(picks, files) => {
                let (removed, files) = (self.picked(picks), self.files(files));
                self.publish(ManifestOperation::Replace, &removed, files).await;
            }
            Step::Delete(picks) => {
                let removed = self.picked(picks);
                self.publish(ManifestOperation::Delete, &removed, Files::new())
                    .await;
            }
            Step::Compact(picks) => {
                let removed = self.picked(picks);
                let gone: Vec<File> = removed.iter().map(|path| self.current()[path].clone()).collect();
                let rows = gone.iter().map(|file| file.2).sum();
                let start = gone.iter().map(|file| file.0).min().unwrap_or_default();
                let end = gone.iter().map(|file| file.0 + file.1).max().unwrap_or_default();
                self.paths += 1;
                let path = format!("compacted/{}.parquet", self.paths);
                let file = (
                    start,
                    end - start,
                    rows,
                    rows * 50,
                    format!("compacted-{}", self.paths),
                );
                self.publish(ManifestOperation::Compact, &removed, Files::from([(path, file)]))
                    .await;
            }
            Step::Draft(files, picks) => {
                let (removed, files) = (self.picked(picks), self.files(files));
                self.draft(&removed, files).await;
            }
            Step::Rollback(to) => {
                let to = usize::from(*to) % self.versions.len();
                let input = Rollback {
                    dataset: DatasetRef::Id(self.dataset.id),
                    to: i32::try_from(to).unwrap(),
                    expected_version: None,
                    idempotency_key: None,
                };
                let result = self.store.dataset_rollback(&ann(), input).await;
                let possible = to > 0 && to < self.versions.len() - 1;
                self.arrived(
                    result.map(|published| published.manifest.unwrap().version),
                    possible,
                    self.versions[to].clone(),
                );
            }
        }
    }

    /// What a publish should come to: whether it is granted, and the files after it.
    fn expected(
        &self,
        operation: ManifestOperation,
        removed: &BTreeSet<String>,
        files: &Files,
    ) -> (bool, Files) {
        let mut after = self.current().clone();
        after.retain(|path, _| !removed.contains(path));
        let collides = files.keys().any(|path| after.contains_key(path));
        after.extend(files.clone());
        let removes = operation != ManifestOperation::Append;
        (!collides && (!removes || !removed.is_empty()), after)
    }

    async fn publish(&mut self, operation: ManifestOperation, removed: &BTreeSet<String>, files: Files) {
        let (possible, after) = self.expected(operation, removed, &files);
        let input = ManifestPublish {
            add: files.iter().map(addition).collect(),
            remove: removed.iter().map(|path| at(path)).collect(),
            ..publish(self.dataset.id, operation)
        };
        let result = self.store.manifest_publish(&ann(), input).await;
        self.arrived(
            result.map(|published| published.manifest.unwrap().version),
            possible,
            after,
        );
    }

    async fn draft(&mut self, removed: &BTreeSet<String>, files: Files) {
        let (possible, after) = self.expected(ManifestOperation::Replace, removed, &files);
        let draft = DraftCreate {
            dataset: DatasetRef::Id(self.dataset.id),
            operation: ManifestOperation::Replace,
            schema: None,
            expected_version: None,
            summary: None,
            metadata: None,
        };
        let draft = self.store.draft_create(&ann(), draft).await.unwrap();
        let draft = DraftRef::Id(draft.dataset_id, draft.id);
        // Removals first, then the additions one by one.
        let mut stages = vec![(Vec::new(), removed.iter().map(|path| at(path)).collect())];
        stages.extend(files.iter().map(|file| (vec![addition(file)], Vec::new())));
        let mut refused = false;
        for (add, remove) in stages
            .into_iter()
            .filter(|(add, remove): &(Vec<_>, Vec<_>)| !add.is_empty() || !remove.is_empty())
        {
            let stage = DraftStage {
                draft: draft.clone(),
                add,
                remove,
                on_duplicate: DuplicatePolicy::Reject,
            };
            refused |= self.store.draft_stage(&ann(), stage).await.is_err();
        }
        if refused {
            assert!(!possible);
            self.store.draft_discard(&ann(), &draft).await.unwrap();
            return;
        }
        let publish = DraftPublish {
            draft,
            expected_version: None,
            idempotency_key: None,
        };
        let result = self.store.draft_publish(&ann(), publish).await;
        self.arrived(
            result.map(|published| published.manifest.unwrap().version),
            possible,
            after,
        );
    }

    fn arrived(&mut self, result: Result<i32, StoreError>, possible: bool, after: Files) {
        match result {
            Ok(version) => {
                assert!(possible, "version {version} should have been refused");
                assert_eq!(
                    usize::try_from(version).unwrap(),
                    self.versions.len(),
                    "versions are without gaps"
                );
                self.versions.push(after);
            }
            Err(StoreError::Refused(refusal)) => assert!(!possible, "{refusal}"),
            Err(error) => panic!("{error:?}"),
        }
    }

    async fn compare(&self, version: usize) {
        let key = (self.dataset.id, i32::try_from(version).unwrap());
        let expected = &self.versions[version];
        let manifest = self
            .store
            .manifests_by_key(&[key])
            .await
            .unwrap()
            .remove(&key)
            .unwrap();
        assert_eq!(usize::try_from(manifest.partition_count).unwrap(), expected.len());
        assert_eq!(
            manifest.total_rows,
            expected.values().map(|file| file.2).sum::<i64>()
        );
        assert_eq!(
            manifest.total_bytes,
            expected.values().map(|file| file.3).sum::<i64>()
        );
        assert_eq!(
            manifest.start_time,
            expected.values().map(|file| minute(file.0)).min()
        );
        assert_eq!(
            manifest.end_time,
            expected.values().map(|file| minute(file.0 + file.1)).max(),
            "version {version}"
        );
        assert_eq!(&self.read(version, PartitionFilter::default()).await, expected);
        for (from, to) in [(0, 0), (50, 120), (195, 9_000), (20_000, 30_000)] {
            let overlaps = |file: &File| file.0 <= to && file.0 + file.1 >= from;
            let window = Some((minute(from), minute(to)));
            let filter = PartitionFilter {
                window,
                ..PartitionFilter::default()
            };
            let expected = self.those(version, overlaps);
            assert_eq!(
                self.read(version, filter).await,
                expected,
                "version {version}, {from} to {to}"
            );
        }
        self.compare_by_key(version).await;
    }

    /// The files of a version, by one key and by two.
    async fn compare_by_key(&self, version: usize) {
        for texts in [json!(["a"]), json!(["c", "b"])] {
            let is_among = Conditions {
                in_: texts.as_array().cloned(),
                ..Conditions::default()
            };
            let predicate = KeyPredicate::new("k", is_among).unwrap();
            for window in [None, Some((50, 120))] {
                let filter = PartitionFilter {
                    window: window.map(|(from, to)| (minute(from), minute(to))),
                    keys: vec![predicate.clone()],
                    ..PartitionFilter::default()
                };
                let (from, to) = window.unwrap_or((i64::MIN, i64::MAX));
                let expected = self.those(version, |file| {
                    key_may_match(&predicate, &key_of(file)) && file.0 <= to && file.0 + file.1 >= from
                });
                assert_eq!(
                    self.read(version, filter).await,
                    expected,
                    "version {version}, {texts}"
                );
            }
        }
    }

    /// Some of the files of a version.
    fn those(&self, version: usize, are: impl Fn(&File) -> bool) -> Files {
        let files = self.versions[version].iter().filter(|(_, file)| are(file));
        files.map(|(path, file)| (path.clone(), file.clone())).collect()
    }

    /// The files of a version, read in pages of two.
    async fn read(&self, version: usize, filter: PartitionFilter) -> Files {
        let key = (self.dataset.id, i32::try_from(version).unwrap());
        let mut query = PartitionQuery {
            filter: filter.clone(),
            page: Page::first(2, None),
            columns: Columns::ALL,
        };
        let mut files = Files::new();
        let mut last = None;
        loop {
            let page = self
                .store
                .partition_pages(&[key], &query)
                .await
                .unwrap()
                .remove(&key)
                .unwrap_or_default();
            for file in page.rows.clone() {
                assert!(Some((file.start_time, file.id)) > last, "in order, each once");
                last = Some((file.start_time, file.id));
                let start = (file.start_time - minute(0)).num_minutes();
                let length = (file.end_time - file.start_time).num_minutes();
                let checksum = file.checksum.unwrap();
                files.insert(
                    file.file_path,
                    (start, length, file.row_count, file.file_size_bytes, checksum),
                );
            }
            if !page.has_more {
                break;
            }
            query.page.after = last;
        }
        let counted = self.store.partition_prunings(&[key], &filter).await.unwrap();
        assert_eq!(usize::try_from(counted[&key].selected).unwrap(), files.len());
        files
    }

    /// Versions that are asked for together have the pages that each has by itself, and share those that are the same.
    async fn compare_together(&self) {
        let versions = 1..i32::try_from(self.versions.len()).unwrap();
        let keys: Vec<ManifestKey> = versions.map(|version| (self.dataset.id, version)).collect();
        let id = PartitionId(Uuid::from_u128(u128::MAX / 2));
        for after in [None, Some((minute(60), id))] {
            for window in [None, Some((minute(50), minute(120)))] {
                let query = PartitionQuery {
                    filter: PartitionFilter {
                        window,
                        ..PartitionFilter::default()
                    },
                    page: Page::first(2, after),
                    columns: Columns::ALL,
                };
                let together = self.store.partition_pages(&keys, &query).await.unwrap();
                let mut pages: Vec<&Arc<Rows<Partition>>> = Vec::new();
                for key in &keys {
                    let alone = self.store.partition_pages(&[*key], &query).await.unwrap();
                    let alone = alone.get(key).cloned().unwrap_or_default();
                    let page = &together[key];
                    assert_eq!(*page, alone, "version {}", key.1);
                    match pages.iter().find(|other| **other == page) {
                        Some(same) => assert!(Arc::ptr_eq(same, page), "version {} has its own", key.1),
                        None => pages.push(page),
                    }
                }
            }
        }
    }

    async fn compare_difference(&self, from: usize, to: usize) {
        if from == 0 || to == 0 || from >= self.versions.len() {
            return;
        }
        let only_in = |a: &Files, b: &Files| -> BTreeSet<String> {
            // A file is equal on both sides when path, size and checksum are.
            let same = |path: &String, file: &File| {
                b.get(path)
                    .is_some_and(|other| (other.3, &other.4) == (file.3, &file.4))
            };
            a.iter()
                .filter(|(path, file)| !same(path, file))
                .map(|(path, _)| path.clone())
                .collect()
        };
        let (before, after) = (&self.versions[from], &self.versions[to]);
        for (side, expected) in [
            (Side::Added, only_in(after, before)),
            (Side::Removed, only_in(before, after)),
        ] {
            let (from, to) = (i32::try_from(from).unwrap(), i32::try_from(to).unwrap());
            let diff = DiffKey {
                dataset_id: self.dataset.id,
                from,
                to,
                side,
            };
            let page = self
                .store
                .partition_diff_page(&diff, &Page::first(1_000, None))
                .await
                .unwrap();
            let found: BTreeSet<String> = page.rows.into_iter().map(|file| file.file_path).collect();
            assert_eq!(found, expected, "{from} to {to}, {side:?}");
            assert_eq!(
                usize::try_from(self.store.partition_diff_count(&diff).await.unwrap()).unwrap(),
                expected.len()
            );
        }
    }
}

/// The partition key of a file: nearly always one text.
fn key_of(file: &File) -> Value {
    match file.0 {
        198 => json!({ "k": 7 }),
        199 => json!({}),
        start if start % 3 == 0 => json!({ "k": "a" }),
        start if start % 3 == 1 => json!({ "k": "b" }),
        _ => json!({ "k": "c" }),
    }
}

fn addition((path, file_of): (&String, &File)) -> PartitionAdd {
    let key = key_of(file_of);
    let (start, length, rows, bytes, checksum) = file_of;
    PartitionAdd {
        file_size_bytes: *bytes,
        row_count: *rows,
        end_time: minute(start + length),
        checksum: Some(checksum.clone()),
        partition_key: Some(key),
        ..file(path, *start)
    }
}
