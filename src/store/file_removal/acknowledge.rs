//! Acknowledging: a worker says what became of the files that it claimed.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::json;
use timestore_entity::Timestamp;
use timestore_entity::enums::{ChangeKind, RemovalOutcome};
use timestore_entity::file_removal::Model as FileRemoval;
use timestore_entity::ids::{DatasetId, LeaseId};

use super::claim::postpone_in_txn;
use super::{FileRemovalKey, MAX_ATTEMPTS, MAX_CLAIM, key_columns, leased_in_txn};
use crate::auth::{Requester, Scope};
use crate::store::access::check_holds;
use crate::store::backend::{Column, Relation, Transaction, relations};
use crate::store::dataset::datasets_by_id_in_txn;
use crate::store::faults::Faults;
use crate::store::trail::Gone;
use crate::store::{Result, Store, StoreError};

/// How much of a worker's error is kept, in characters.
const MAX_ERROR: usize = 1_000;

/// The pause after a first failure, and the longest one, in minutes. It doubles with every attempt.
const FIRST_PAUSE: i64 = 1;
const LONGEST_PAUSE: i64 = 6 * 60;

/// What became of claimed files.
#[derive(Clone, Debug)]
pub struct FileRemovalAcknowledge {
    /// The lease; none for a text that is no lease's id.
    pub lease: Option<LeaseId>,
    /// Files that are gone.
    pub removed: Vec<Removed>,
    /// Files that could not be deleted.
    pub failed: Vec<Failed>,
    /// Files that the worker did not get to; none for a text that is no removal's id.
    pub released: Vec<Option<FileRemovalKey>>,
}

/// A file that is gone.
#[derive(Clone, Debug)]
pub struct Removed {
    /// Its removal; none for a text that is no removal's id.
    pub removal: Option<FileRemovalKey>,
    /// Whether it was not there to begin with.
    pub missing: bool,
}

/// A file that could not be deleted.
#[derive(Clone, Debug)]
pub struct Failed {
    /// Its removal; none for a text that is no removal's id.
    pub removal: Option<FileRemovalKey>,
    /// Why not.
    pub error: String,
    /// Whether trying again is in vain.
    pub permanent: bool,
}

/// What an acknowledgement changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Acknowledged {
    /// How many files are settled that were not before.
    pub removed: usize,
    /// How many are tried again later.
    pub retried: usize,
    /// How many were given up.
    pub dead: usize,
    /// How many are handed out again at once.
    pub released: usize,
}

/// What an acknowledgement says of the files of a dataset.
#[derive(Default)]
struct Tally {
    files: i64,
    bytes: i64,
    failed: i64,
}

impl Store {
    /// Takes what a worker says of files that it holds under a lease. Saying the same of settled files again changes nothing;
    /// of files whose lease has passed to another worker, nothing can be said.
    pub async fn file_removals_acknowledge(
        &self,
        by: &Requester,
        input: FileRemovalAcknowledge,
    ) -> Result<Acknowledged> {
        check_holds(by, Scope::Admin)?;
        let transaction = self.begin().await?;
        let now = self.clock.now();
        let rows = held_in_txn(&transaction, &input).await?;
        let mut tallies: BTreeMap<DatasetId, Tally> = BTreeMap::new();
        let (mut deleted, mut missing, mut failures) = (Vec::new(), Vec::new(), Vec::new());
        for removed in &input.removed {
            let Some(row) = open(&rows, removed.removal) else {
                continue;
            };
            let tally = tallies.entry(row.dataset_id).or_default();
            tally.files += 1;
            tally.bytes += row.file_size_bytes;
            let settled = if removed.missing {
                &mut missing
            } else {
                &mut deleted
            };
            settled.push((row.dataset_id, row.partition_id));
        }
        for failed in &input.failed {
            if let Some(row) = open(&rows, failed.removal) {
                tallies.entry(row.dataset_id).or_default().failed += 1;
                failures.push((row, failed));
            }
        }
        settle_in_txn(&transaction, &deleted, RemovalOutcome::Deleted, now).await?;
        settle_in_txn(&transaction, &missing, RemovalOutcome::Missing, now).await?;
        let (dead, retried) = failures
            .into_iter()
            .partition(|(row, failed)| failed.permanent || row.attempts >= MAX_ATTEMPTS);
        let untried: Vec<_> = (input.released.iter())
            .filter_map(|key| open(&rows, *key))
            .map(|row| ((row.dataset_id, row.partition_id), now))
            .collect();
        let acknowledged = Acknowledged {
            released: untried.len(),
            removed: deleted.len() + missing.len(),
            retried: fail_in_txn(&transaction, retried, "null", now).await?,
            dead: fail_in_txn(&transaction, dead, "given.due_at", now).await?,
        };
        if let Some(lease) = input.lease {
            postpone_in_txn(&transaction, lease, untried).await?;
        }
        self.acknowledge_trail_in_txn(&transaction, by, now, tallies)
            .await?;
        transaction.commit().await?;
        Ok(acknowledged)
    }

    /// An audit event for each dataset, and a change for each that has lost files. The dataset may be gone as well.
    async fn acknowledge_trail_in_txn(
        &self,
        transaction: &Transaction,
        by: &Requester,
        now: Timestamp,
        tallies: BTreeMap<DatasetId, Tally>,
    ) -> Result<()> {
        let ids: Vec<DatasetId> = tallies.keys().copied().collect();
        let datasets = datasets_by_id_in_txn(transaction, &ids).await?;
        for (id, tally) in tallies {
            let slug = datasets.get(&id).map(|dataset| dataset.slug.clone());
            let mut detail = json!({ "files": tally.files, "bytes": tally.bytes });
            let kind = (tally.files > 0).then_some(ChangeKind::FilesRemoved);
            if tally.failed > 0 {
                detail["failed"] = json!(tally.failed);
            }
            let gone = Gone {
                action: "acknowledgeFileRemovals",
                kind,
                dataset: id,
                slug,
                detail,
            };
            self.trail_of_gone_in_txn(transaction, by, now, gone).await?;
        }
        Ok(())
    }
}

/// The rows that an acknowledgement names, locked; refuses it where any of them is not under its lease, or is named twice.
async fn held_in_txn(
    transaction: &Transaction,
    input: &FileRemovalAcknowledge,
) -> Result<HashMap<FileRemovalKey, FileRemoval>> {
    let removed = input.removed.iter().map(|removed| removed.removal);
    let failed = input.failed.iter().map(|failed| failed.removal);
    let released = input.released.iter().copied().enumerate();
    let named: Vec<(&str, usize, Option<FileRemovalKey>)> = (removed.enumerate())
        .map(|(n, key)| ("removed", n, key))
        .chain(failed.enumerate().map(|(n, key)| ("failed", n, key)))
        .chain(released.map(|(n, key)| ("released", n, key)))
        .collect();
    let mut faults = Faults::default();
    if named.is_empty() || named.len() > MAX_CLAIM as usize {
        faults.invalid(
            &["removed"],
            format!("expected 1 to {MAX_CLAIM} files, removed, failed or released"),
        );
        faults.finish()?;
        return Ok(HashMap::new());
    }
    let keys: Vec<FileRemovalKey> = named.iter().filter_map(|(.., key)| *key).collect();
    let rows = match input.lease {
        Some(lease) => leased_in_txn(transaction, lease, &keys).await?,
        None => HashMap::new(),
    };
    let mut seen = HashSet::new();
    for (list, n, key) in named {
        let at = n.to_string();
        let path: &[&str] = match list {
            "released" => &[list, &at],
            _ => &[list, &at, "removal"],
        };
        match key {
            None => faults.invalid(path, "expected the id of a file removal"),
            Some(key) if !seen.insert(key) => faults.invalid(path, "expected each file at most once"),
            Some(key) if !rows.contains_key(&key) => {
                faults.invalid(
                    path,
                    "the lease has passed to another worker, or never was on this file",
                );
            }
            Some(_) => {}
        }
    }
    faults.finish()?;
    Ok(rows)
}

/// The row, where it is not settled yet.
fn open(rows: &HashMap<FileRemovalKey, FileRemoval>, key: Option<FileRemovalKey>) -> Option<&FileRemoval> {
    key.and_then(|key| rows.get(&key))
        .filter(|row| row.done_at.is_none())
}

async fn settle_in_txn(
    transaction: &Transaction,
    keys: &[FileRemovalKey],
    outcome: RemovalOutcome,
    now: Timestamp,
) -> Result<()> {
    let mut changed = 0;
    for Relation { from, mut sql, .. } in relations(transaction, key_columns(keys)) {
        let text = format!(
            "update timestore.file_removals set done_at = {}, outcome = {}, error = null \
             where (dataset_id, partition_id) in (select * from {from}) and done_at is null",
            sql.bind(now),
            sql.bind(outcome.as_str())
        );
        changed += sql.execute(transaction, text).await?.rows_affected();
    }
    expect_changed(changed, keys.len())
}

/// Takes the lease off; `dead_at` is when they were given up, in SQL.
async fn fail_in_txn(
    transaction: &Transaction,
    failures: Vec<(&FileRemoval, &Failed)>,
    dead_at: &str,
    now: Timestamp,
) -> Result<usize> {
    let is_dead = dead_at != "null";
    let keys: Vec<FileRemovalKey> = (failures.iter())
        .map(|(row, _)| (row.dataset_id, row.partition_id))
        .collect();
    let due = |row: &FileRemoval| if is_dead { now } else { now + pause(row.attempts) };
    let mut columns = key_columns(&keys);
    columns.extend([
        (
            "due_at",
            Column::Time(failures.iter().map(|(row, _)| due(row)).collect()),
        ),
        (
            "error",
            Column::Text(failures.iter().map(|(_, failed)| error(failed)).collect()),
        ),
    ]);
    let mut changed = 0;
    for Relation { from, sql, .. } in relations(transaction, columns) {
        let text = format!(
            "update timestore.file_removals as removal set due_at = given.due_at, dead_at = {dead_at}, \
             error = given.error, lease_id = null, lease_owner = null from {from} \
             where removal.dataset_id = given.dataset_id and removal.partition_id = given.partition_id \
             and removal.done_at is null"
        );
        changed += sql.execute(transaction, text).await?.rows_affected();
    }
    expect_changed(changed, keys.len())?;
    Ok(keys.len())
}

fn error(failed: &Failed) -> String {
    let text = failed.error.replace('\0', "");
    text.chars().take(MAX_ERROR).collect()
}

/// How long a file rests after so many attempts.
fn pause(attempts: i32) -> chrono::Duration {
    let doublings = u32::try_from(attempts - 1).unwrap_or_default().min(16);
    chrono::Duration::minutes((FIRST_PAUSE << doublings).min(LONGEST_PAUSE))
}

fn expect_changed(changed: u64, expected: usize) -> Result<()> {
    if usize::try_from(changed).is_ok_and(|changed| changed == expected) {
        return Ok(());
    }
    Err(StoreError::Inconsistent(format!(
        "{changed} of {expected} removals could be acknowledged"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_six_hours() {
        let minutes: Vec<i64> = (1..=10).map(|attempts| pause(attempts).num_minutes()).collect();
        assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 64, 128, 256, 360]);
    }
}
