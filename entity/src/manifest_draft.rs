//! Table `manifest_drafts`: manifests in the making, too large for one request.

use sea_orm::entity::prelude::*;

use crate::Timestamp;
use crate::enums::ManifestOperation;
use crate::ids::{DatasetId, ManifestDraftId};
use crate::schema_version::Fields;

/// A manifest that is being staged.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "timestore", table_name = "manifest_drafts")]
pub struct Model {
    /// The dataset.
    #[sea_orm(primary_key, auto_increment = false)]
    pub dataset_id: DatasetId,
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ManifestDraftId,
    /// What it is going to do.
    pub operation: ManifestOperation,
    /// The schema version that it names.
    pub schema_version: Option<i32>,
    /// The fields that it states instead.
    pub schema_fields: Option<Fields>,
    /// The version that it must follow.
    pub expected_version: Option<i32>,
    /// Files staged to be added.
    pub added_count: i32,
    /// Files staged to be removed.
    pub removed_count: i32,
    /// What the publisher says about it, an object.
    pub summary: Json,
    /// Free metadata, an object.
    pub metadata: Json,
    /// Who created it.
    pub created_by: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it is thrown away unless published.
    pub expires_at: Timestamp,
    /// The version that it became.
    pub published_version: Option<i32>,
}

/// Relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
