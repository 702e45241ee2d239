//! Claiming: what is due goes to a worker, under a lease.

use std::time::Duration;

use serde_json::json;
use timestore_entity::Timestamp;
use timestore_entity::file_removal::Model as FileRemoval;
use timestore_entity::ids::LeaseId;

use super::needed::{Verdict, verdicts_in_txn};
use super::{FileRemovalKey, MAX_ATTEMPTS, key_columns};
use crate::auth::{Requester, Scope};
use crate::model::duration::IsoDuration;
use crate::model::naming;
use crate::store::access::check_holds;
use crate::store::backend::{
    Column, Others, Relation, Sql, Transaction, begun_by_now, for_update, have_ended, in_relation,
    none_under_way, relations,
};
use crate::store::faults::Faults;
use crate::store::{Result, Store, StoreError};

/// How many files one claim takes at the most.
pub const MAX_CLAIM: u32 = 1_000;

/// How long a lease lasts at the most.
const MAX_LEASE: chrono::Duration = chrono::Duration::days(1);

/// The shortest lease: longer than the wait before files are handed out, so that none goes out under a lease that has ended.
const MIN_LEASE: chrono::Duration = chrono::Duration::seconds(30);

/// How often a claim looks whether the transactions that were under way have ended, and how long it waits in between: 5 seconds.
const LOOKS: u32 = 250;
const PAUSE: Duration = Duration::from_millis(20);

/// When a claim that waited in vain may be tried again.
const LATER: chrono::Duration = chrono::Duration::minutes(1);

/// A claim to make.
#[derive(Clone, Debug)]
pub struct FileRemovalClaim {
    /// Who is going to delete the files, for people.
    pub owner: String,
    /// At most so many files.
    pub limit: i32,
    /// How long they are nobody else's.
    pub lease: IsoDuration,
}

/// Files to delete, all under one lease.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    /// The lease.
    pub lease: LeaseId,
    /// When it ends: what is not acknowledged by then comes back.
    pub leased_until: Timestamp,
    /// The files, those first that were due first.
    pub removals: Vec<FileRemoval>,
}

impl Store {
    /// Hands out files for deletion: due, and needed by nobody.
    ///
    /// A first transaction puts a lease on what is due. When all transactions that were under way at its commit have ended, a
    /// second one looks whether anything needs these files after all, and only the others are handed out. No publisher is
    /// overtaken: one that looks for leases after the first commit finds this one and is refused, one that looked before has
    /// ended when the second transaction begins, which sees what it published. Publishers write before they look (they lock
    /// the head of the dataset, or their draft), so that they count as under way; those that do both in one statement lock a
    /// table before either.
    ///
    /// Where a transaction lasts too long, nothing is handed out, and the lease is given back for a minute. A claim whose
    /// caller goes away ends with its lease.
    pub async fn file_removals_claim(&self, by: &Requester, input: FileRemovalClaim) -> Result<Claimed> {
        check_holds(by, Scope::Admin)?;
        let now = self.clock.now();
        let mut faults = Faults::default();
        let owner = faults.check(&["owner"], naming::source(&input.owner));
        if !(1..=MAX_CLAIM).contains(&input.limit.unsigned_abs()) || input.limit < 0 {
            faults.invalid(&["limit"], format!("expected 1 to {MAX_CLAIM}"));
        }
        let until = input.lease.after(now);
        let until = until.filter(|until| *until >= now + MIN_LEASE && *until <= now + MAX_LEASE);
        if until.is_none() {
            faults.invalid(&["leaseFor"], "expected 30 seconds to a day");
        }
        faults.finish()?;
        let mut claimed = Claimed {
            lease: LeaseId(self.clock.id()),
            leased_until: until.unwrap_or(now),
            removals: Vec::new(),
        };
        let owner = owner.unwrap_or_default();
        let leased = self.lease(&mut claimed, &owner, input.limit, now).await?;
        if !leased {
            return Ok(claimed);
        }
        if !self.publishers_ended().await? {
            self.give_back(&claimed).await?;
            claimed.removals.clear();
            return Ok(claimed);
        }
        self.hand_out(by, claimed, &owner).await
    }

    /// Puts the lease on what is due; whether anything is.
    async fn lease(&self, claimed: &mut Claimed, owner: &str, limit: i32, now: Timestamp) -> Result<bool> {
        let transaction = self.begin().await?;
        let mut sql = Sql::new(&transaction);
        let at = sql.bind(now);
        // Of several claims at once, each takes what the others leave.
        let skip_locked = for_update(&sql, Others::Skip);
        let text = format!(
            "select * from timestore.file_removals where done_at is null and dead_at is null and due_at <= {at} \
             order by due_at, dataset_id, partition_id limit {limit}{skip_locked}"
        );
        let due: Vec<FileRemoval> = sql.all(&transaction, text).await?;
        let (exhausted, due): (Vec<_>, Vec<_>) =
            due.into_iter().partition(|row| row.attempts >= MAX_ATTEMPTS);
        bury_in_txn(&transaction, &exhausted, now).await?;
        let mut changed = 0;
        for relation in relations(&transaction, key_columns(&keys(&due))) {
            let of = in_relation("(dataset_id, partition_id)", &relation);
            let mut sql = relation.sql;
            let text = format!(
                "update timestore.file_removals set lease_id = {}, lease_owner = {}, due_at = {}, \
                 attempts = attempts + 1 where {of}",
                sql.bind(claimed.lease),
                sql.bind(owner),
                sql.bind(claimed.leased_until)
            );
            changed += sql.execute(&transaction, text).await?.rows_affected();
        }
        expect_changed(changed, due.len())?;
        transaction.commit().await?;
        claimed.removals = due
            .into_iter()
            .map(|row| FileRemoval {
                lease_id: Some(claimed.lease),
                lease_owner: Some(owner.to_owned()),
                due_at: claimed.leased_until,
                attempts: row.attempts + 1,
                ..row
            })
            .collect();
        Ok(!claimed.removals.is_empty())
    }

    /// Waits until all transactions that are under way have ended; whether they did.
    async fn publishers_ended(&self) -> Result<bool> {
        let Some(horizon) = begun_by_now(&self.writer).await? else {
            return Ok(true);
        };
        let mut passed = false;
        for _ in 0..LOOKS {
            if !passed {
                // Waits as long as the pause below.
                passed = none_under_way(&self.writer).await?;
                continue;
            }
            if have_ended(&self.writer, horizon).await? {
                return Ok(true);
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(false)
    }

    /// Takes the lease off again, as if the claim had not been made.
    async fn give_back(&self, claimed: &Claimed) -> Result<()> {
        let later = self.clock.now() + LATER;
        let until = claimed.removals.iter().map(|row| (key(row), later)).collect();
        let transaction = self.begin().await?;
        postpone_in_txn(&transaction, claimed.lease, until).await?;
        transaction.commit().await?;
        tracing::warn!(
            lease.id = %claimed.lease,
            files = claimed.removals.len(),
            "a transaction lasts too long to be sure that it needs none of these files; they are tried again later"
        );
        Ok(())
    }

    /// Settles or postpones what somebody needs; the rest is handed out.
    async fn hand_out(&self, by: &Requester, mut claimed: Claimed, owner: &str) -> Result<Claimed> {
        let transaction = self.begin().await?;
        let now = self.clock.now();
        let verdicts = verdicts_in_txn(&transaction, claimed.lease, &claimed.removals, now).await?;
        let (mut kept, mut postponed) = (Vec::new(), Vec::new());
        claimed.removals.retain(|row| match verdicts.get(&key(row)) {
            None => true,
            Some(Verdict::Kept) => {
                kept.push(key(row));
                false
            }
            Some(Verdict::Later(until)) => {
                postponed.push((key(row), *until));
                false
            }
        });
        keep_in_txn(&transaction, claimed.lease, &kept, now).await?;
        postpone_in_txn(&transaction, claimed.lease, postponed).await?;
        if !claimed.removals.is_empty() {
            let detail = json!({ "lease": claimed.lease, "owner": owner, "files": claimed.removals.len() });
            self.audit_of_all_in_txn(&transaction, by, now, "claimFileRemovals", detail)
                .await?;
        }
        transaction.commit().await?;
        Ok(claimed)
    }
}

fn key(row: &FileRemoval) -> FileRemovalKey {
    (row.dataset_id, row.partition_id)
}

fn keys(rows: &[FileRemoval]) -> Vec<FileRemovalKey> {
    rows.iter().map(key).collect()
}

/// Gives up what was handed out too often.
async fn bury_in_txn(transaction: &Transaction, rows: &[FileRemoval], now: Timestamp) -> Result<()> {
    let mut changed = 0;
    for relation in relations(transaction, key_columns(&keys(rows))) {
        let of = in_relation("(dataset_id, partition_id)", &relation);
        let mut sql = relation.sql;
        let text = format!(
            "update timestore.file_removals set dead_at = {}, error = coalesce(error, 'its worker never answered'), \
             lease_id = null, lease_owner = null where {of}",
            sql.bind(now)
        );
        changed += sql.execute(transaction, text).await?.rows_affected();
    }
    expect_changed(changed, rows.len())
}

/// Settles what a version needs: it is queued again when that version has gone.
async fn keep_in_txn(
    transaction: &Transaction,
    lease: LeaseId,
    kept: &[FileRemovalKey],
    now: Timestamp,
) -> Result<()> {
    let mut changed = 0;
    for relation in relations(transaction, key_columns(kept)) {
        let of = in_relation("(dataset_id, partition_id)", &relation);
        let mut sql = relation.sql;
        let text = format!(
            "update timestore.file_removals set done_at = {}, outcome = 'kept' where {of} and lease_id = {}",
            sql.bind(now),
            sql.bind(lease)
        );
        changed += sql.execute(transaction, text).await?.rows_affected();
    }
    expect_changed(changed, kept.len())
}

/// Takes the lease off files that nobody has tried to delete, until the instant given for each.
pub(super) async fn postpone_in_txn(
    transaction: &Transaction,
    lease: LeaseId,
    postponed: Vec<(FileRemovalKey, Timestamp)>,
) -> Result<()> {
    let (keys, until): (Vec<FileRemovalKey>, Vec<Timestamp>) = postponed.into_iter().unzip();
    let mut columns = key_columns(&keys);
    columns.push(("until", Column::Time(until)));
    let mut changed = 0;
    for Relation { from, mut sql, .. } in relations(transaction, columns) {
        let lease = sql.bind(lease);
        let text = format!(
            "update timestore.file_removals as removal set due_at = given.until, attempts = removal.attempts - 1, \
             lease_id = null, lease_owner = null from {from} where removal.dataset_id = given.dataset_id \
             and removal.partition_id = given.partition_id and removal.lease_id = {lease}"
        );
        changed += sql.execute(transaction, text).await?.rows_affected();
    }
    expect_changed(changed, keys.len())
}

/// A lease that lasted shorter than the claim that made it may have passed to somebody else.
fn expect_changed(changed: u64, expected: usize) -> Result<()> {
    if usize::try_from(changed).is_ok_and(|changed| changed == expected) {
        return Ok(());
    }
    Err(StoreError::Inconsistent(format!(
        "{changed} of {expected} removals were still under the lease"
    )))
}
