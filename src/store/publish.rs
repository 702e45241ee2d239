//! Publishing.

use serde::Serialize;
use serde_json::Value as Json;
use timestore_entity::Timestamp;
use timestore_entity::dataset::Model as Dataset;
use timestore_entity::enums::{FileFormat, ManifestOperation};
use timestore_entity::manifest::Model as Manifest;

use super::{DatasetRef, PartitionRef, Result, SchemaRef, StorageTargetRef, Store};
use crate::auth::Requester;

/// What to do with files that are there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum DuplicatePolicy {
    /// Refuse the request.
    Reject,
    /// Publish the rest.
    Skip,
}

/// A file to add.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PartitionAdd {
    pub storage_target: Option<StorageTargetRef>,
    pub file_path: String,
    pub file_format: Option<FileFormat>,
    pub file_size_bytes: i64,
    pub row_count: i64,
    pub start_time: Timestamp,
    pub end_time: Timestamp,
    pub partition_key: Option<Json>,
    pub checksum: Option<String>,
    pub column_statistics: Option<Json>,
    pub bloom_filters: Option<Json>,
    pub ingestion_signature: Option<String>,
    pub metadata: Option<Json>,
}

/// How far a source has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WatermarkAdvance {
    pub source: String,
    pub sealed_through: Timestamp,
    pub fencing_token: Option<i64>,
}

/// A manifest to publish.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ManifestPublish {
    pub dataset: DatasetRef,
    pub operation: ManifestOperation,
    pub schema: Option<SchemaRef>,
    pub add: Vec<PartitionAdd>,
    pub remove: Vec<PartitionRef>,
    pub remove_all: bool,
    pub expected_version: Option<i32>,
    pub on_duplicate: DuplicatePolicy,
    pub idempotency_key: Option<String>,
    pub watermark: Option<WatermarkAdvance>,
    pub summary: Option<Json>,
    pub metadata: Option<Json>,
}

/// A version to bring back.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rollback {
    pub dataset: DatasetRef,
    pub to: i32,
    pub expected_version: Option<i32>,
    pub idempotency_key: Option<String>,
}

/// A file that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Skipped {
    pub file_path: String,
    pub reason: String,
}

/// What came of a publish.
#[derive(Clone, Debug)]
pub struct Published {
    /// The dataset.
    pub dataset: Dataset,
    /// The manifest: the new one, or the current one where nothing was left to do; none where there is none.
    pub manifest: Option<Manifest>,
    /// Whether the answer is that of an earlier request with the same key.
    pub replayed: bool,
    /// Files that were left out.
    pub skipped: Vec<Skipped>,
}

impl Store {
    /// Publishes a manifest.
    pub async fn manifest_publish(&self, by: &Requester, input: ManifestPublish) -> Result<Published> { todo!() }
    /// Publishes manifests of several datasets, all or none. Paths of faults begin with the index in `inputs`.
    pub async fn manifests_publish(&self, by: &Requester, inputs: Vec<ManifestPublish>) -> Result<Vec<Published>> { todo!() }
    /// Publishes a version with the content of an earlier one.
    pub async fn dataset_rollback(&self, by: &Requester, input: Rollback) -> Result<Published> { todo!() }
}
