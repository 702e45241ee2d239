//! Random histories, policies and clocks: the preview says what applying the policy and expiring history then do, and what can
//! still be read does not change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::Duration;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use timestore_entity::dataset::Model as Dataset;
use timestore_entity::enums::{ManifestOperation, RetentionMode};
use timestore_entity::file_removal;
use timestore_gateway::store::history::ManifestsExpire;
use timestore_gateway::store::publish::{ManifestPublish, PartitionAdd, Rollback};
use timestore_gateway::store::retention::{RetentionApply, RetentionPreview, Rules};
use timestore_gateway::store::retention_policy::RetentionPolicySet;
use timestore_gateway::store::snapshot::SnapshotCreate;
use timestore_gateway::store::{Clock, DatasetRef, ManifestRef, Page, Store, StoreError};

use crate::support::catalog::{ann, at, dataset, file, minute, paths, publish};
use crate::support::clock::StillClock;
use crate::support::database::TestDatabase;

/// What happens before the policy is applied.
#[derive(Clone, Debug)]
enum Step {
    /// Files by start, length in minutes and size.
    Append(Vec<(u8, u8, u8)>),
    Delete(u8),
    Rollback(u8),
    /// A pin, and whether it has run out by the time the policy is applied.
    Pin(u8, bool),
    Wait(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let file = (0..200_u8, 0..250_u8, 0..30_u8);
    let step = prop_oneof![
        4 => prop::collection::vec(file, 1..6).prop_map(Step::Append),
        2 => any::<u8>().prop_map(Step::Delete),
        1 => any::<u8>().prop_map(Step::Rollback),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(version, over)| Step::Pin(version, over)),
        2 => (1..60_u8).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 2..16)
}

fn rules() -> impl Strategy<Value = Rules> {
    let minutes = |most: i64| prop::option::of((1..most).prop_map(|n| format!("PT{n}M").parse().unwrap()));
    (
        minutes(500),
        prop::option::of(1..200_i64),
        prop::option::of(1..6_i32),
        minutes(200),
    )
        .prop_map(
            |(max_age, max_total_bytes, keep_versions, max_version_age)| Rules {
                max_age,
                max_total_bytes,
                keep_versions,
                max_version_age,
            },
        )
}

#[test]
fn the_preview_agrees_with_what_applying_does_on_sqlite() {
    check(48, || async { TestDatabase::sqlite().await });
}

#[test]
fn the_preview_agrees_with_what_applying_does_on_postgres() {
    check(24, || async { TestDatabase::postgres().await });
}

fn check<F: Future<Output = TestDatabase>>(cases: u32, database: impl Fn() -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let database = runtime.block_on(database());
    let clock = Arc::new(StillClock::at(minute(300)));
    let store = runtime.block_on(database.store_at(clock.clone()));
    let store = store.with_read_grace(Duration::zero());
    let connection = runtime.block_on(database.connections()).reader;
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    });
    let case = std::cell::Cell::new(0);
    let result = runner.run(&(steps(), rules()), |(steps, rules)| {
        case.set(case.get() + 1);
        runtime.block_on(async {
            let dataset = dataset(&store, &format!("case-{}", case.get())).await;
            let history = History {
                store: &store,
                clock: &clock,
                dataset,
            };
            for (n, step) in steps.into_iter().enumerate() {
                history.step(n, step).await;
            }
            history.compare(&connection, &rules).await;
        });
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

struct History<'a> {
    store: &'a Store,
    clock: &'a StillClock,
    dataset: Dataset,
}

impl History<'_> {
    async fn step(&self, n: usize, step: Step) {
        let id = self.dataset.id;
        let latest = self.latest().await;
        match step {
            Step::Append(files) => {
                let add = files
                    .into_iter()
                    .enumerate()
                    .map(|(index, (start, length, size))| PartitionAdd {
                        file_size_bytes: size.into(),
                        row_count: i64::from(size) + 1,
                        start_time: minute(start.into()),
                        end_time: minute(i64::from(start) + i64::from(length)),
                        ..file(&format!("{n}-{index}"), 0)
                    });
                let append = ManifestPublish {
                    add: add.collect(),
                    ..publish(id, ManifestOperation::Append)
                };
                self.store.manifest_publish(&ann(), append).await.unwrap();
            }
            Step::Delete(pick) => {
                let live = paths(self.store, id, latest).await;
                if live.is_empty() {
                    return;
                }
                let delete = ManifestPublish {
                    remove: vec![at(&live[usize::from(pick) % live.len()])],
                    ..publish(id, ManifestOperation::Delete)
                };
                self.store.manifest_publish(&ann(), delete).await.unwrap();
            }
            Step::Rollback(_) | Step::Pin(..) if latest < 2 => {}
            Step::Rollback(pick) => {
                let rollback = Rollback {
                    dataset: DatasetRef::Id(id),
                    to: 1 + i32::from(pick) % (latest - 1),
                    expected_version: None,
                    idempotency_key: None,
                };
                self.store.dataset_rollback(&ann(), rollback).await.unwrap();
            }
            Step::Pin(pick, over) => {
                let snapshot = SnapshotCreate {
                    dataset: DatasetRef::Id(id),
                    name: format!("pin-{n}"),
                    at: Some(ManifestRef::Version(1 + i32::from(pick) % latest)),
                    description: None,
                    expires_at: over.then(|| self.clock.now() + Duration::seconds(30)),
                };
                self.store.snapshot_create(&ann(), snapshot).await.unwrap();
            }
            Step::Wait(minutes) => self.clock.advance(Duration::minutes(minutes.into())),
        }
    }

    async fn compare(&self, connection: &sea_orm::DatabaseConnection, rules: &Rules) {
        self.clock.advance(Duration::minutes(1));
        let id = self.dataset.id;
        let before = self.latest().await;
        if before == 0 {
            return;
        }
        let contents = self.contents().await;
        let preview = self
            .store
            .retention_preview(id, Some(rules.clone()), None)
            .await
            .unwrap();
        let going = self.going(&preview).await;
        let policy = RetentionPolicySet {
            dataset: DatasetRef::Id(id),
            expected_revision: None,
            mode: RetentionMode::Hybrid,
            max_age: rules.max_age,
            max_total_bytes: rules.max_total_bytes,
            keep_versions: rules.keep_versions,
            max_version_age: rules.max_version_age,
            delete_grace: Some("PT0S".parse().unwrap()),
            cold_storage_after: None,
            cold_storage_target: None,
            metadata: None,
        };
        self.store.retention_policy_set(&ann(), policy).await.unwrap();
        let stored = self.store.retention_preview(id, None, None).await.unwrap();
        assert_eq!(stored, preview, "without a policy, the stored one is previewed");

        let apply = RetentionApply {
            dataset: DatasetRef::Id(id),
            expected_version: Some(before),
            idempotency_key: None,
        };
        let applied = self.store.retention_apply(&ann(), apply.clone()).await.unwrap();
        let manifest = applied.published.manifest.unwrap();
        assert!(applied.complete);
        let after: BTreeSet<String> = paths(self.store, id, manifest.version)
            .await
            .into_iter()
            .collect();
        let gone: BTreeSet<String> = contents[&before].difference(&after).cloned().collect();
        assert_eq!(gone, going.iter().map(|(path, _)| path.clone()).collect());
        assert_eq!(manifest.version, before + i32::from(!gone.is_empty()));
        assert_eq!(
            (
                i64::from(manifest.partition_count),
                manifest.total_rows,
                manifest.total_bytes
            ),
            (
                preview.remaining.files,
                preview.remaining.rows,
                preview.remaining.bytes
            )
        );
        assert_eq!(
            (manifest.start_time, manifest.end_time),
            (preview.start_time, preview.end_time)
        );
        let again = RetentionApply {
            expected_version: None,
            ..apply
        };
        let again = self.store.retention_apply(&ann(), again).await.unwrap();
        assert_eq!(
            again.published.manifest.unwrap().version,
            manifest.version,
            "nothing is left to do"
        );

        let contents = self.contents().await;
        let expire = ManifestsExpire {
            dataset: DatasetRef::Id(id),
            keep_versions: None,
            max_version_age: None,
        };
        let expired = self.store.manifests_expire(&ann(), expire.clone()).await.unwrap();
        assert!(expired.complete);
        self.what_is_left_is_as_it_was(&contents, &expired.expired).await;
        let needed: BTreeSet<&String> = contents
            .iter()
            .filter(|(version, _)| !expired.expired.contains(version))
            .flat_map(|(_, files)| files)
            .collect();
        let queued = file_removal::Entity::find().filter(file_removal::Column::DatasetId.eq(id));
        let queued = queued.all(connection).await.unwrap();
        let queued: BTreeSet<String> = queued.into_iter().map(|removal| removal.file_path).collect();
        assert!(
            queued.iter().all(|path| !needed.contains(path)),
            "nothing that is needed is queued"
        );
        let all: BTreeSet<&String> = contents.values().flatten().collect();
        assert!(
            all.iter()
                .all(|path| needed.contains(path) || queued.contains(*path)),
            "everything else is"
        );
        let freed: BTreeSet<String> = going
            .iter()
            .filter(|(_, held)| !held)
            .map(|(path, _)| path.clone())
            .collect();
        assert_eq!(preview.freed.files, i64::try_from(freed.len()).unwrap());
        assert_eq!(
            gone.intersection(&queued).cloned().collect::<BTreeSet<_>>(),
            freed
        );
        let nothing = self.store.manifests_expire(&ann(), expire).await.unwrap();
        assert_eq!((nothing.expired.len(), nothing.queued_files), (0, 0));
    }

    /// The files that would go, and whether something holds them: by pages of two.
    async fn going(&self, preview: &RetentionPreview) -> Vec<(String, bool)> {
        let mut going = Vec::new();
        let mut page = Page::first(2, None);
        loop {
            let rows = self.store.retention_preview_page(preview, &page).await.unwrap();
            page.after = rows
                .rows
                .last()
                .map(|going| (going.file.start_time, going.file.id));
            going.extend(rows.rows.into_iter().map(|going| {
                let held = going.history || !going.snapshots.is_empty();
                (going.file.file_path, held)
            }));
            if !rows.has_more {
                assert_eq!(i64::try_from(going.len()).unwrap(), preview.going_total().files);
                return going;
            }
        }
    }

    async fn what_is_left_is_as_it_was(&self, before: &BTreeMap<i32, BTreeSet<String>>, expired: &[i32]) {
        let id = self.dataset.id;
        let after = self.contents().await;
        let left = before.iter().filter(|(version, _)| !expired.contains(version));
        assert_eq!(
            after,
            left.map(|(version, files)| (*version, files.clone())).collect()
        );
        for version in expired {
            let query = timestore_gateway::store::partition::PartitionQuery {
                filter: timestore_gateway::store::partition::PartitionFilter::default(),
                page: Page::first(1, None),
                columns: timestore_gateway::store::Columns::ALL,
            };
            let error = self
                .store
                .partition_pages(&[(id, *version)], &query)
                .await
                .unwrap_err();
            let oldest = *after.keys().next().unwrap();
            assert!(
                matches!(error, StoreError::Expired { version: v, oldest: o } if (v, o) == (*version, oldest)),
                "{error}"
            );
        }
    }

    /// The files of every version that can be read.
    async fn contents(&self) -> BTreeMap<i32, BTreeSet<String>> {
        let id = self.dataset.id;
        let mut contents = BTreeMap::new();
        let keys: Vec<_> = (1..=self.latest().await).map(|version| (id, version)).collect();
        let manifests = self.store.manifests_by_key(&keys).await.unwrap();
        for (key, manifest) in manifests {
            if manifest.expired_at.is_none() {
                let files: BTreeSet<String> = paths(self.store, id, key.1).await.into_iter().collect();
                assert_eq!(files.len(), usize::try_from(manifest.partition_count).unwrap());
                contents.insert(key.1, files);
            }
        }
        contents
    }

    async fn latest(&self) -> i32 {
        self.store.dataset_heads(&[self.dataset.id]).await.unwrap()[&self.dataset.id].latest_version
    }
}
