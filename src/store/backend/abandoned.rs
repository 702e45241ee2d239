//! Statements of PostgreSQL that nobody waits for any more: their request ran out of time, or its client left.
//!
//! Dropping a query does not end it on the server, and its connection would be busy until it ends by itself. Here the connection
//! is closed instead: the server looks for closed connections while it executes (`settings`). Those of SQLite are another matter
//! (`interrupt`).

use std::time::Duration;

use sea_orm::sqlx::pool::PoolOptions;
use sea_orm::sqlx::{Connection, Postgres};
use tokio::time::timeout;

/// How long an abandoned statement may take to end by itself, so that its connection can be used again.
pub(super) const PATIENCE: Duration = Duration::from_millis(100);

/// A pool that closes connections with abandoned statements, which ends these.
pub(super) fn closing_abandoned(options: PoolOptions<Postgres>) -> PoolOptions<Postgres> {
    options.after_release(|connection, _| {
        Box::pin(async move {
            // At once where no statement is under way.
            timeout(PATIENCE, connection.flush())
                .await
                .map_or(Ok(false), |flushed| flushed.map(|()| true))
        })
    })
}
