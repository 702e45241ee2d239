//! A database that statements are sent to which only read.

use std::sync::Arc;

use sea_orm::sqlx::{Postgres, Sqlite};
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseConnectionType, DbErr, QueryResult, Statement};

use super::at_hand::AtHand;
use super::pools::Observer;

/// A database to read from. Cheap to clone.
#[derive(Clone)]
pub(in crate::store) struct Source {
    pool: DatabaseConnection,
    at_hand: Kept,
}

/// Connections at hand, where there is a pool.
#[derive(Clone)]
enum Kept {
    Postgres(Arc<AtHand<Postgres>>),
    Sqlite(Arc<AtHand<Sqlite>>),
    None,
}

impl Source {
    /// Reads through `pool`, and shows every statement to the observers.
    pub(super) fn new(pool: DatabaseConnection, observers: Vec<Observer>) -> Self {
        let at_hand = match pool.inner {
            DatabaseConnectionType::SqlxPostgresPoolConnection(_) => {
                let pool = pool.get_postgres_connection_pool().clone();
                Kept::Postgres(Arc::new(AtHand::new(pool, observers)))
            }
            DatabaseConnectionType::SqlxSqlitePoolConnection(_) => {
                let pool = pool.get_sqlite_connection_pool().clone();
                Kept::Sqlite(Arc::new(AtHand::new(pool, observers)))
            }
            _ => Kept::None,
        };
        Self { pool, at_hand }
    }

    /// The pool, for anything but single statements.
    pub(in crate::store) fn pool(&self) -> &DatabaseConnection {
        &self.pool
    }

    /// Its connections at hand, where it is a PostgreSQL server.
    pub(super) fn postgres(&self) -> Option<Arc<AtHand<Postgres>>> {
        match &self.at_hand {
            Kept::Postgres(at_hand) => Some(at_hand.clone()),
            _ => None,
        }
    }

    /// Whether it executes a batch as one statement.
    pub(in crate::store) fn takes_batches(&self) -> bool {
        matches!(self.at_hand, Kept::Postgres(_))
    }

    /// The rows that a statement answers with.
    pub(super) async fn all(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match &self.at_hand {
            Kept::Postgres(at_hand) => at_hand.all(statement).await,
            Kept::Sqlite(at_hand) => at_hand.all(statement).await,
            Kept::None => self.pool.query_all_raw(statement).await,
        }
    }

    /// How many connections are at hand, and not in use.
    pub(super) fn idle(&self) -> usize {
        match &self.at_hand {
            Kept::Postgres(at_hand) => at_hand.idle(),
            Kept::Sqlite(at_hand) => at_hand.idle(),
            Kept::None => 0,
        }
    }

    /// Gives the connections at hand back to the pool, for good, so that it can be closed.
    pub(in crate::store) fn let_go(&self) {
        match &self.at_hand {
            Kept::Postgres(at_hand) => at_hand.let_go(),
            Kept::Sqlite(at_hand) => at_hand.let_go(),
            Kept::None => {}
        }
    }
}
