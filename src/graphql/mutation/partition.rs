//! Files that a publish, or a draft, adds.

use async_graphql::InputObject;

use crate::graphql::enums::FileFormat;
use crate::graphql::reference::StorageTargetRefInput;
use crate::graphql::scalar::{BigInt, DateTime, Json};
use crate::store::publish::PartitionAdd;

/// A file to add.
#[derive(Clone, Debug, InputObject)]
pub struct PartitionInput {
    /// Where it lies. When omitted, at the default storage target of the dataset.
    pub storage_target: Option<StorageTargetRefInput>,
    /// Its path, relative to the base URI of the target.
    pub file_path: String,
    /// Its format. When omitted, the write format of the dataset.
    pub file_format: Option<FileFormat>,
    /// Its size in bytes.
    pub file_size_bytes: BigInt,
    /// How many rows it has.
    pub row_count: BigInt,
    /// The time of its earliest row.
    pub start_time: DateTime,
    /// The time of its latest row, at or after its start.
    pub end_time: DateTime,
    /// What all its rows have in common: an object of strings, numbers, booleans or null, such as `{"city": "seattle"}`.
    pub partition_key: Option<Json>,
    /// The checksum of its bytes, such as `sha256:…`.
    pub checksum: Option<String>,
    /// Statistics by column, for pruning: `{column: {min, max, nullCount, rowCount, distinctCount}}`, each part optional. A
    /// column without them is never pruned.
    pub column_statistics: Option<Json>,
    /// Bloom filters by column, for pruning: an object.
    pub bloom_filters: Option<Json>,
    /// What its publisher recognises it by. No two files of a version have the same one.
    pub ingestion_signature: Option<String>,
    /// Free metadata, an object.
    pub metadata: Option<Json>,
}

impl PartitionInput {
    pub(super) fn into_store(self) -> PartitionAdd {
        PartitionAdd {
            storage_target: self.storage_target.map(StorageTargetRefInput::into_store),
            file_path: self.file_path,
            file_format: self.file_format.map(Into::into),
            file_size_bytes: self.file_size_bytes.0,
            row_count: self.row_count.0,
            start_time: self.start_time.0,
            end_time: self.end_time.0,
            partition_key: self.partition_key.map(|json| json.0),
            checksum: self.checksum,
            column_statistics: self.column_statistics.map(|json| json.0),
            bloom_filters: self.bloom_filters.map(|json| json.0),
            ingestion_signature: self.ingestion_signature,
            metadata: self.metadata.map(|json| json.0),
        }
    }
}

/// The files of a list, which may be omitted or null.
pub(super) fn partitions_into_store(add: Option<Vec<PartitionInput>>) -> Vec<PartitionAdd> {
    add.unwrap_or_default()
        .into_iter()
        .map(PartitionInput::into_store)
        .collect()
}
