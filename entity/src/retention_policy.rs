//! Table `retention_policies`: what a dataset keeps, and for how long.

use sea_orm::entity::prelude::*;

use crate::Timestamp;
use crate::enums::RetentionMode;
use crate::ids::{DatasetId, StorageTargetId};

/// The retention policy of a dataset. A rule that is null does not apply. Durations are ISO 8601.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "timestore", table_name = "retention_policies")]
pub struct Model {
    /// The dataset.
    #[sea_orm(primary_key, auto_increment = false)]
    pub dataset_id: DatasetId,
    /// What decides that a file may go.
    pub mode: RetentionMode,
    /// Files whose latest row is older go.
    pub max_age: Option<String>,
    /// The oldest files go until the rest is no larger than this.
    pub max_total_bytes: Option<i64>,
    /// So many of the newest versions are kept.
    pub keep_versions: Option<i32>,
    /// Versions older than this may expire.
    pub max_version_age: Option<String>,
    /// How long a file that no version needs stays on its target.
    pub delete_grace: Option<String>,
    /// Files whose latest row is older move to the cold target.
    pub cold_storage_after: Option<String>,
    /// The cold target.
    pub cold_storage_target_id: Option<StorageTargetId>,
    /// Free metadata, an object.
    pub metadata: Json,
    /// Counts the changes of this row, from 1.
    pub revision: i32,
    /// When it was last set.
    pub updated_at: Timestamp,
    /// Who set it last.
    pub updated_by: Option<String>,
}

/// Relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The dataset.
    #[sea_orm(
        belongs_to = "super::dataset::Entity",
        from = "Column::DatasetId",
        to = "super::dataset::Column::Id"
    )]
    Dataset,
}

impl Related<super::dataset::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Dataset.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
