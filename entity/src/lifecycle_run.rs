//! Table `lifecycle_runs`: what the lifecycle worker did, and when.

use sea_orm::entity::prelude::*;

use crate::Timestamp;
use crate::enums::{RunKind, RunStatus, RunTrigger};
use crate::ids::{DatasetId, LifecycleRunId};

/// One run of the lifecycle worker.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "timestore", table_name = "lifecycle_runs")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: LifecycleRunId,
    /// The dataset; null: all of them.
    pub dataset_id: Option<DatasetId>,
    /// What it does.
    pub kind: RunKind,
    /// What started it.
    pub trigger: RunTrigger,
    /// Who asked for it.
    pub requested_by: Option<String>,
    /// Where it stands.
    pub status: RunStatus,
    /// How often it was tried.
    pub attempts: i32,
    /// What it counted, an object.
    pub counters: Json,
    /// What went wrong last.
    pub error: Option<String>,
    /// The worker that has it, or had it last.
    pub worker: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When its worker was last seen at it.
    pub heartbeat_at: Option<Timestamp>,
    /// When somebody asked for its end.
    pub cancelled_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// Relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
