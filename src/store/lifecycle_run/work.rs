//! Doing runs: a worker begins the one that has waited longest, says that it is still at it, and how it ended.
//!
//! A run is its worker's for as long as it is running under the number of its attempt; what a worker says of a run that it has
//! lost changes nothing.

use serde_json::Value as Json;
use timestore_entity::Timestamp;
use timestore_entity::enums::{RunStatus, RunTrigger};
use timestore_entity::lifecycle_run::Model as LifecycleRun;

use crate::store::backend::{Others, Sql, for_update};
use crate::store::{Result, Store};

/// How often a run is begun before it has failed.
pub const MAX_ATTEMPTS: i32 = 3;

/// What a worker learns when it says that it is still at a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heartbeat {
    /// It goes on.
    GoOn,
    /// Somebody asked for its end.
    Cancelled,
    /// It is somebody else's, or has ended.
    Lost,
}

/// How a worker leaves a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// It is done.
    Completed,
    /// Something went wrong.
    Failed(String),
    /// The next worker is to try again, because of this; after too many attempts it has failed.
    Retry(String),
    /// There was nothing to do, because of this, or somebody asked for its end.
    Skipped(Option<String>),
    /// The worker stops before it was done: the next one goes on, as if this one had not begun.
    GivenBack,
}

impl Store {
    /// Begins the run that has waited longest, if there is one.
    pub async fn lifecycle_run_begin(&self, worker: &str) -> Result<Option<LifecycleRun>> {
        let transaction = self.begin().await?;
        let sql = Sql::new(&transaction);
        let text = format!(
            "select * from timestore.lifecycle_runs where finished_at is null and status = 'queued' \
             order by created_at, id limit 1{}",
            for_update(&sql, Others::Skip)
        );
        let Some(run) = sql.one::<LifecycleRun>(&transaction, text).await? else {
            return Ok(None);
        };
        let now = self.clock.now();
        let mut sql = Sql::new(&transaction);
        let (at, by) = (sql.bind(now), sql.bind(worker));
        let text = format!(
            "update timestore.lifecycle_runs set status = 'running', attempts = attempts + 1, worker = {by}, \
             started_at = {at}, heartbeat_at = {at} where id = {} returning *",
            sql.bind(run.id)
        );
        let begun = sql.one(&transaction, text).await?;
        transaction.commit().await?;
        Ok(begun)
    }

    /// Says that the worker is still at `run`, and what it has counted so far.
    pub async fn lifecycle_run_heartbeat(&self, run: &LifecycleRun, counters: &Json) -> Result<Heartbeat> {
        let transaction = self.begin().await?;
        let mut sql = Sql::new(&transaction);
        let text = format!(
            "update timestore.lifecycle_runs set heartbeat_at = {}, counters = {} where {} returning *",
            sql.bind(self.clock.now()),
            sql.bind(counters.clone()),
            held(&mut sql, run)
        );
        let run: Option<LifecycleRun> = sql.one(&transaction, text).await?;
        transaction.commit().await?;
        Ok(match run {
            None => Heartbeat::Lost,
            Some(run) if run.cancelled_at.is_some() => Heartbeat::Cancelled,
            Some(_) => Heartbeat::GoOn,
        })
    }

    /// Says how the worker leaves `run`, and what it counted; whether the run was still its own.
    pub async fn lifecycle_run_end(&self, run: &LifecycleRun, end: RunEnd, counters: &Json) -> Result<bool> {
        let transaction = self.begin().await?;
        let now = self.clock.now();
        let is_last = run.attempts >= MAX_ATTEMPTS;
        let (status, error) = match end {
            RunEnd::Completed => (RunStatus::Completed, None),
            RunEnd::Retry(error) if !is_last => (RunStatus::Queued, Some(error)),
            RunEnd::Failed(error) | RunEnd::Retry(error) => (RunStatus::Failed, Some(error)),
            RunEnd::Skipped(error) => (RunStatus::Skipped, error),
            RunEnd::GivenBack => (RunStatus::Queued, None),
        };
        let finished_at = (status != RunStatus::Queued).then_some(now);
        let attempts = run.attempts - i32::from(status == RunStatus::Queued && error.is_none());
        let mut sql = Sql::new(&transaction);
        let text = format!(
            "update timestore.lifecycle_runs set status = {}, error = {}, counters = {}, heartbeat_at = {}, \
             finished_at = {}, attempts = {} where {}",
            sql.bind(status.as_str()),
            sql.bind(error),
            sql.bind(counters.clone()),
            sql.bind(now),
            sql.bind(finished_at),
            sql.bind(attempts),
            held(&mut sql, run)
        );
        let ended = sql.execute(&transaction, text).await?.rows_affected() == 1;
        transaction.commit().await?;
        Ok(ended)
    }

    /// Takes runs from workers that were last seen before `silent_since`: they wait again, unless somebody asked for their end,
    /// they were tried too often, or they were the command line's. Returns how many.
    pub async fn lifecycle_runs_recover(&self, silent_since: Timestamp) -> Result<u64> {
        let transaction = self.begin().await?;
        let mut sql = Sql::new(&transaction);
        let now = sql.bind(self.clock.now());
        let given_up = format!(
            "(attempts >= {MAX_ATTEMPTS} or trigger = '{}')",
            RunTrigger::Command.as_str()
        );
        let text = format!(
            "update timestore.lifecycle_runs set error = 'its worker fell silent', \
             status = case when cancelled_at is not null then 'skipped' when {given_up} then 'failed' else 'queued' end, \
             finished_at = case when cancelled_at is not null or {given_up} then {now} end \
             where finished_at is null and status = 'running' and heartbeat_at < {}",
            sql.bind(silent_since)
        );
        let recovered = sql.execute(&transaction, text).await?.rows_affected();
        transaction.commit().await?;
        Ok(recovered)
    }
}

/// That a run is still under way under the number of this attempt.
fn held(sql: &mut Sql, run: &LifecycleRun) -> String {
    format!(
        "id = {} and attempts = {} and status = 'running'",
        sql.bind(run.id),
        sql.bind(run.attempts)
    )
}
