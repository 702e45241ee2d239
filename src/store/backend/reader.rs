//! Where a request reads: on the primary, or on a replica for as long as that serves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, Statement};

use super::replica::{Position, Replica};
use super::source::Source;

/// Reads on the primary, or on a replica. What a replica cannot answer is asked of the primary, and so is all that the request
/// reads after that: it never goes back in time.
#[derive(Clone)]
pub(in crate::store) struct Reader {
    primary: Source,
    assigned: Option<Assigned>,
}

/// The replica of one request, until the request leaves it.
#[derive(Clone)]
struct Assigned {
    replica: Arc<Replica>,
    is_left: Arc<AtomicBool>,
}

impl Reader {
    /// Reads on the primary.
    pub(in crate::store) fn new(primary: Source) -> Self {
        Self {
            primary,
            assigned: None,
        }
    }

    /// Reads on `replica` while it serves.
    pub(in crate::store) fn on(&self, replica: Arc<Replica>) -> Self {
        Self {
            primary: self.primary.clone(),
            assigned: Some(Assigned {
                replica,
                is_left: Arc::default(),
            }),
        }
    }

    /// The primary.
    pub(in crate::store) fn primary(&self) -> &DatabaseConnection {
        self.primary.pool()
    }

    /// The primary, as it is read from.
    pub(in crate::store) fn source(&self) -> &Source {
        &self.primary
    }

    /// Whether what is read may be behind the primary.
    pub(in crate::store) fn may_lag(&self) -> bool {
        self.replica().is_some()
    }

    /// Sees to it that from now on nothing is read that is older than what the primary has now: waits for the replica a little, or
    /// leaves it.
    pub(in crate::store) async fn catch_up(&self) -> Result<(), DbErr> {
        let Some(replica) = self.replica() else {
            return Ok(());
        };
        let now = Position::of_primary(self.primary()).await?;
        if !replica.has(now).await {
            self.leave();
        }
        Ok(())
    }

    fn replica(&self) -> Option<&Arc<Replica>> {
        let assigned = self.assigned.as_ref()?;
        (!assigned.is_left.load(Ordering::Relaxed)).then_some(&assigned.replica)
    }

    fn leave(&self) {
        if let Some(assigned) = &self.assigned {
            assigned.is_left.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the replica's answer stands; otherwise it is left, whatever the reason: the primary says what is wrong with a
    /// statement that is wrong.
    fn stands<T>(&self, answer: Result<T, DbErr>) -> Option<Result<T, DbErr>> {
        match answer {
            Ok(answer) => Some(Ok(answer)),
            Err(error) => {
                tracing::debug!(error = %error, "a replica could not answer; the primary is asked");
                self.leave();
                None
            }
        }
    }
}

#[async_trait]
impl ConnectionTrait for Reader {
    fn get_database_backend(&self) -> DbBackend {
        self.primary().get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.primary().execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.primary().execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        Ok(self.query_all_raw(statement).await?.into_iter().next())
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        if let Some(replica) = self.replica() {
            let answer = replica.source().all(statement.clone()).await;
            if let Some(answer) = self.stands(answer) {
                return answer;
            }
        }
        self.primary.all(statement).await
    }

    fn is_mock_connection(&self) -> bool {
        self.primary().is_mock_connection()
    }
}
