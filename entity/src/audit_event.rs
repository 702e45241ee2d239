//! Table `audit_events`: who did what. It outlives the datasets that it speaks of.

use sea_orm::entity::prelude::*;

use crate::Timestamp;
use crate::enums::AuditOutcome;
use crate::ids::{AuditEventId, DatasetId};

/// One action of one caller.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "timestore", table_name = "audit_events")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AuditEventId,
    /// Who acted; null: an unknown caller.
    pub actor: Option<String>,
    /// With which scopes, an array of strings.
    pub scopes: Json,
    /// The mutation, by its name in the API.
    pub action: String,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// The dataset that it was about.
    pub dataset_id: Option<DatasetId>,
    /// The slug of that dataset at the time.
    pub dataset_slug: Option<String>,
    /// What the action was in particular, an object.
    pub detail: Json,
    /// When it happened.
    pub occurred_at: Timestamp,
}

/// Relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
