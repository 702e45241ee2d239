//! Connections that are kept at hand between two statements, or transactions.
//!
//! A pool asks each connection that comes back whether it is well: a round trip, which costs both sides as much as a small statement
//! does. One that has just answered is well, and is kept for whoever comes next. Up to half of a pool's connections are lent that way,
//! so that whoever needs one for longer always finds some in the pool.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::metric::Info;
use sea_orm::sea_query::Values;
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::query::Query;
use sea_orm::sqlx::{AssertSqlSafe, Database, Error, Executor, IntoArguments, Pool, query_with};
use sea_orm::{ConnAcquireErr, DbErr, QueryResult, RuntimeErr, Statement};
use sea_query_sqlx::SqlxValues;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;

use super::connect::STALE;
use super::interrupt::{Attended, Flag};
use super::pools::Observer;

/// How long a connection is lent, before the pool sees whether it is too old.
const LENT: Duration = Duration::from_secs(300);

/// The connections of a pool that are at hand.
pub(super) struct AtHand<DB: Database> {
    pool: Pool<DB>,
    observers: Vec<Observer>,
    /// How many more may be lent.
    lent: Arc<Semaphore>,
    /// Those that nobody uses, the last used one at the end; none once there will be no more.
    idle: Mutex<Option<Vec<Idle<DB>>>>,
}

/// A connection that nobody uses.
struct Idle<DB: Database> {
    lent: Lent<DB>,
    /// Since when.
    since: Instant,
}

/// A connection of the pool.
pub(super) struct Lent<DB: Database> {
    pub(super) connection: PoolConnection<DB>,
    /// Raised when its statement is abandoned.
    flag: Arc<Flag>,
    since: Instant,
    /// None where it goes back to the pool at once.
    permit: Option<OwnedSemaphorePermit>,
}

impl<DB> AtHand<DB>
where
    DB: Database,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    SqlxValues: IntoArguments<DB>,
    QueryResult: From<DB::Row>,
{
    /// Those of `pool`, of which none are lent yet. Every statement is shown to the observers.
    pub(super) fn new(pool: Pool<DB>, observers: Vec<Observer>) -> Self {
        let lent = pool.options().get_max_connections() / 2;
        Self {
            pool,
            observers,
            lent: Arc::new(Semaphore::new(lent as usize)),
            idle: Mutex::new(Some(Vec::new())),
        }
    }

    /// The rows that a statement answers with.
    pub(super) async fn all(&self, mut statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut lent = self.take().await?;
        let began = Instant::now();
        let attended = Attended::new(&lent.flag);
        // In a span, the driver would enter and leave that twice for each row. Of a read that goes well it has nothing to log.
        let fetching = query(&mut statement).fetch_all(&mut *lent.connection);
        let rows = fetching.with_subscriber(Dispatch::none()).await;
        attended.end();
        self.observe(&Info {
            elapsed: began.elapsed(),
            statement: &statement,
            failed: rows.is_err(),
        });
        let rows = rows.map_err(|error| DbErr::Query(RuntimeErr::SqlxError(error.into())))?;
        self.put_back(lent);
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// Shows a statement to the observers.
    pub(super) fn observe(&self, info: &Info<'_>) {
        self.observers.iter().for_each(|observer| observer(info));
    }

    /// How many connections nobody uses.
    pub(super) fn idle(&self) -> usize {
        self.locked().as_ref().map_or(0, Vec::len)
    }

    /// Gives all connections back to the pool, for good.
    pub(super) fn let_go(&self) {
        drop(self.locked().take());
    }

    /// One that nobody uses, or another.
    pub(super) async fn take(&self) -> Result<Lent<DB>, DbErr> {
        let idle = self.locked().as_mut().and_then(Vec::pop);
        match idle {
            Some(idle) if idle.since.elapsed() < STALE => return Ok(idle.lent),
            // Those that were used before are no fresher.
            Some(_) => drop(self.locked().as_mut().map(std::mem::take)),
            None => {}
        }
        let permit = self.lent.clone().try_acquire_owned().ok();
        let flag = Arc::<Flag>::default();
        // This may connect, for which there is much to remember; hardly ever is it needed.
        let acquiring = Box::pin(flag.go_with(self.pool.acquire()));
        let connection = acquiring.await.map_err(not_acquired)?;
        Ok(Lent {
            connection,
            flag,
            since: Instant::now(),
            permit,
        })
    }

    /// Keeps one that has just answered for whoever comes next.
    pub(super) fn put_back(&self, lent: Lent<DB>) {
        if lent.permit.is_none() || lent.since.elapsed() > LENT {
            return;
        }
        if let Some(idle) = self.locked().as_mut() {
            let since = Instant::now();
            idle.push(Idle { lent, since });
        }
    }

    fn locked(&self) -> MutexGuard<'_, Option<Vec<Idle<DB>>>> {
        // Nothing panics while the lock is held.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<DB: Database> Drop for AtHand<DB> {
    fn drop(&mut self) {
        let idle = self.idle.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // A pool takes connections back within a runtime only.
        if tokio::runtime::Handle::try_current().is_err() {
            for idle in idle.into_iter().flatten() {
                drop(idle.lent.connection.leak());
            }
        }
    }
}

/// The statement to be run; what it binds is taken out of it.
pub(super) fn query<DB: Database>(statement: &mut Statement) -> Query<'_, DB, SqlxValues>
where
    SqlxValues: IntoArguments<DB>,
{
    let values = statement.values.take().unwrap_or(Values(Vec::new()));
    query_with(AssertSqlSafe(statement.sql.as_str()), SqlxValues(values))
}

fn not_acquired(error: Error) -> DbErr {
    match error {
        Error::PoolTimedOut => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
        Error::PoolClosed => DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed),
        error => DbErr::Conn(RuntimeErr::SqlxError(error.into())),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use sea_orm::DbBackend;
    use sea_orm::sqlx::Sqlite;
    use sea_orm::sqlx::sqlite::SqlitePoolOptions;

    use super::*;

    fn statement(text: &str) -> Statement {
        Statement::from_string(DbBackend::Sqlite, text)
    }

    #[tokio::test]
    async fn half_of_a_pool_is_left_to_others() {
        let options = SqlitePoolOptions::new().max_connections(4);
        let pool = options.connect("sqlite::memory:").await.unwrap();
        let at_hand = AtHand::<Sqlite>::new(pool.clone(), Vec::new());
        for _ in 0..3 {
            let reads = (0..20).map(|_| at_hand.all(statement("select 7 as number")));
            for rows in join_all(reads).await {
                assert_eq!(rows.unwrap()[0].try_get_by_index::<i64>(0), Ok(7));
            }
            assert!((1..=2).contains(&at_hand.idle()), "{} at hand", at_hand.idle());
            drop((pool.acquire().await.unwrap(), pool.acquire().await.unwrap()));
        }
        // One that has failed is not kept.
        let before = at_hand.idle();
        assert!(at_hand.all(statement("select nothing")).await.is_err());
        assert_eq!(at_hand.idle(), before - 1);
        at_hand.let_go();
        pool.close().await;
        let refused = at_hand.all(statement("select 7")).await;
        assert!(matches!(refused, Err(DbErr::ConnectionAcquire(_))));
    }
}
