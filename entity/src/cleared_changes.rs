//! Table `cleared_changes`: how far the change feed has been cleared.

use sea_orm::entity::prelude::*;

/// The position of the newest change that was cleared away: whoever has not read it has missed it. There is one row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "timestore", table_name = "cleared_changes")]
pub struct Model {
    /// Always 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i16,
    /// The transaction of the change; 0 while none was cleared.
    pub transaction_id: i64,
    /// The change; 0 while none was cleared.
    pub sequence: i64,
}

/// Relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
