//! Table `idempotency_records`: what a key was used for, and what came of it.

use sea_orm::entity::prelude::*;

use crate::Timestamp;
use crate::ids::DatasetId;

/// A publish that carried an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "timestore", table_name = "idempotency_records")]
pub struct Model {
    /// The dataset.
    #[sea_orm(primary_key, auto_increment = false)]
    pub dataset_id: DatasetId,
    /// The key, as the client chose it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// The operation that used it.
    pub operation: String,
    /// SHA-256, in hexadecimal, of the coerced input.
    pub request_hash: String,
    /// The version that answers the request; null where the dataset had none and none was made.
    pub version: Option<i32>,
    /// The files that were skipped, as the first answer named them.
    pub skipped: Json,
    /// When it was first used.
    pub created_at: Timestamp,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

/// Relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
