//! Whether the catalog can be worked with, and what it is doing.

use std::time::Duration;

use timestore_entity::Timestamp;
use timestore_migration::MigrateError;

use super::backend::{Sql, change_horizon, pool_states};
use super::{Clock, Result, Store, StoreError};
use crate::metrics::Metrics;

/// Why a catalog cannot be worked with.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// The database does not answer.
    #[error(transparent)]
    Database(#[from] StoreError),
    /// It has other tables than this version needs.
    #[error(transparent)]
    Tables(MigrateError),
}

impl Store {
    /// Fails unless the database answers, and has exactly the migration steps that this version knows.
    pub async fn fitness(&self) -> Result<(), Unfit> {
        match timestore_migration::check(&self.reader).await {
            Ok(()) => Ok(()),
            Err(MigrateError::Database(error)) => Err(Unfit::Database(error.into())),
            Err(error) => Err(Unfit::Tables(error)),
        }
    }

    /// Where times and ids come from.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// What is counted and timed.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Measures what can only be looked at: the pools, and how far the feed is behind. Fails, with the pools measured, where the
    /// database does.
    pub async fn measure(&self) -> Result<()> {
        for pool in pool_states(&self.writer, self.reader.source(), self.replicas.sources()) {
            self.metrics.pool(pool.name, pool.limit, pool.in_use, pool.idle);
        }
        self.metrics.feed_lag(self.feed_lag().await?);
        Ok(())
    }

    /// How old the oldest change is that the feed holds back, since a transaction under way could still come before it.
    async fn feed_lag(&self) -> Result<Duration> {
        let sql = Sql::new(&self.reader);
        let text = format!(
            "select min(occurred_at) from timestore.changes where not ({})",
            change_horizon(&sql)
        );
        let rows = sql.rows(&self.reader, text).await?;
        let oldest: Option<Timestamp> = rows.first().map_or(Ok(None), |row| row.try_get_by_index(0))?;
        let age = oldest.map(|oldest| self.clock.now() - oldest);
        Ok(age.and_then(|age| age.to_std().ok()).unwrap_or_default())
    }
}
