//! What publishers send, and what they get.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use timestore_entity::Timestamp;
use timestore_entity::dataset::Model as Dataset;
use timestore_entity::dataset_head::Model as DatasetHead;
use timestore_entity::enums::{FileFormat, ManifestOperation};
use timestore_entity::manifest::Model as Manifest;

use super::WatermarkAdvance;
use crate::store::{DatasetRef, PartitionRef, SchemaRef, StorageTargetRef};

/// What to do with files that are there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum DuplicatePolicy {
    /// Refuse the request.
    #[default]
    Reject,
    /// Publish the rest.
    Skip,
}

/// A file to add.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PartitionAdd {
    /// Where it lies; the dataset's default target where none is named.
    pub storage_target: Option<StorageTargetRef>,
    /// Its path, relative to the target's base URI.
    pub file_path: String,
    /// Its format; the dataset's write format where none is named.
    pub file_format: Option<FileFormat>,
    /// Its size in bytes.
    pub file_size_bytes: i64,
    /// How many rows it has.
    pub row_count: i64,
    /// The time of its earliest row.
    pub start_time: Timestamp,
    /// The time of its latest row.
    pub end_time: Timestamp,
    /// What all its rows have in common.
    pub partition_key: Option<Json>,
    /// The checksum of its bytes.
    pub checksum: Option<String>,
    /// Statistics by column.
    pub column_statistics: Option<Json>,
    /// Bloom filters by column.
    pub bloom_filters: Option<Json>,
    /// What the publisher recognises it by.
    pub ingestion_signature: Option<String>,
    /// Free metadata, an object.
    pub metadata: Option<Json>,
}

/// A manifest to publish.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ManifestPublish {
    /// The dataset.
    #[serde(skip)]
    pub dataset: DatasetRef,
    /// What the manifest does.
    pub operation: ManifestOperation,
    /// The schema version of the files; the newest where none is named.
    pub schema: Option<SchemaRef>,
    /// Files to add.
    pub add: Vec<PartitionAdd>,
    /// Files to remove.
    pub remove: Vec<PartitionRef>,
    /// Whether to remove all files.
    pub remove_all: bool,
    /// The version that the manifest must follow; 0: the dataset has none yet.
    pub expected_version: Option<i32>,
    /// What to do with files that are there already.
    pub on_duplicate: DuplicatePolicy,
    /// The key under which a repeated request is recognised.
    #[serde(skip)]
    pub idempotency_key: Option<String>,
    /// How far the source has come.
    pub watermark: Option<WatermarkAdvance>,
    /// What the publisher says about it, an object.
    pub summary: Option<Json>,
    /// Free metadata, an object.
    pub metadata: Option<Json>,
}

/// A version to bring back.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollback {
    /// The dataset.
    pub dataset: DatasetRef,
    /// The version.
    pub to: i32,
    /// The version that the rollback must follow.
    pub expected_version: Option<i32>,
    /// The key under which a repeated request is recognised.
    pub idempotency_key: Option<String>,
}

/// A file that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Its path.
    pub file_path: String,
    /// What it has in common with which other file.
    pub reason: String,
}

/// What came of a publish.
#[derive(Clone, Debug)]
pub struct Published {
    /// The dataset.
    pub dataset: Dataset,
    /// The manifest: the new one, or the current one where nothing was left to do; none where there is none.
    pub manifest: Option<Manifest>,
    /// Where it left the dataset, if the manifest is new.
    pub head: Option<DatasetHead>,
    /// Whether the manifest is new.
    pub is_new: bool,
    /// Whether the answer is that of an earlier request with the same key.
    pub replayed: bool,
    /// Files that were left out.
    pub skipped: Vec<Skipped>,
}
