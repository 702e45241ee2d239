//! Table `datasets`: what people name and configure. Publishing never writes it: see `dataset_heads`.

use sea_orm::entity::prelude::*;

use crate::Timestamp;
use crate::enums::{CompatibilityMode, DatasetStatus, FileFormat};
use crate::ids::{DatasetId, StorageTargetId};

/// A named series of versions.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "timestore", table_name = "datasets")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: DatasetId,
    /// Its slug, unique, in lower case.
    pub slug: String,
    /// Its display name.
    pub name: String,
    /// What people should know about it.
    pub description: Option<String>,
    /// Whether it takes publishes.
    pub status: DatasetStatus,
    /// The format that writers should use, and that a partition has when it names none.
    pub write_format: FileFormat,
    /// The target of partitions that name none.
    pub default_storage_target_id: Option<StorageTargetId>,
    /// Which changes of the fields it accepts.
    pub compatibility: CompatibilityMode,
    /// Any one of these scopes lets a caller read it; null: the global scope does.
    pub read_scopes: Option<Json>,
    /// Any one of these scopes lets a caller write it; null: the global scope does.
    pub write_scopes: Option<Json>,
    /// Free metadata, an object.
    pub metadata: Json,
    /// Counts the changes of this row, from 1.
    pub revision: i32,
    /// Why it was archived.
    pub archive_reason: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The head, one for each dataset.
    #[sea_orm(has_one = "super::dataset_head::Entity")]
    Head,
    /// The default storage target.
    #[sea_orm(
        belongs_to = "super::storage_target::Entity",
        from = "Column::DefaultStorageTargetId",
        to = "super::storage_target::Column::Id"
    )]
    DefaultStorageTarget,
    /// The retention policy.
    #[sea_orm(has_one = "super::retention_policy::Entity")]
    RetentionPolicy,
}

impl Related<super::dataset_head::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Head.def()
    }
}

impl Related<super::retention_policy::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::RetentionPolicy.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
