//! Table `staged_removals`: the files that a draft is going to remove.

use sea_orm::entity::prelude::*;

use crate::ids::{DatasetId, ManifestDraftId, PartitionId};

/// A file waiting to be removed.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "timestore", table_name = "staged_removals")]
pub struct Model {
    /// The dataset.
    #[sea_orm(primary_key, auto_increment = false)]
    pub dataset_id: DatasetId,
    /// The draft.
    #[sea_orm(primary_key, auto_increment = false)]
    pub draft_id: ManifestDraftId,
    /// The partition.
    #[sea_orm(primary_key, auto_increment = false)]
    pub partition_id: PartitionId,
}

/// Relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
