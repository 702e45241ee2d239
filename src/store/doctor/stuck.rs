//! What has come to a halt: drafts, removals, runs and leases that somebody should have finished, and the end of those whose end
//! is safe.
//!
//! The limits are generous, since passes are made once a day in many places, and clocks differ.

use timestore_entity::Timestamp;

use super::{Flaw, claims, look_in_txn};
use crate::model::check::Check;
use crate::store::backend::{self, Sql, Transaction};
use crate::store::{Result, Store};

/// How long a draft, a removal or a run may wait past its time.
const WAITING: chrono::Duration = chrono::Duration::days(1);

/// How long a lease may have ended.
const ENDED: chrono::Duration = chrono::Duration::hours(1);

/// How long a run may be silent.
const SILENT: chrono::Duration = chrono::Duration::minutes(10);

/// How many rows are cleared away at a time.
const BATCH: u32 = 1_000;

/// When a run was last seen.
const SEEN: &str = "coalesce(heartbeat_at, started_at, created_at)";

impl Store {
    /// What is wrong in the catalog beside its datasets, in the order of the checks.
    pub async fn catalog_flaws(&self) -> Result<Vec<Flaw>> {
        let now = self.clock.now();
        let transaction = backend::begin_snapshot(self.reader.primary()).await?;
        let mut flaws = vec![claims::flaw_in_txn(&transaction, now).await?];
        flaws.extend(stuck_in_txn(&transaction, now).await?);
        transaction.commit().await?;
        flaws.retain(|flaw| flaw.count > 0);
        Ok(flaws)
    }

    /// Clears away drafts past their time, ends runs whose workers are silent as failed, and deletes leases that ended long ago.
    /// Each is found again by the statement that changes it, so that whoever came back meanwhile keeps what it has.
    pub async fn stuck_mend(&self) -> Result<()> {
        while self.drafts_expire(BATCH).await? > 0 {}
        let transaction = self.begin().await?;
        let now = self.clock.now();
        let mut sql = Sql::new(&transaction);
        let text = format!(
            "update timestore.lifecycle_runs set status = 'failed', finished_at = {}, error = {} \
             where status = 'running' and {SEEN} < {}",
            sql.bind(now),
            sql.bind("its worker gave no sign of life for 10 minutes; ended by timestore doctor"),
            sql.bind(now - SILENT)
        );
        let failed = sql.execute(&transaction, text).await?.rows_affected();
        let mut sql = Sql::new(&transaction);
        let text = format!(
            "delete from timestore.leases where expires_at < {}",
            sql.bind(now - ENDED)
        );
        let deleted = sql.execute(&transaction, text).await?.rows_affected();
        transaction.commit().await?;
        if failed + deleted > 0 {
            tracing::info!(
                runs.failed = failed,
                leases.deleted = deleted,
                "what was stuck has been ended"
            );
        }
        Ok(())
    }
}

async fn stuck_in_txn(transaction: &Transaction, now: Timestamp) -> Result<Vec<Flaw>> {
    let of_dataset =
        |table: &str| format!("left join timestore.datasets as dataset on dataset.id = {table}.dataset_id");
    let removal = |what: &str, condition: &str| {
        format!(
            "select coalesce(dataset.slug, 'a dataset that is gone') || ': ' || target.name || ': ' || removal.file_path || {what} \
             as found, removal.due_at as place from timestore.file_removals as removal {} \
             join timestore.storage_targets as target on target.id = removal.storage_target_id where {condition}",
            of_dataset("removal")
        )
    };
    let open = "removal.done_at is null and removal.dead_at is null and removal.due_at";
    let questions = [
        (
            Check::DraftOverdue,
            now - WAITING,
            format!(
                "select coalesce(dataset.slug, 'a dataset that is gone') || ': a draft of ' || draft.added_count || ' files' as found, \
                 draft.expires_at as place from timestore.manifest_drafts as draft {} \
                 where draft.published_version is null and draft.expires_at < $1",
                of_dataset("draft")
            ),
        ),
        (
            Check::RemovalLeaseEnded,
            now - ENDED,
            removal(
                "' was claimed by ' || removal.lease_owner",
                &format!("{open} < $1 and removal.lease_id is not null"),
            ),
        ),
        (
            Check::RemovalOverdue,
            now - WAITING,
            removal(
                "' is due for more than a day'",
                &format!("{open} < $1 and removal.lease_id is null"),
            ),
        ),
        (
            Check::RemovalDead,
            now,
            removal(
                "': ' || coalesce(removal.error, 'no error')",
                "removal.done_at is null and removal.dead_at <= $1",
            ),
        ),
        (
            Check::RunSilent,
            now - SILENT,
            format!(
                "select 'a run of ' || kind || ' by ' || coalesce(worker, 'nobody') as found, {SEEN} as place \
                 from timestore.lifecycle_runs where status = 'running' and {SEEN} < $1"
            ),
        ),
        (
            Check::RunWaiting,
            now - WAITING,
            "select 'a run of ' || kind || ' for ' || coalesce(requested_by, 'nobody') as found, created_at as place \
             from timestore.lifecycle_runs where status = 'queued' and created_at < $1"
                .to_owned(),
        ),
        (
            Check::LeaseEnded,
            now - ENDED,
            "select name || ', held by ' || holder as found, expires_at as place from timestore.leases where expires_at < $1"
                .to_owned(),
        ),
    ];
    let mut flaws = Vec::new();
    for (check, before, text) in questions {
        let mut sql = Sql::new(transaction);
        sql.bind(before);
        flaws.push(look_in_txn(transaction, check, sql, text).await?);
    }
    Ok(flaws)
}
