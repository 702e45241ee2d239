//! The migrator: applies steps one transaction at a time, under a lock of its own, and touches nothing but `timestore`.
//!
//! It works on a connection of its own, on which names are unqualified: on PostgreSQL `search_path` is set for each
//! transaction, on SQLite the file itself is opened. The ledger lives beside the tables.

use std::time::Duration;

use sea_orm::{
    AccessMode, ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction,
    DbBackend, DbErr, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use sea_orm_migration::{MigrationTrait, MigratorTrait};

use crate::ledger::{LEDGER, StepStatus, complete, query_bool, statuses};
use crate::steps::STEPS;

/// The key of our advisory lock: the first eight bytes of SHA-256 of `timestore.migrate`.
const LOCK_KEY: i64 = 6_361_737_787_814_896_216;

/// How long a migrator waits for another one, or for locks on our own tables, before it gives up.
const PATIENCE: Duration = Duration::from_secs(300);

/// How often it looks whether its turn has come.
const POLL: Duration = Duration::from_millis(100);

/// What can go wrong while migrating.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database has steps that this binary does not know.
    #[error("the database has step {0}, which this version of timestore does not know: upgrade timestore")]
    TooNew(String),
    /// Steps are pending.
    #[error("{0} migration step(s) pending: run `timestore migrate up`, or start with --migrate")]
    Pending(usize),
    /// Another migrator, or a lock on our tables, did not go away in time.
    #[error("gave up after {} s waiting for another migration, or for a lock on a timestore table", PATIENCE.as_secs())]
    Busy,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbErr),
}

/// Applies steps to one database.
pub struct Migrator {
    connection: DatabaseConnection,
}

struct Steps;

impl MigratorTrait for Steps {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        STEPS
            .iter()
            .map(|step| Box::new(*step) as Box<dyn MigrationTrait>)
            .collect()
    }
}

impl Migrator {
    /// Connects to the database at `url`; for SQLite, makes the file if there is none.
    pub async fn connect(url: &str) -> Result<Self, MigrateError> {
        let mut options = ConnectOptions::new(url);
        options.max_connections(1).sqlx_logging(false);
        options.map_sqlx_sqlite_opts(|options| {
            options
                .create_if_missing(true)
                .busy_timeout(PATIENCE)
                .foreign_keys(true)
        });
        Ok(Self {
            connection: Database::connect(options).await?,
        })
    }

    /// Applies pending steps, all of them or the first `limit`; returns how many.
    pub async fn up(&self, limit: Option<u32>) -> Result<u32, MigrateError> {
        self.each_step(limit, async |transaction| {
            Steps::install(transaction).await?;
            if statuses(transaction).await?.iter().all(|step| step.applied) {
                return Ok(false);
            }
            Steps::up(transaction, Some(1)).await?;
            Ok(true)
        })
        .await
    }

    /// Takes applied steps back, newest first, all of them or `limit`; returns how many. When none is left, the ledger
    /// goes too.
    pub async fn down(&self, limit: Option<u32>) -> Result<u32, MigrateError> {
        self.each_step(limit, async |transaction| {
            if !statuses(transaction).await?.iter().any(|step| step.applied) {
                return Ok(false);
            }
            Steps::down(transaction, Some(1)).await?;
            if !statuses(transaction).await?.iter().any(|step| step.applied) {
                transaction
                    .execute_unprepared(&format!("drop table {LEDGER}"))
                    .await?;
            }
            Ok(true)
        })
        .await
    }

    /// Every step, and whether the database has it. Changes nothing, and makes no ledger.
    pub async fn status(&self) -> Result<Vec<StepStatus>, MigrateError> {
        let transaction = self.begin(AccessMode::ReadOnly).await?;
        let statuses = statuses(&transaction).await?;
        transaction.rollback().await?;
        Ok(statuses)
    }

    /// Fails unless the database has exactly the steps of this binary.
    pub async fn check(&self) -> Result<(), MigrateError> {
        complete(&self.status().await?)
    }

    /// Closes the connection.
    pub async fn close(self) -> Result<(), MigrateError> {
        Ok(self.connection.close().await?)
    }

    /// Runs `step` in transactions of its own, until it says that nothing is left or `limit` is reached.
    async fn each_step(
        &self,
        limit: Option<u32>,
        step: impl AsyncFn(&DatabaseTransaction) -> Result<bool, MigrateError>,
    ) -> Result<u32, MigrateError> {
        let mut done = 0;
        let mut waited = Duration::ZERO;
        while limit.is_none_or(|limit| done < limit) {
            let transaction = self.begin(AccessMode::ReadWrite).await?;
            if !take_turn(&transaction).await? {
                transaction.rollback().await?;
                wait(&mut waited).await?;
                continue;
            }
            match step(&transaction).await {
                Ok(true) => {
                    transaction.commit().await?;
                    done += 1;
                }
                Ok(false) => {
                    transaction.commit().await?;
                    break;
                }
                Err(MigrateError::Database(error)) if is_lock_timeout(&error) => {
                    transaction.rollback().await?;
                    wait(&mut waited).await?;
                }
                Err(error) => {
                    transaction.rollback().await?;
                    return Err(error);
                }
            }
        }
        Ok(done)
    }

    async fn begin(&self, access: AccessMode) -> Result<DatabaseTransaction, MigrateError> {
        let writing = matches!(access, AccessMode::ReadWrite);
        let options = TransactionOptions {
            sqlite_transaction_mode: writing.then_some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = self.connection.begin_with_options(options).await?;
        if transaction.get_database_backend() == DbBackend::Postgres {
            transaction
                .execute_unprepared("set local search_path to timestore")
                .await?;
            transaction
                .execute_unprepared("set local lock_timeout to '5s'")
                .await?;
        }
        Ok(transaction)
    }
}

/// On PostgreSQL, takes our advisory lock until the end of the transaction, and makes the schema where it is missing;
/// false when another migrator has the lock. On SQLite the transaction itself is the lock.
async fn take_turn(transaction: &DatabaseTransaction) -> Result<bool, DbErr> {
    if transaction.get_database_backend() != DbBackend::Postgres {
        return Ok(true);
    }
    if !query_bool(
        transaction,
        &format!("select pg_try_advisory_xact_lock({LOCK_KEY})"),
    )
    .await?
    {
        return Ok(false);
    }
    // `create schema if not exists` asks for rights on the database even where the schema exists.
    if !query_bool(
        transaction,
        "select exists (select 1 from pg_namespace where nspname = 'timestore')",
    )
    .await?
    {
        transaction.execute_unprepared("create schema timestore").await?;
    }
    Ok(true)
}

async fn wait(waited: &mut Duration) -> Result<(), MigrateError> {
    if *waited >= PATIENCE {
        return Err(MigrateError::Busy);
    }
    tokio::time::sleep(POLL).await;
    *waited += POLL;
    Ok(())
}

/// Whether PostgreSQL gave up waiting for a lock (SQLSTATE 55P03).
fn is_lock_timeout(error: &DbErr) -> bool {
    use sea_orm::{RuntimeErr, sqlx};
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) = error
    else {
        return false;
    };
    matches!(&**error, sqlx::Error::Database(error) if error.code().as_deref() == Some("55P03"))
}
