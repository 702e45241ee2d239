//! Statements of SQLite that nobody waits for any more: their request ran out of time, or its client left.
//!
//! A statement runs on the thread of its connection, and dropping its future only stops it at its next row. Meanwhile SQLite asks
//! the connection's progress handler from time to time whether to go on; here the handler looks at a flag. The one connection that
//! writes has one flag for all time. Of several, a pool does not say which one is given back: who acquires one leaves a flag
//! with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sea_orm::sqlx::pool::PoolOptions;
use sea_orm::sqlx::sqlite::SqliteConnection;
use sea_orm::sqlx::{Connection, Error, Sqlite};
use tokio::time::timeout;

use super::abandoned::PATIENCE;

/// How many instructions of SQLite's machine pass between two looks at the flag: well below a millisecond.
const INSTRUCTIONS: i32 = 4_096;

tokio::task_local! {
    /// Whether the statement of the present future is abandoned.
    static ABANDONED: Arc<Flag>;
}

/// Whether what a connection does is in vain.
#[derive(Debug, Default)]
pub(super) struct Flag(AtomicBool);

/// Raises its flag once it is dropped.
struct Raise(Arc<Flag>);

impl Flag {
    /// That of the present statement; one that nobody raises where it is not [`attended`].
    pub(super) fn present() -> Arc<Self> {
        ABANDONED.try_with(Arc::clone).unwrap_or_default()
    }

    fn set(&self, abandoned: bool) {
        self.0.store(abandoned, Ordering::Relaxed);
    }
}

impl Drop for Raise {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

/// Runs a statement on any connection of a pool of [`ending_reads`], and ends it where the future is dropped.
pub(super) async fn attended<T>(statement: impl Future<Output = T>) -> T {
    // What is raised after the statement has ended concerns nobody: the next one brings its own flag.
    let raise = Raise(Arc::default());
    ABANDONED.scope(raise.0.clone(), statement).await
}

/// A pool of connections that read, whose [`attended`] statements end when they are abandoned. New connections have to be
/// [watched](watch), too.
pub(super) fn ending_reads(options: PoolOptions<Sqlite>) -> PoolOptions<Sqlite> {
    options.before_acquire(|connection, _| {
        Box::pin(async move {
            watch(connection, Flag::present()).await?;
            Ok(true)
        })
    })
}

/// A pool of one connection that writes, whose statements end when they are abandoned. The connection has to be
/// [watched](watch) for the same flag.
pub(super) fn ending_writes(options: PoolOptions<Sqlite>, flag: Arc<Flag>) -> PoolOptions<Sqlite> {
    options.after_release(move |connection, _| {
        let flag = flag.clone();
        Box::pin(async move {
            // At once where no statement is under way.
            if timeout(PATIENCE, connection.ping()).await.is_err() {
                flag.set(true);
                let ended = connection.ping().await;
                flag.set(false);
                ended?;
            }
            // Ending a statement that writes ends its transaction, which sqlx then rolls back in vain, and takes for open.
            Ok(!connection.is_in_transaction())
        })
    })
}

/// Lets `connection` do nothing while the flag is up.
pub(super) async fn watch(connection: &mut SqliteConnection, flag: Arc<Flag>) -> Result<(), Error> {
    let goes_on = move || !flag.0.load(Ordering::Relaxed);
    connection
        .lock_handle()
        .await?
        .set_progress_handler(INSTRUCTIONS, goes_on);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sea_orm::{ConnectionTrait, DatabaseConnection};

    use super::super::{Database, begin, connect};
    use super::*;

    /// Counts until it is ended.
    const ENDLESS: &str =
        "with recursive n (i) as (select 1 union all select i + 1 from n) select count(*) as count from n";

    async fn count(connection: &DatabaseConnection, text: &str) -> i64 {
        let row = attended(connection.query_one_raw(statement(text))).await;
        row.unwrap().unwrap().try_get("", "count").unwrap()
    }

    fn statement(text: &str) -> sea_orm::Statement {
        sea_orm::Statement::from_string(sea_orm::DbBackend::Sqlite, text)
    }

    #[tokio::test]
    async fn abandoned_statements_end_and_their_connections_serve_others() {
        let directory = std::env::temp_dir().join(format!("timestore-abandoned-{}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        let file = directory.join("catalog.db");
        std::fs::write(&file, "").unwrap();
        let pools = connect(&Database::Sqlite(file), 1).await.unwrap();
        let soon = Duration::from_millis(50);
        for _ in 0..3 {
            assert!(timeout(soon, count(&pools.reader, ENDLESS)).await.is_err());
            assert_eq!(count(&pools.reader, "select 3 as count").await, 3);
        }

        let table = "create table timestore.numbers as select 0 as number";
        pools.writer.execute_unprepared(table).await.unwrap();
        let fill = format!("insert into timestore.numbers {ENDLESS}");
        for written in 1..4 {
            let transaction = begin(&pools.writer).await.unwrap();
            let one = "insert into timestore.numbers values (1)";
            transaction.execute_unprepared(one).await.unwrap();
            let endless = timeout(soon, transaction.execute_unprepared(&fill)).await;
            assert!(endless.is_err());
            drop(transaction);

            let transaction = begin(&pools.writer).await.unwrap();
            transaction.execute_unprepared(one).await.unwrap();
            transaction.commit().await.unwrap();
            // Of the abandoned transaction, nothing is there.
            let rows = "select count(*) as count from timestore.numbers";
            assert_eq!(count(&pools.reader, rows).await, 1 + written);
        }
        std::fs::remove_dir_all(directory).unwrap();
    }
}
