//! Table `snapshots`: named pins of versions.

use sea_orm::entity::prelude::*;

use crate::Timestamp;
use crate::ids::{DatasetId, SnapshotId};

/// A name for a version, which keeps it from expiring.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "timestore", table_name = "snapshots")]
pub struct Model {
    /// The dataset.
    #[sea_orm(primary_key, auto_increment = false)]
    pub dataset_id: DatasetId,
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SnapshotId,
    /// Its name, unique within the dataset.
    pub name: String,
    /// The version that it pins.
    pub version: i32,
    /// What people should know about it.
    pub description: Option<String>,
    /// Who created it.
    pub created_by: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it stops pinning; null: never.
    pub expires_at: Option<Timestamp>,
}

/// Relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
