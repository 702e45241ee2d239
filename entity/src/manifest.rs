//! Table `manifests`: the published versions of a dataset. Rows are inserted once; only `expired_at` is ever set later.

use sea_orm::entity::prelude::*;

use crate::Timestamp;
use crate::enums::ManifestOperation;
use crate::ids::DatasetId;

/// A published version: what changed, and the totals after the change.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "timestore", table_name = "manifests")]
pub struct Model {
    /// The dataset.
    #[sea_orm(primary_key, auto_increment = false)]
    pub dataset_id: DatasetId,
    /// Counts from 1 within the dataset, without gaps, in commit order.
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i32,
    /// What it did.
    pub operation: ManifestOperation,
    /// The schema version of the files that it added.
    pub schema_version: Option<i32>,
    /// The version before it.
    pub parent_version: Option<i32>,
    /// Files added.
    pub added_count: i32,
    /// Files removed.
    pub removed_count: i32,
    /// Files of this version.
    pub partition_count: i32,
    /// Rows of those files.
    pub total_rows: i64,
    /// Bytes of those files.
    pub total_bytes: i64,
    /// The earliest start among those files.
    pub start_time: Option<Timestamp>,
    /// The latest end among those files.
    pub end_time: Option<Timestamp>,
    /// Who published it.
    pub created_by: Option<String>,
    /// What the publisher says about it, an object.
    pub summary: Json,
    /// Free metadata, an object.
    pub metadata: Json,
    /// When its publish, or its draft, began.
    pub created_at: Timestamp,
    /// When it was published; strictly increases with the version.
    pub published_at: Timestamp,
    /// When its history expired: its files can no longer be listed.
    pub expired_at: Option<Timestamp>,
    /// When the files that only expired versions needed had all been queued for removal.
    pub swept_at: Option<Timestamp>,
    /// The earliest start among the files that it added or removed; null where that was not told.
    pub changed_start_time: Option<Timestamp>,
    /// The latest end among the files that it added or removed; null where that was not told.
    pub changed_end_time: Option<Timestamp>,
}

/// Relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
