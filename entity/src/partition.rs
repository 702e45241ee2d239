//! Table `partitions`: the files. A row carries the interval of versions that it belongs to, so that every version can be
//! read without being written.

use sea_orm::entity::prelude::*;

use crate::Timestamp;
use crate::enums::FileFormat;
use crate::ids::{DatasetId, PartitionId, StorageTargetId};

/// An immutable file of rows.
///
/// It belongs to version V when `added_version <= V` and `removed_version` is null or greater than V.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "timestore", table_name = "partitions")]
pub struct Model {
    /// The dataset.
    #[sea_orm(primary_key, auto_increment = false)]
    pub dataset_id: DatasetId,
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PartitionId,
    /// Where it lies.
    pub storage_target_id: StorageTargetId,
    /// Its path, relative to the target's base URI.
    pub file_path: String,
    /// Its format.
    pub file_format: FileFormat,
    /// Its size in bytes.
    pub file_size_bytes: i64,
    /// How many rows it has.
    pub row_count: i64,
    /// The time of its earliest row.
    pub start_time: Timestamp,
    /// The time of its latest row.
    pub end_time: Timestamp,
    /// The smallest c with `end_time - start_time <= 2^c` seconds.
    pub span_class: i16,
    /// What all its rows have in common: an object of strings, numbers, booleans or nulls.
    pub partition_key: Json,
    /// The checksum of its bytes, as its publisher computes it.
    pub checksum: Option<String>,
    /// Statistics by column.
    pub column_statistics: Option<Json>,
    /// Bloom filters by column.
    pub bloom_filters: Option<Json>,
    /// What its publisher recognises it by; unique among the files of a version.
    pub ingestion_signature: Option<String>,
    /// Free metadata, an object.
    pub metadata: Json,
    /// The schema version of its rows.
    pub schema_version: Option<i32>,
    /// The first version that has it.
    pub added_version: i32,
    /// The first version that no longer has it.
    pub removed_version: Option<i32>,
}

/// Relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
