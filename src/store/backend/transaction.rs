//! Transactions, as everything that writes takes part in one.
//!
//! On PostgreSQL they run on connections at hand: one that has just committed is well, and need not be asked by a pool.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use sea_orm::metric::Info;
use sea_orm::sqlx::postgres::PgConnection;
use sea_orm::sqlx::{self, Executor, Postgres};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement,
};
use sqlx_core::transaction::TransactionManager;
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

use super::at_hand::{AtHand, Lent, query};

/// A transaction. What is not committed when it is dropped is taken back.
pub(in crate::store) enum Transaction {
    /// On a connection at hand.
    AtHand(Begun),
    /// On a connection of a pool.
    OfPool(DatabaseTransaction),
}

/// A transaction on a connection at hand.
pub(in crate::store) struct Begun {
    at_hand: Arc<AtHand<Postgres>>,
    /// None once it has ended.
    lent: Mutex<Option<Lent<Postgres>>>,
}

type Manager = <Postgres as sqlx::Database>::TransactionManager;

impl Transaction {
    /// Makes what it did last.
    pub(in crate::store) async fn commit(self) -> Result<(), DbErr> {
        match self {
            Self::AtHand(begun) => begun.commit().await,
            Self::OfPool(transaction) => transaction.commit().await,
        }
    }

    /// Takes back what it did.
    pub(in crate::store) async fn rollback(self) -> Result<(), DbErr> {
        match self {
            Self::AtHand(begun) => begun.rollback().await,
            Self::OfPool(transaction) => transaction.rollback().await,
        }
    }
}

impl Begun {
    /// Begins a transaction.
    pub(super) async fn new(at_hand: Arc<AtHand<Postgres>>) -> Result<Self, DbErr> {
        let mut lent = at_hand.take().await?;
        Manager::begin(&mut lent.connection, None)
            .await
            .map_err(not_executed)?;
        Ok(Self {
            at_hand,
            lent: Mutex::new(Some(lent)),
        })
    }

    async fn commit(self) -> Result<(), DbErr> {
        Manager::commit(&mut *self.connection().await?)
            .await
            .map_err(not_executed)?;
        self.put_back();
        Ok(())
    }

    async fn rollback(self) -> Result<(), DbErr> {
        Manager::rollback(&mut *self.connection().await?)
            .await
            .map_err(not_executed)?;
        self.put_back();
        Ok(())
    }

    fn put_back(mut self) {
        if let Some(lent) = self.lent.get_mut().take() {
            self.at_hand.put_back(lent);
        }
    }

    /// The connection, which nobody else uses meanwhile.
    pub(super) async fn connection(&self) -> Result<MappedMutexGuard<'_, PgConnection>, DbErr> {
        MutexGuard::try_map(self.lent.lock().await, |lent| {
            lent.as_mut().map(|lent| &mut *lent.connection)
        })
        .map_err(|_| DbErr::Custom("the transaction has ended".to_owned()))
    }

    /// Shows the observers a statement that began then.
    pub(super) fn observe(&self, statement: &Statement, began: Instant, failed: bool) {
        self.at_hand.observe(&Info {
            elapsed: began.elapsed(),
            statement,
            failed,
        });
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let Some(lent) = self.lent.get_mut() {
            Manager::start_rollback(&mut lent.connection);
        }
    }
}

#[async_trait]
impl ConnectionTrait for Begun {
    fn get_database_backend(&self) -> DbBackend {
        DbBackend::Postgres
    }

    async fn execute_raw(&self, mut statement: Statement) -> Result<ExecResult, DbErr> {
        let mut connection = self.connection().await?;
        let began = Instant::now();
        let result = query::<Postgres>(&mut statement).execute(&mut *connection).await;
        self.observe(&statement, began, result.is_err());
        result.map(Into::into).map_err(not_executed)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let mut connection = self.connection().await?;
        let statement = Statement::from_string(DbBackend::Postgres, sql);
        let began = Instant::now();
        let result = connection.execute(sqlx::AssertSqlSafe(sql)).await;
        self.observe(&statement, began, result.is_err());
        result.map(Into::into).map_err(not_executed)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        Ok(self.query_all_raw(statement).await?.into_iter().next())
    }

    async fn query_all_raw(&self, mut statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut connection = self.connection().await?;
        let began = Instant::now();
        let rows = query::<Postgres>(&mut statement)
            .fetch_all(&mut *connection)
            .await;
        self.observe(&statement, began, rows.is_err());
        let rows = rows.map_err(|error| DbErr::Query(RuntimeErr::SqlxError(error.into())))?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}

#[async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        match self {
            Self::AtHand(begun) => begun.get_database_backend(),
            Self::OfPool(transaction) => transaction.get_database_backend(),
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match self {
            Self::AtHand(begun) => begun.execute_raw(statement).await,
            Self::OfPool(transaction) => transaction.execute_raw(statement).await,
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        match self {
            Self::AtHand(begun) => begun.execute_unprepared(sql).await,
            Self::OfPool(transaction) => transaction.execute_unprepared(sql).await,
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match self {
            Self::AtHand(begun) => begun.query_one_raw(statement).await,
            Self::OfPool(transaction) => transaction.query_one_raw(statement).await,
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match self {
            Self::AtHand(begun) => begun.query_all_raw(statement).await,
            Self::OfPool(transaction) => transaction.query_all_raw(statement).await,
        }
    }
}

pub(super) fn not_executed(error: sqlx::Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(error.into()))
}
