//! Table `storage_targets`: where files lie. A target never holds credentials, only a reference to them.

use sea_orm::entity::prelude::*;

use crate::Timestamp;
use crate::enums::StorageKind;
use crate::ids::StorageTargetId;

/// A place that holds partition files.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "timestore", table_name = "storage_targets")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: StorageTargetId,
    /// Its name, unique.
    pub name: String,
    /// What kind of storage it is.
    pub kind: StorageKind,
    /// The URI that file paths are relative to, without a trailing slash.
    pub base_uri: String,
    /// What people should know about it.
    pub description: Option<String>,
    /// Settings for clients (region, endpoint, the name of a credential); never a secret.
    pub config: Json,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// The place that its base stands for, however that is written; none in rows that were written before there were places.
    pub place: Option<String>,
}

/// Relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
