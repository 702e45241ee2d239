//! Table `leases`: work that one worker at a time may do.

use sea_orm::entity::prelude::*;

use crate::Timestamp;
use crate::ids::LeaseId;

/// Who has a piece of work, and until when.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "timestore", table_name = "leases")]
pub struct Model {
    /// The work.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// The claim.
    pub id: LeaseId,
    /// Who made it, for people.
    pub holder: String,
    /// When it was made.
    pub acquired_at: Timestamp,
    /// Until when it holds unless it is renewed.
    pub expires_at: Timestamp,
}

/// Relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
