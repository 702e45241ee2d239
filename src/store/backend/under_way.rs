//! Whether statements are under way that may not see what was committed a moment ago.
//!
//! A statement of PostgreSQL sees what was committed when it began, so that one which looks and writes may look before something is
//! committed, and write after it. What it does before either is to lock the tables that it names. [`UNDER_WAY`] has it lock an empty
//! one: whoever gets that table for themselves, once, has waited for all that may have looked before, and those that begin later see
//! what was committed until then.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, TransactionTrait};

use super::constraint::is_lock_timeout;

/// A condition that holds always. While a statement of PostgreSQL that has it is under way, [`none_under_way`] is false.
pub(in crate::store) const UNDER_WAY: &str = "not exists (select from timestore.publishing for key share)";

/// Whether no statement is under way any more that had [`UNDER_WAY`] and began before this was called. Waits for a moment, during which
/// others do not begin.
pub(in crate::store) async fn none_under_way(writer: &DatabaseConnection) -> Result<bool, DbErr> {
    if writer.get_database_backend() != DbBackend::Postgres {
        return Ok(true);
    }
    let transaction = writer.begin().await?;
    transaction
        .execute_unprepared("set local lock_timeout = '20ms'")
        .await?;
    // Others that are only there to be looked at, as by a backup, do not matter.
    let locked = transaction
        .execute_unprepared("lock table timestore.publishing in exclusive mode")
        .await;
    match locked {
        Ok(_) => transaction.commit().await.map(|()| true),
        Err(error) if is_lock_timeout(&error) => transaction.rollback().await.map(|()| false),
        Err(error) => Err(error),
    }
}
