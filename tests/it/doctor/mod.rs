//! `timestore doctor`: it is content with whatever the gateway does, and finds what nobody should have done.

mod command;
mod live;
mod records;
mod storage;
mod stuck;

use std::sync::Arc;

use chrono::Duration;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend};
use timestore_entity::enums::ManifestOperation;
use timestore_entity::ids::DatasetId;
use timestore_gateway::doctor::{Doctor, Finding, Subject};
use timestore_gateway::storage::Environment;
use timestore_gateway::store::draft::{DraftCreate, DraftPublish, DraftRef, DraftStage};
use timestore_gateway::store::file_removal::{FileRemovalAcknowledge, FileRemovalClaim, Removed};
use timestore_gateway::store::history::ManifestsExpire;
use timestore_gateway::store::publish::{DuplicatePolicy, ManifestPublish, PartitionAdd, Rollback};
use timestore_gateway::store::relocate::{PartitionMove, PartitionsRelocate};
use timestore_gateway::store::snapshot::SnapshotCreate;
use timestore_gateway::store::{Clock, DatasetRef, ManifestRef, StorageTargetRef, Store};

use crate::support::catalog::{ann, at, dataset, file, minute, publish};
use crate::support::clock::StillClock;
use crate::support::database::TestDatabase;

/// A catalog with a clock of its own and two datasets that have been through everything, `other` and `weather`.
struct Patient {
    clock: Arc<StillClock>,
    store: Store,
    /// Nothing is checked on it.
    connection: DatabaseConnection,
}

impl Patient {
    async fn new(database: &TestDatabase) -> Self {
        let clock = Arc::new(StillClock::at(minute(1_000_000)));
        let store = database.store_at(clock.clone()).await;
        let patient = Self {
            clock,
            store,
            connection: unchecked(database).await,
        };
        for slug in ["other", "weather"] {
            let id = dataset(&patient.store, slug).await.id;
            patient.live_through_everything(id, slug).await;
        }
        patient
    }

    /// Eleven versions, of which the newest three and the second can be read.
    async fn live_through_everything(&self, id: DatasetId, slug: &str) {
        let path = |name: &str| format!("{slug}/{name}");
        for (n, name) in ["a", "b", "c"].into_iter().enumerate() {
            let signed = PartitionAdd {
                ingestion_signature: Some(name.to_owned()),
                ..file(&path(name), i64::try_from(n).unwrap() * 100)
            };
            self.publish(id, ManifestOperation::Append, &[], vec![signed])
                .await;
        }
        self.pin(id, 2, None).await;
        self.pin(id, 3, Some(Duration::hours(1))).await;
        self.publish(
            id,
            ManifestOperation::Replace,
            &[&path("a")],
            vec![file(&path("a"), 50)],
        )
        .await;
        self.publish(id, ManifestOperation::Delete, &[&path("b")], Vec::new())
            .await;
        let compacted = PartitionAdd {
            row_count: 2,
            end_time: minute(500),
            ..file(&path("compacted"), 0)
        };
        self.publish(
            id,
            ManifestOperation::Compact,
            &[&path("a"), &path("c")],
            vec![compacted],
        )
        .await;
        self.draft(id, &path("drafted"), true).await;
        let rollback = Rollback {
            dataset: DatasetRef::Id(id),
            to: 4,
            expected_version: None,
            idempotency_key: None,
        };
        self.store.dataset_rollback(&ann(), rollback).await.unwrap();
        self.publish(
            id,
            ManifestOperation::Append,
            &[],
            vec![file(&path("short"), 7), file(&path("long"), 0)],
        )
        .await;
        self.publish(id, ManifestOperation::Delete, &[&path("short")], Vec::new())
            .await;
        self.relocate(id, &path("c"), &path("moved/c")).await;
        self.draft(id, &path("waiting"), false).await;

        self.expire(id).await;
        self.clock.advance(Duration::hours(2));
        self.expire(id).await;
        self.clock.advance(Duration::minutes(2));
        self.expire(id).await;
        // One of the files that nothing needs is gone, a worker has one, and the others wait.
        self.clock.advance(Duration::days(1));
        let claim = FileRemovalClaim {
            owner: "worker".to_owned(),
            limit: 1,
            lease: "PT5M".parse().unwrap(),
        };
        let claimed = self
            .store
            .file_removals_claim(&ann(), claim.clone())
            .await
            .unwrap();
        let removed = claimed.removals.iter().map(|row| Removed {
            removal: Some((row.dataset_id, row.partition_id)),
            missing: false,
        });
        let done = FileRemovalAcknowledge {
            lease: Some(claimed.lease),
            removed: removed.collect(),
            failed: Vec::new(),
            released: Vec::new(),
        };
        self.store.file_removals_acknowledge(&ann(), done).await.unwrap();
        self.store.file_removals_claim(&ann(), claim).await.unwrap();
    }

    async fn publish(
        &self,
        id: DatasetId,
        operation: ManifestOperation,
        remove: &[&str],
        add: Vec<PartitionAdd>,
    ) {
        let input = ManifestPublish {
            remove: remove.iter().map(|path| at(path)).collect(),
            add,
            ..publish(id, operation)
        };
        self.clock.advance(Duration::seconds(1));
        self.store.manifest_publish(&ann(), input).await.unwrap();
    }

    async fn pin(&self, id: DatasetId, version: i32, last: Option<Duration>) {
        let pin = SnapshotCreate {
            dataset: DatasetRef::Id(id),
            name: format!("pin-{version}"),
            at: Some(ManifestRef::Version(version)),
            description: None,
            expires_at: last.map(|last| self.clock.now() + last),
        };
        self.store.snapshot_create(&ann(), pin).await.unwrap();
    }

    async fn relocate(&self, id: DatasetId, from: &str, to: &str) {
        let relocate = PartitionsRelocate {
            dataset: DatasetRef::Id(id),
            moves: vec![PartitionMove {
                partition: at(from),
                storage_target: StorageTargetRef::Name("files".to_owned()),
                file_path: Some(to.to_owned()),
            }],
            expected_version: None,
            idempotency_key: None,
        };
        self.store.partitions_relocate(&ann(), relocate).await.unwrap();
    }

    async fn draft(&self, id: DatasetId, path: &str, publish: bool) {
        let create = DraftCreate {
            dataset: DatasetRef::Id(id),
            operation: ManifestOperation::Append,
            schema: None,
            expected_version: None,
            summary: None,
            metadata: None,
        };
        let draft = self.store.draft_create(&ann(), create).await.unwrap();
        let draft = DraftRef::Id(draft.dataset_id, draft.id);
        let stage = DraftStage {
            draft: draft.clone(),
            add: vec![file(path, 70)],
            remove: Vec::new(),
            on_duplicate: DuplicatePolicy::Reject,
        };
        self.store.draft_stage(&ann(), stage).await.unwrap();
        if publish {
            let publish = DraftPublish {
                draft,
                expected_version: None,
                idempotency_key: None,
            };
            self.store.draft_publish(&ann(), publish).await.unwrap();
        }
    }

    async fn expire(&self, id: DatasetId) {
        let expire = ManifestsExpire {
            dataset: DatasetRef::Id(id),
            keep_versions: Some(3),
            max_version_age: None,
        };
        self.store.manifests_expire(&ann(), expire).await.unwrap();
    }

    /// What is found, by what it was found with and by check.
    async fn findings(&self) -> Vec<(String, &'static str)> {
        names(&look(&self.store, &*self.clock, false).await)
    }

    /// Does what nobody should do. `{weather}` stands for the id of the dataset.
    async fn harm(&self, statement: &str) {
        let weather = "(select id from timestore.datasets where slug = 'weather')";
        let statement = statement.replace("{weather}", weather);
        let changed = self.connection.execute_unprepared(&statement).await.unwrap();
        assert!(changed.rows_affected() > 0, "{statement}");
    }
}

/// Looks at the records.
async fn look(store: &Store, clock: &dyn Clock, fix: bool) -> Vec<Finding> {
    let doctor = Doctor {
        store,
        clock,
        environment: &Environment::process(),
        orphans_older_than: "P1D".parse().unwrap(),
        fix,
    };
    let mut findings = Vec::new();
    doctor
        .look_at_records(None, &mut |finding| findings.push(finding))
        .await
        .unwrap();
    findings
}

fn names(findings: &[Finding]) -> Vec<(String, &'static str)> {
    let name = |finding: &Finding| {
        let subject = match &finding.subject {
            Subject::Dataset(slug) => slug.clone(),
            Subject::Catalog => "catalog".to_owned(),
            Subject::Target(name) => format!("target {name}"),
        };
        (subject, finding.flaw.check.name())
    };
    findings.iter().map(name).collect()
}

/// A connection that lets anything be written, to tables that have no constraints any more.
async fn unchecked(database: &TestDatabase) -> DatabaseConnection {
    let connection = database.connections().await.writer;
    let statements: &[&str] = match connection.get_database_backend() {
        DbBackend::Postgres => &[
            "do $$ declare found record; begin \
             for found in select conrelid::regclass as of, conname as name from pg_constraint \
             where connamespace = 'timestore'::regnamespace and contype in ('c', 'f') loop \
             execute format('alter table %s drop constraint %I', found.of, found.name); end loop; end $$",
            "alter table timestore.manifests drop constraint manifests_published_at_key",
        ],
        _ => &[
            "pragma foreign_keys = off",
            "pragma ignore_check_constraints = on",
        ],
    };
    let indexes = [
        "drop index timestore.partitions_live_path_key",
        "drop index timestore.partitions_live_signature_key",
    ];
    for statement in statements.iter().chain(&indexes) {
        connection.execute_unprepared(statement).await.unwrap();
    }
    connection
}
