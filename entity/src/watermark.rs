//! Table `watermarks`: how far each source of a dataset has come.

use sea_orm::entity::prelude::*;

use crate::Timestamp;
use crate::ids::DatasetId;

/// How far one source has come.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "timestore", table_name = "watermarks")]
pub struct Model {
    /// The dataset.
    #[sea_orm(primary_key, auto_increment = false)]
    pub dataset_id: DatasetId,
    /// The source, as it names itself.
    #[sea_orm(primary_key, auto_increment = false)]
    pub source: String,
    /// No rows before this are still to come; only grows.
    pub sealed_through: Timestamp,
    /// The highest fencing token seen from the source; a lower one is refused.
    pub fencing_token: Option<i64>,
    /// Rows that the source has published.
    pub records: i64,
    /// The version that moved it last.
    pub version: Option<i32>,
    /// When it was last moved.
    pub updated_at: Timestamp,
}

/// Relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
