//! Statements of SQLite that nobody waits for any more: their request ran out of time, or its client left.
//!
//! A statement runs on the thread of its connection, and dropping its future only stops it at its next row. Meanwhile SQLite asks
//! the connection's progress handler from time to time whether to go on; here the handler looks at a flag. The one connection that
//! writes has one flag for all time. Of several, a pool does not say which one is given back: whoever acquires one leaves a flag
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
    /// The flag of whoever acquires a connection.
    static FLAG: Arc<Flag>;
}

/// Whether what a connection does is in vain.
#[derive(Debug, Default)]
pub(super) struct Flag(AtomicBool);

impl Flag {
    /// Goes with the connection that is acquired.
    pub(super) async fn go_with<T>(self: &Arc<Self>, acquiring: impl Future<Output = T>) -> T {
        FLAG.scope(self.clone(), acquiring).await
    }

    /// The one that goes with the connection being acquired; where there is none, one that nobody raises.
    pub(super) fn present() -> Arc<Self> {
        FLAG.try_with(Arc::clone).unwrap_or_default()
    }

    fn set(&self, abandoned: bool) {
        self.0.store(abandoned, Ordering::Relaxed);
    }
}

/// Raises a flag when it is dropped before its statement has ended.
pub(super) struct Attended(Option<Arc<Flag>>);

impl Attended {
    /// A statement of the connection with this flag.
    pub(super) fn new(flag: &Arc<Flag>) -> Self {
        Self(Some(flag.clone()))
    }

    /// The statement has ended.
    pub(super) fn end(mut self) {
        self.0 = None;
    }
}

impl Drop for Attended {
    fn drop(&mut self) {
        if let Some(flag) = &self.0 {
            flag.set(true);
        }
    }
}

/// A pool of connections that read, whose [`Attended`] statements end when they are abandoned. New connections have to be
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

    use sea_orm::ConnectionTrait;

    use super::super::source::Source;
    use super::super::{Database, begin, connect};
    use super::*;

    /// Counts until it is ended.
    const ENDLESS: &str =
        "with recursive n (i) as (select 1 union all select i + 1 from n) select count(*) as count from n";

    async fn count(source: &Source, text: &str) -> i64 {
        let rows = source.all(statement(text)).await.unwrap();
        rows[0].try_get("", "count").unwrap()
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
        let pools = connect(&Database::Sqlite(file), 2).await.unwrap();
        let source = Source::new(pools.reader, Vec::new());
        let soon = Duration::from_millis(50);
        for _ in 0..3 {
            assert!(timeout(soon, count(&source, ENDLESS)).await.is_err());
            // One connection after the other, and each more than once.
            for _ in 0..3 {
                let both = tokio::join!(
                    count(&source, "select 3 as count"),
                    count(&source, "select 4 as count")
                );
                assert_eq!(both, (3, 4));
            }
        }

        let table = "create table timestore.numbers as select 0 as number";
        pools.writer.execute_unprepared(table).await.unwrap();
        let fill = format!("insert into timestore.numbers {ENDLESS}");
        for written in 1..4 {
            let transaction = begin(&source, &pools.writer).await.unwrap();
            let one = "insert into timestore.numbers values (1)";
            transaction.execute_unprepared(one).await.unwrap();
            let endless = timeout(soon, transaction.execute_unprepared(&fill)).await;
            assert!(endless.is_err());
            drop(transaction);

            let transaction = begin(&source, &pools.writer).await.unwrap();
            transaction.execute_unprepared(one).await.unwrap();
            transaction.commit().await.unwrap();
            // Of the abandoned transaction, nothing is there.
            let rows = "select count(*) as count from timestore.numbers";
            assert_eq!(count(&source, rows).await, 1 + written);
        }
        std::fs::remove_dir_all(directory).unwrap();
    }
}
