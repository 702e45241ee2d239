//! Table `file_removals`: files that no version needs any more, on their way out.

use sea_orm::entity::prelude::*;

use crate::Timestamp;
use crate::ids::{DatasetId, PartitionId, StorageTargetId};

/// A file to delete from its target.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "timestore", table_name = "file_removals")]
pub struct Model {
    /// The dataset.
    #[sea_orm(primary_key, auto_increment = false)]
    pub dataset_id: DatasetId,
    /// The partition that was the file.
    #[sea_orm(primary_key, auto_increment = false)]
    pub partition_id: PartitionId,
    /// Where it lies.
    pub storage_target_id: StorageTargetId,
    /// Its path, relative to the target's base URI.
    pub file_path: String,
    /// Its size in bytes.
    pub file_size_bytes: i64,
    /// Not before then.
    pub due_at: Timestamp,
    /// Who has claimed it.
    pub lease_owner: Option<String>,
    /// Until when the claim holds.
    pub leased_until: Option<Timestamp>,
    /// How often it was tried.
    pub attempts: i32,
    /// What went wrong last.
    pub error: Option<String>,
    /// When it was found gone.
    pub done_at: Option<Timestamp>,
}

/// Relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
