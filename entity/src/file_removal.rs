//! Table `file_removals`: files that no version needs any more, on their way out.

use sea_orm::entity::prelude::*;

use crate::Timestamp;
use crate::enums::RemovalOutcome;
use crate::ids::{DatasetId, LeaseId, PartitionId, StorageTargetId};

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
    /// When the last version that needed it was gone.
    pub queued_at: Timestamp,
    /// Not handed out before then: the grace, a lease or a pause after a failure ends there.
    pub due_at: Timestamp,
    /// The claim that it was handed out under.
    pub lease_id: Option<LeaseId>,
    /// Who claimed it.
    pub lease_owner: Option<String>,
    /// How often it was handed out.
    pub attempts: i32,
    /// What went wrong last.
    pub error: Option<String>,
    /// When it was given up, until somebody asks for it again.
    pub dead_at: Option<Timestamp>,
    /// When it was settled.
    pub done_at: Option<Timestamp>,
    /// How it was settled.
    pub outcome: Option<RemovalOutcome>,
}

/// Relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
