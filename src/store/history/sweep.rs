//! Sweeping: the files that only expired versions needed are queued for removal.
//!
//! A file with the versions `[added, removed)` is needed for as long as one of them can be read. With `low` and `high` two neighbours
//! among the versions that can be read, those are no longer needed that were added after `low` and removed no later than `high`: one
//! range of the index by removal for each gap.
//!
//! A reader asks whether a version can be read before it reads its files. So that none finds fewer files than there were, the files
//! of a version are touched only once it has been expired for the store's read grace.

use sea_orm::ConnectionTrait;
use timestore_entity::Timestamp;
use timestore_entity::ids::{DatasetId, PartitionId};

use super::number;
use crate::store::Result;
use crate::store::backend::{Column, Sql, Transaction, in_relation, relations};

/// How many files a step queues at the most.
const FILES: usize = 10_000;

/// What a sweep queued.
#[derive(Debug, Default)]
pub(super) struct Swept {
    pub(super) files: u64,
    pub(super) bytes: i64,
    pub(super) complete: bool,
}

/// Queues the files that no version needs any more, to go at `due`: gap by gap, as many as a step takes.
pub(super) async fn sweep_in_txn(
    transaction: &Transaction,
    dataset: DatasetId,
    now: Timestamp,
    settled: Timestamp,
    due: Timestamp,
) -> Result<Swept> {
    let mut swept = Swept {
        complete: true,
        ..Swept::default()
    };
    let mut from = 0;
    let mut budget = FILES;
    while let Some((low, high)) = next_gap(transaction, dataset, from, settled).await? {
        let mut unneeded = unneeded(transaction, dataset, low, high, budget + 1).await?;
        let all = unneeded.len() <= budget;
        unneeded.truncate(budget);
        budget -= unneeded.len();
        for bytes in queue_in_txn(transaction, dataset, &unneeded, low, now, due).await? {
            swept.files += 1;
            swept.bytes += bytes;
        }
        if !all {
            swept.complete = false;
            break;
        }
        settle_gap_in_txn(transaction, dataset, low, high, now).await?;
        from = high;
    }
    Ok(swept)
}

/// The neighbours, among the versions that can be read or expired after `settled`, of the first version after `from` that
/// expired before and has not been swept; 0 where there is none before it.
async fn next_gap(
    connection: &impl ConnectionTrait,
    dataset: DatasetId,
    from: i32,
    settled: Timestamp,
) -> Result<Option<(i32, i32)>> {
    let mut sql = Sql::new(connection);
    let text = format!(
        "select min(version) from timestore.manifests where dataset_id = {} and expired_at is not null \
         and swept_at is null and version > {} and expired_at <= {}",
        sql.bind(dataset),
        sql.bind(from),
        sql.bind(settled)
    );
    let Some(version) = number(connection, sql, text).await? else {
        return Ok(None);
    };
    let neighbour = async |end: &str, side: &str| {
        let mut sql = Sql::new(connection);
        let (dataset, version) = (sql.bind(dataset), sql.bind(version));
        let beyond = format!(
            "select {end}(version) as version from timestore.manifests \
             where dataset_id = {dataset} and version {side} {version}"
        );
        let text = format!(
            "select {end}(version) from ({beyond} and expired_at is null union all {beyond} and expired_at is not null \
             and swept_at is null and expired_at > {}) as readable",
            sql.bind(settled)
        );
        number(connection, sql, text).await
    };
    let low = neighbour("max", "<").await?;
    let high = neighbour("min", ">").await?;
    // The newest version never expires.
    Ok(high.map(|high| (low.unwrap_or(0), high)))
}

/// Files that only versions between `low` and `high` needed. One that an open draft removes stays until the draft has ended.
async fn unneeded(
    connection: &impl ConnectionTrait,
    dataset: DatasetId,
    low: i32,
    high: i32,
    limit: usize,
) -> Result<Vec<PartitionId>> {
    let mut sql = Sql::new(connection);
    let text = format!(
        "select id from timestore.partitions as child where {} and {} limit {limit}",
        within(&mut sql, dataset, low, high),
        "not exists (select 1 from timestore.staged_removals as staged \
         where staged.dataset_id = child.dataset_id and staged.partition_id = child.id)"
    );
    let rows = sql.rows(connection, text).await?;
    let ids: Result<Vec<PartitionId>, _> = rows.iter().map(|row| row.try_get_by_index(0)).collect();
    Ok(ids?)
}

fn within(sql: &mut Sql, dataset: DatasetId, low: i32, high: i32) -> String {
    let (dataset, high) = (sql.bind(dataset), sql.bind(high));
    let low = sql.bind(low);
    format!(
        "child.dataset_id = {dataset} and child.removed_version > 0 and child.removed_version > {low} \
         and child.removed_version <= {high} \
         and child.added_version > {low}"
    )
}

/// Marks the versions of a gap as swept, unless a draft holds one of its files.
async fn settle_gap_in_txn(
    transaction: &Transaction,
    dataset: DatasetId,
    low: i32,
    high: i32,
    now: Timestamp,
) -> Result<()> {
    let mut sql = Sql::new(transaction);
    let held = within(&mut sql, dataset, low, high);
    let (dataset, low) = (sql.bind(dataset), sql.bind(low));
    let (high, now) = (sql.bind(high), sql.bind(now));
    let text = format!(
        "update timestore.manifests set swept_at = {now} where dataset_id = {dataset} and version > {low} \
         and version < {high} and expired_at is not null and swept_at is null \
         and not exists (select 1 from timestore.partitions as child where {held})"
    );
    sql.execute(transaction, text).await?;
    Ok(())
}

/// Turns rows of partitions into removals; returns the bytes of each file that was queued. Where another row has the same file later,
/// the file is that row's to remove; so it is where an earlier one has it that `low` or a version before needs, as when a rollback
/// brought back what a snapshot pins.
async fn queue_in_txn(
    transaction: &Transaction,
    dataset: DatasetId,
    ids: &[PartitionId],
    low: i32,
    now: Timestamp,
    due: Timestamp,
) -> Result<Vec<i64>> {
    let mut queued = Vec::new();
    if ids.is_empty() {
        return Ok(queued);
    }
    let columns = || vec![("id", Column::Uuid(ids.iter().map(|id| id.0).collect()))];
    for mut relation in relations(transaction, columns()) {
        let of = relation.sql.bind(dataset);
        let (now, due) = (relation.sql.bind(now), relation.sql.bind(due));
        let low = relation.sql.bind(low);
        let text = format!(
            "insert into timestore.file_removals (dataset_id, partition_id, storage_target_id, file_path, file_size_bytes, \
             queued_at, due_at, attempts) \
             select dataset_id, id, storage_target_id, file_path, file_size_bytes, {now}, {due}, 0 \
             from timestore.partitions as child where dataset_id = {of} and {} and {} is null and {} is null and {} is null \
             returning file_size_bytes",
            in_relation("child.id", &relation),
            later("later.removed_version is null"),
            later("later.removed_version is not null and later.removed_version + 0 > child.removed_version"),
            later(&format!(
                "later.removed_version is not null and later.removed_version + 0 < child.removed_version \
                 and (later.removed_version + 0 <= {low} or later.added_version + 0 <= {low})"
            )),
        );
        for row in relation.sql.rows(transaction, text).await? {
            queued.push(row.try_get_by_index(0)?);
        }
    }
    for mut relation in relations(transaction, columns()) {
        let of = relation.sql.bind(dataset);
        let text = format!(
            "delete from timestore.partitions where dataset_id = {of} and {}",
            in_relation("id", &relation)
        );
        relation.sql.execute(transaction, text).await?;
    }
    Ok(queued)
}

/// Another row of the same dataset and file, or null. Each case has a partial index of its own, and is a scalar subquery, which no
/// database turns into a join: however little it knows of the files, it looks each of them up.
pub(in crate::store) fn later(case: &str) -> String {
    format!(
        "(select 1 from timestore.partitions as later where later.dataset_id = child.dataset_id \
         and later.storage_target_id = child.storage_target_id and later.file_path = child.file_path and {case} limit 1)"
    )
}
