//! Table `staged_partitions`: the files that a draft is going to add. The columns are those of `partitions`, without the
//! versions.

use sea_orm::entity::prelude::*;

use crate::Timestamp;
use crate::enums::FileFormat;
use crate::ids::{DatasetId, ManifestDraftId, PartitionId, StorageTargetId};

/// A file waiting to be published.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "timestore", table_name = "staged_partitions")]
pub struct Model {
    /// The dataset.
    #[sea_orm(primary_key, auto_increment = false)]
    pub dataset_id: DatasetId,
    /// The draft.
    #[sea_orm(primary_key, auto_increment = false)]
    pub draft_id: ManifestDraftId,
    /// The id that the partition will have.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PartitionId,
    /// Whether it is left out, instead of refused, when its like is live by then.
    pub skip_duplicate: bool,
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
    /// What all its rows have in common.
    pub partition_key: Json,
    /// The checksum of its bytes.
    pub checksum: Option<String>,
    /// Statistics by column.
    pub column_statistics: Option<Json>,
    /// Bloom filters by column.
    pub bloom_filters: Option<Json>,
    /// What its publisher recognises it by.
    pub ingestion_signature: Option<String>,
    /// Free metadata, an object.
    pub metadata: Json,
}

/// Relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
