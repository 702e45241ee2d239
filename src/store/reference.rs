//! How callers name things.

use serde::Serialize;
use timestore_entity::Timestamp;
use timestore_entity::ids::{DatasetId, PartitionId, StorageTargetId};
use timestore_entity::schema_version::Field;

/// Names a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum DatasetRef {
    /// By id.
    Id(DatasetId),
    /// By slug, in any case.
    Slug(String),
    /// By a text that is no dataset's id: names nothing.
    Unknown(String),
}

/// Names a storage target.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum StorageTargetRef {
    /// By id.
    Id(StorageTargetId),
    /// By name.
    Name(String),
    /// By a text that is no target's id: names nothing.
    Unknown(String),
}

/// Names a version of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum ManifestRef {
    /// By number.
    Version(i32),
    /// The newest one published at or before an instant.
    AsOf(Timestamp),
    /// The one that a snapshot pins.
    Snapshot(String),
}

/// Names a file of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum PartitionRef {
    /// By id.
    Id(DatasetId, PartitionId),
    /// By path; the target is the dataset's default where none is named.
    Path {
        /// The target.
        storage_target: Option<StorageTargetRef>,
        /// The path on it.
        file_path: String,
    },
    /// By a text that is no partition's id: names nothing.
    Unknown(String),
}

/// Names a schema version of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum SchemaRef {
    /// By number.
    Version(i32),
    /// The one with these fields; made where there is none and the dataset's mode allows it.
    Fields(Vec<Field>),
}
