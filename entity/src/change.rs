//! Table `changes`: the change feed, in commit order.

use sea_orm::entity::prelude::*;

use crate::Timestamp;
use crate::enums::ChangeKind;
use crate::ids::DatasetId;

/// One change of the catalog.
///
/// Readers go by `(transaction_id, sequence)` and stop at the oldest transaction that is still under way, so that none is
/// overtaken.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "timestore", table_name = "changes")]
pub struct Model {
    /// Counts up, in the order of insertion.
    #[sea_orm(primary_key)]
    pub sequence: i64,
    /// The transaction that wrote it; always 0 on SQLite, where one writer follows the other.
    pub transaction_id: i64,
    /// What happened.
    pub kind: ChangeKind,
    /// The dataset that it happened to.
    pub dataset_id: Option<DatasetId>,
    /// The manifest that was published.
    pub version: Option<i32>,
    /// What a reader needs to know, an object.
    pub payload: Json,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// The read scopes that a dataset had when it was deleted; null for other kinds.
    pub read_scopes: Option<Json>,
    /// The write scopes that a dataset had when it was deleted; null for other kinds.
    pub write_scopes: Option<Json>,
}

/// Relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
