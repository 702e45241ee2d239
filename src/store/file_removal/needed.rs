//! Whether anything needs a file after all: a version of any dataset, a draft, or the grace of another removal.

use std::collections::HashMap;

use sea_orm::FromQueryResult;
use timestore_entity::Timestamp;
use timestore_entity::file_removal::Model as FileRemoval;
use timestore_entity::ids::{DatasetId, LeaseId, PartitionId};

use super::place::places;
use super::{FileRemovalKey, key_columns};
use crate::store::Result;
use crate::store::backend::{Column, Relation, Transaction, relations};

/// What keeps a file from deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A version names it.
    Kept,
    /// Until then, a draft may publish it, or another removal of it waits.
    Later(Timestamp),
}

#[derive(FromQueryResult)]
struct Row {
    dataset_id: DatasetId,
    partition_id: PartitionId,
    is_needed: bool,
    staged_until: Option<Timestamp>,
    pending_until: Option<Timestamp>,
}

/// What keeps which of `rows`, all under `lease`, from deletion at `now`; those that nothing keeps are left out.
pub(super) async fn verdicts_in_txn(
    transaction: &Transaction,
    lease: LeaseId,
    rows: &[FileRemoval],
    now: Timestamp,
) -> Result<HashMap<FileRemovalKey, Verdict>> {
    let keys: Vec<FileRemovalKey> = rows
        .iter()
        .map(|row| (row.dataset_id, row.partition_id))
        .collect();
    let mut columns = key_columns(&keys);
    columns.extend([
        (
            "storage_target_id",
            Column::Uuid(rows.iter().map(|row| row.storage_target_id.0).collect()),
        ),
        (
            "file_path",
            Column::Text(rows.iter().map(|row| row.file_path.clone()).collect()),
        ),
    ]);
    let mut verdicts = HashMap::new();
    for Relation { from, mut sql, .. } in relations(transaction, columns) {
        let (lease, now) = (sql.bind(lease), sql.bind(now));
        let at_place = |table: &str| {
            format!(
                "{table}.storage_target_id = place.storage_target_id and {table}.file_path = place.file_path"
            )
        };
        // Scalar subqueries, which neither database turns into a join: each place is looked up in the indexes, one of the live
        // files and one of the removed ones, of each dataset.
        let file = |removed: &str| {
            format!(
                "(select 1 from timestore.partitions as file where file.dataset_id = dataset.id and {} \
                 and file.removed_version {removed} limit 1) is not null",
                at_place("file")
            )
        };
        let text = format!(
            "with given as (select * from {from}), {} \
             select place.dataset_id, place.partition_id, \
             (select 1 from timestore.datasets as dataset where {} or {} limit 1) is not null as is_needed, \
             (select max(draft.expires_at) from timestore.manifest_drafts as draft \
             where draft.published_version is null and draft.expires_at > {now} \
             and (select 1 from timestore.staged_partitions as staged where staged.dataset_id = draft.dataset_id \
             and staged.draft_id = draft.id and {} limit 1) is not null) as staged_until, \
             (select max(other.due_at) from timestore.file_removals as other where {} and other.done_at is null \
             and other.dead_at is null and other.due_at > {now} \
             and (other.lease_id is null or other.lease_id <> {lease})) as pending_until from place",
            places(&["dataset_id", "partition_id"]),
            file("is null"),
            file("is not null"),
            at_place("staged"),
            at_place("other"),
        );
        for row in sql.all::<Row>(transaction, text).await? {
            add(&mut verdicts, row);
        }
    }
    Ok(verdicts)
}

/// Adds what one of the places of a file says of it.
fn add(verdicts: &mut HashMap<FileRemovalKey, Verdict>, row: Row) {
    let key = (row.dataset_id, row.partition_id);
    let until = row.staged_until.max(row.pending_until);
    let verdict = match (verdicts.get(&key), until) {
        _ if row.is_needed => Verdict::Kept,
        (Some(Verdict::Kept), _) | (None, None) => return,
        (Some(Verdict::Later(known)), Some(until)) => Verdict::Later(until.max(*known)),
        (Some(Verdict::Later(_)), None) => return,
        (None, Some(until)) => Verdict::Later(until),
    };
    verdicts.insert(key, verdict);
}
