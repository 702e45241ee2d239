//! Manifests: the versions of a dataset, read. They are written by [`super::publish`].

use std::collections::HashMap;

use timestore_entity::ids::DatasetId;
use timestore_entity::manifest::Model as Manifest;

use super::schema_version::SchemaVersionKey;
use super::{DatasetRef, ManifestRef, Page, Result, Rows, Store};

/// A manifest, by its key: the dataset and the version.
pub type ManifestKey = (DatasetId, i32);

/// What became of a publish, as far as its key tells.
#[derive(Clone, Debug)]
pub enum CommitStatus {
    /// It was committed, as this manifest; none where it left a dataset without versions as it was.
    Committed(Option<Manifest>),
    /// No publish with this key was committed, and none is under way.
    NotSeen,
    /// The key was used, and has been forgotten since.
    Expired,
}

impl Store {
    /// The manifests with these keys.
    pub async fn manifests_by_key(&self, keys: &[ManifestKey]) -> Result<HashMap<ManifestKey, Manifest>> { todo!() }
    /// The newest manifest of each dataset.
    pub async fn manifests_current(&self, ids: &[DatasetId]) -> Result<HashMap<DatasetId, Manifest>> { todo!() }
    /// The manifests that these references name.
    pub async fn manifests_resolve(&self, refs: &[(DatasetId, ManifestRef)]) -> Result<HashMap<(DatasetId, ManifestRef), Manifest>> { todo!() }
    /// The same page of each dataset's manifests, newest first.
    pub async fn manifest_pages(&self, ids: &[DatasetId], page: &Page<i32>) -> Result<HashMap<DatasetId, Rows<Manifest>>> { todo!() }
    /// The same page of the manifests that used each schema version, newest first.
    pub async fn manifest_pages_by_schema_version(&self, keys: &[SchemaVersionKey], page: &Page<i32>) -> Result<HashMap<SchemaVersionKey, Rows<Manifest>>> { todo!() }
    /// How many manifests used each schema version.
    pub async fn manifest_counts_by_schema_version(&self, keys: &[SchemaVersionKey]) -> Result<HashMap<SchemaVersionKey, u64>> { todo!() }
    /// Whether a publish with this key was committed. Waits for publishes of the dataset that are under way.
    pub async fn commit_status(&self, dataset: &DatasetRef, idempotency_key: &str) -> Result<CommitStatus> { todo!() }
}
