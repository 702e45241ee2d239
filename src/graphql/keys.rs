//! What can be looked up in batches: one key type for each batch function of the store.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use timestore_entity::Timestamp;
use timestore_entity::dataset_head::Model as DatasetHead;
use timestore_entity::ids::{ApiTokenId, AuditEventId, DatasetId, LifecycleRunId, StorageTargetId};

use super::api_token::ApiToken;
use super::audit_event::AuditEvent;
use super::coverage::Coverage;
use super::dataset::Dataset;
use super::draft::ManifestDraft;
use super::error::{Error, Result};
use super::file_removal::FileRemoval;
use super::lifecycle_run::LifecycleRun;
use super::loader::{Found, Key};
use super::manifest::Manifest;
use super::pages::FilePage;
use super::partition::Partition;
use super::retention_policy::RetentionPolicy;
use super::schema_version::SchemaVersion;
use super::snapshot::Snapshot;
use super::storage_target::StorageTarget;
use super::versions::{Lasting, Standing, Versions};
use super::watermark::Watermark;
use crate::model::duration::IsoDuration;
use crate::store::dataset::DatasetParts;
use crate::store::diff::DiffKey;
use crate::store::draft::DraftKey;
use crate::store::file_removal::FileRemovalKey;
use crate::store::manifest::ManifestKey;
use crate::store::partition::{PartitionKey, PartitionPosition};
use crate::store::schema_version::SchemaVersionKey;
use crate::store::snapshot::SnapshotKey;
use crate::store::{self, Columns, DatasetRef, ManifestRef, Page, Store};

macro_rules! keys {
    ($($(#[doc = $doc:expr])* $name:ident($inner:ty) => $value:ty = $method:ident, $wrap:expr;)+) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(pub $inner);

        impl Key for $name {
            type Value = $value;

            async fn load(store: &Store, keys: Vec<Self>) -> store::Result<Found<Self>> {
                let keys: Vec<$inner> = keys.into_iter().map(|key| key.0).collect();
                let wrap = $wrap;
                let found = store.$method(&keys).await?;
                Ok(found.into_iter().map(|(key, model)| (Self(key), wrap(model))).collect())
            }
        }
    )+};
}

fn object<M, T: From<M>>(model: M) -> Arc<T> {
    Arc::new(model.into())
}

keys! {
    /// A storage target.
    StorageTargetById(StorageTargetId) => Arc<StorageTarget> = storage_targets_by_id, object;
    /// A dataset.
    DatasetById(DatasetId) => Arc<Dataset> = datasets_by_id, object;
    /// The head of a dataset.
    HeadOf(DatasetId) => Arc<DatasetHead> = dataset_heads, object;
    /// A schema version of a dataset.
    SchemaVersionByKey(SchemaVersionKey) => Arc<SchemaVersion> = schema_versions_by_key, object;
    /// A version of a dataset.
    ManifestByKey(ManifestKey) => Arc<Manifest> = manifests_by_key, object;
    /// A version of a dataset, by instant or snapshot.
    ManifestByRef((DatasetId, ManifestRef)) => Arc<Manifest> = manifests_resolve, object;
    /// How many manifests used a schema version.
    ManifestCountOf(SchemaVersionKey) => u64 = manifest_counts_by_schema_version, |count| count;
    /// A file of a dataset.
    PartitionByKey(PartitionKey) => Arc<Partition> = partitions_by_key, object;
    /// A snapshot of a dataset.
    SnapshotByKey(SnapshotKey) => Arc<Snapshot> = snapshots_by_key, object;
    /// How many snapshots a dataset has.
    SnapshotCountOf(DatasetId) => u64 = snapshot_counts, |count| count;
    /// The retention policy of a dataset.
    RetentionPolicyOf(DatasetId) => Arc<RetentionPolicy> = retention_policies, object;
    /// The watermarks of a dataset.
    WatermarksOf(DatasetId) => Arc<Vec<Watermark>> = watermarks,
        |models: Vec<_>| Arc::new(models.into_iter().map(Watermark).collect());
    /// A file that no version needs any more.
    FileRemovalByKey(FileRemovalKey) => Arc<FileRemoval> = file_removals_by_key, object;
    /// A lifecycle run.
    LifecycleRunById(LifecycleRunId) => Arc<LifecycleRun> = lifecycle_runs_by_id, object;
    /// A draft.
    DraftByKey(DraftKey) => Arc<ManifestDraft> = drafts_by_key, object;
    /// An audit event.
    AuditEventById(AuditEventId) => Arc<AuditEvent> = audit_events_by_id, object;
    /// An API token.
    ApiTokenById(ApiTokenId) => Arc<ApiToken> = api_tokens_by_id, object;
}

/// A dataset that a request asks for, by id or by slug in lower case, and what it reads of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DatasetAsked(pub DatasetRef, pub DatasetParts);

impl Key for DatasetAsked {
    type Value = Arc<Dataset>;

    async fn load(store: &Store, keys: Vec<Self>) -> store::Result<Found<Self>> {
        let parts = keys.iter().map(|key| key.1).reduce(DatasetParts::or);
        let Some(parts) = parts else {
            return Ok(Found::<Self>::default());
        };
        let refs: HashSet<&DatasetRef> = keys.iter().map(|key| &key.0).collect();
        let refs = refs.into_iter().cloned().collect();
        let found = store.datasets_asked(refs, parts).await?;
        let found = found.into_iter().map(|(by, dataset)| (by, object(dataset)));
        let found: HashMap<DatasetRef, Self::Value> = found.collect();
        let found = keys.into_iter().filter_map(|key| {
            let dataset = found.get(&key.0)?.clone();
            Some((key, dataset))
        });
        Ok(found.collect())
    }

    fn keep(&self, versions: &Versions, dataset: &Self::Value) {
        dataset.remember_newest(versions);
    }
}

/// A schema version of a dataset that the caller is known to see, and what is read of it: what is remembered takes less time, which
/// would tell others that it is there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SchemaVersionOfSeen(pub SchemaVersionKey, pub Columns);

impl Key for SchemaVersionOfSeen {
    type Value = Arc<SchemaVersion>;

    async fn load(store: &Store, keys: Vec<Self>) -> store::Result<Found<Self>> {
        let asked: HashSet<SchemaVersionKey> = keys.iter().map(|key| key.0).collect();
        let asked: Vec<SchemaVersionKey> = asked.into_iter().collect();
        let found = store.schema_versions_by_key(&asked).await?;
        let found = keys.into_iter().filter_map(|key| {
            let schema_version = found.get(&key.0)?.clone();
            Some((key, object(schema_version)))
        });
        Ok(found.collect())
    }

    fn kept(&self, versions: &Versions) -> Option<Self::Value> {
        versions.newest(&Lasting::SchemaVersion(self.0, self.1))
    }

    fn keep(&self, versions: &Versions, schema_version: &Self::Value) {
        versions.keep(Lasting::SchemaVersion(self.0, self.1), schema_version.clone());
    }
}

/// A version of a dataset that the caller is known to see, where the dataset stands, where that is known, and what is read of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ManifestOfSeen(pub ManifestKey, pub Option<Standing>, pub Columns);

impl Key for ManifestOfSeen {
    type Value = Arc<Manifest>;

    async fn load(store: &Store, keys: Vec<Self>) -> store::Result<Found<Self>> {
        let asked: HashSet<ManifestKey> = keys.iter().map(|key| key.0).collect();
        let asked: Vec<ManifestKey> = asked.into_iter().collect();
        let found = store.manifests_by_key(&asked).await?;
        let found = keys.into_iter().filter_map(|key| {
            let manifest = Manifest::at(found.get(&key.0)?.clone(), key.1);
            Some((key, Arc::new(manifest)))
        });
        Ok(found.collect())
    }

    fn kept(&self, versions: &Versions) -> Option<Self::Value> {
        versions.newest(&Lasting::Manifest(self.0, self.1?, self.2))
    }

    fn keep(&self, versions: &Versions, manifest: &Self::Value) {
        versions.saw(manifest);
        if let Some(standing) = self.1 {
            versions.keep(Lasting::Manifest(self.0, standing, self.2), manifest.clone());
        }
    }
}

/// How many files one side of a difference has. Asked one by one, so that each has its own error.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DiffCount(pub DiffKey);

impl Key for DiffCount {
    type Value = Result<u64>;

    async fn load(store: &Store, keys: Vec<Self>) -> store::Result<Found<Self>> {
        let mut found = Found::<Self>::default();
        for key in keys {
            let count = store.partition_diff_count(&key.0).await;
            found.insert(key, count.map_err(Error::from));
        }
        Ok(found)
    }
}

/// A page of one side of a difference. Asked one by one, so that each has its own error.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DiffPage(pub DiffKey, pub Page<PartitionPosition>);

impl Key for DiffPage {
    type Value = Result<Arc<FilePage>>;

    async fn load(store: &Store, keys: Vec<Self>) -> store::Result<Found<Self>> {
        let mut found = Found::<Self>::default();
        for key in keys {
            let rows = store.partition_diff_page(&key.0, &key.1).await;
            found.insert(
                key,
                rows.map(|rows| Arc::new(rows.map(Into::into).into()))
                    .map_err(Error::from),
            );
        }
        Ok(found)
    }
}

/// What of a window the files of a version cover. Asked one by one, so that each has its own error.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CoverageOf {
    /// The version.
    pub manifest: ManifestKey,
    /// The window.
    pub window: (Timestamp, Timestamp),
    /// The length of its parts.
    pub bucket: Option<IsoDuration>,
    /// The longest stretch that is no gap.
    pub tolerance: Option<IsoDuration>,
}

impl Key for CoverageOf {
    type Value = Result<Arc<Coverage>>;

    async fn load(store: &Store, keys: Vec<Self>) -> store::Result<Found<Self>> {
        let mut found = Found::<Self>::default();
        for key in keys {
            let coverage = store
                .coverage(key.manifest, key.window, key.bucket, key.tolerance)
                .await;
            found.insert(
                key,
                coverage
                    .map(|coverage| Arc::new(coverage.into()))
                    .map_err(Error::from),
            );
        }
        Ok(found)
    }
}
