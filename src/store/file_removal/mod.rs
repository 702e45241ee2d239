//! File removals: files that no version needs any more, from the end of their grace to their end.
//!
//! A worker claims what is due under a lease (`claim`), deletes it, and says how that went (`acknowledge`). What nobody
//! acknowledges comes back when the lease ends. Nothing here touches a file.

mod acknowledge;
mod claim;
mod needed;
mod place;
mod requeue;

use std::collections::HashMap;

use sea_orm::ConnectionTrait;
use timestore_entity::Timestamp;
use timestore_entity::file_removal::Model as FileRemoval;
use timestore_entity::ids::{DatasetId, LeaseId, PartitionId};

pub use acknowledge::{Acknowledged, Failed, FileRemovalAcknowledge, Removed};
pub use claim::{Claimed, FileRemovalClaim, MAX_CLAIM};
pub(in crate::store) use place::{KIN, LEASED, NONE_LEASED, is_none_leased_in_txn, places};
pub use requeue::FileRemovalRequeue;

use super::access::check_holds;
use super::backend::{Column, Others, Sql, Transaction, for_update, in_relation, relations};
use super::dataset::of_dataset;
use super::storage_target::storage_target_find_in_txn;
use super::{DatasetRef, Page, Result, Rows, StorageTargetRef, Store};
use crate::auth::Scope;

/// How often a file is handed out before it becomes a dead letter.
pub const MAX_ATTEMPTS: i32 = 10;

/// A removal, by its key: the dataset and the partition that was the file.
pub type FileRemovalKey = (DatasetId, PartitionId);

/// Where a removal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileRemovalState {
    /// It waits for its grace, or for a pause after a failure, to end.
    Waiting,
    /// The next worker gets it.
    Due,
    /// A worker has it.
    Claimed,
    /// It was given up.
    Dead,
    /// It was settled.
    Done,
}

/// Which removals a list holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FileRemovalFilter {
    /// Only those of this dataset, which may be gone when it is named by id.
    pub dataset: Option<DatasetRef>,
    /// Only those in this state.
    pub state: Option<FileRemovalState>,
    /// Only those on this target.
    pub storage_target: Option<StorageTargetRef>,
}

impl FileRemovalState {
    /// Where `removal` stands at `now`.
    pub fn of(removal: &FileRemoval, now: Timestamp) -> Self {
        match removal {
            removal if removal.done_at.is_some() => Self::Done,
            removal if removal.dead_at.is_some() => Self::Dead,
            removal if removal.due_at <= now => Self::Due,
            removal if removal.lease_id.is_some() => Self::Claimed,
            _ => Self::Waiting,
        }
    }

    fn condition(self, now: &str) -> String {
        let pending = "done_at is null and dead_at is null";
        match self {
            Self::Done => "done_at is not null".to_owned(),
            Self::Dead => "dead_at is not null".to_owned(),
            Self::Due => format!("{pending} and due_at <= {now}"),
            Self::Claimed => format!("{pending} and due_at > {now} and lease_id is not null"),
            Self::Waiting => format!("{pending} and due_at > {now} and lease_id is null"),
        }
    }
}

impl Store {
    /// A page of the removals that `filter` lets through, by dataset and partition, each with where it stands.
    pub async fn file_removal_page(
        &self,
        filter: &FileRemovalFilter,
        page: &Page<FileRemovalKey>,
    ) -> Result<Rows<(FileRemoval, FileRemovalState)>> {
        let now = self.clock.now();
        let mut sql = Sql::new(&self.reader);
        let mut conditions = self.removal_conditions(filter, now, &mut sql).await?;
        for (key, comparison) in [(page.after, ">"), (page.before, "<")] {
            if let Some((dataset, partition)) = key {
                let key = format!("({}, {})", sql.bind(dataset), sql.bind(partition));
                conditions.push(format!("(dataset_id, partition_id) {comparison} {key}"));
            }
        }
        let direction = if page.backwards { "desc" } else { "asc" };
        let text = format!(
            "select * from timestore.file_removals where {} \
             order by dataset_id {direction}, partition_id {direction} limit {}",
            conditions.join(" and "),
            page.limit_in_sql()
        );
        let rows = Rows::from_query(page, sql.all(&self.reader, text).await?);
        Ok(rows.map(|row: FileRemoval| {
            let state = FileRemovalState::of(&row, now);
            (row, state)
        }))
    }

    /// How many removals `filter` lets through.
    pub async fn file_removal_count(&self, filter: &FileRemovalFilter) -> Result<u64> {
        let mut sql = Sql::new(&self.reader);
        let conditions = self
            .removal_conditions(filter, self.clock.now(), &mut sql)
            .await?;
        let text = format!(
            "select count(*) from timestore.file_removals where {}",
            conditions.join(" and ")
        );
        Ok(sql.count(&self.reader, text).await?)
    }

    /// The removals with these keys, each with where it stands.
    pub async fn file_removals_by_key(
        &self,
        keys: &[FileRemovalKey],
    ) -> Result<HashMap<FileRemovalKey, (FileRemoval, FileRemovalState)>> {
        if !self.viewer.holds(Scope::Admin) {
            return Ok(HashMap::new());
        }
        let now = self.clock.now();
        let rows = removals_in_txn(&self.reader, keys).await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let state = FileRemovalState::of(&row, now);
                ((row.dataset_id, row.partition_id), (row, state))
            })
            .collect())
    }

    async fn removal_conditions(
        &self,
        filter: &FileRemovalFilter,
        now: Timestamp,
        sql: &mut Sql,
    ) -> Result<Vec<String>> {
        check_holds(&self.viewer, Scope::Admin)?;
        let mut conditions = vec!["true".to_owned()];
        if let Some(dataset) = &filter.dataset {
            conditions.push(of_dataset(&self.reader, &self.viewer, dataset, sql).await?);
        }
        if let Some(target) = &filter.storage_target {
            let found = storage_target_find_in_txn(&self.reader, target).await?;
            conditions.push(found.map_or("false".to_owned(), |target| {
                format!("storage_target_id = {}", sql.bind(target.id))
            }));
        }
        if let Some(state) = filter.state {
            let settled = matches!(state, FileRemovalState::Done | FileRemovalState::Dead);
            let now = if settled { String::new() } else { sql.bind(now) };
            conditions.push(state.condition(&now));
        }
        Ok(conditions)
    }
}

/// The removals with these keys, as `connection` sees them.
async fn removals_in_txn(
    connection: &impl ConnectionTrait,
    keys: &[FileRemovalKey],
) -> Result<Vec<FileRemoval>> {
    let mut found = Vec::new();
    for relation in relations(connection, key_columns(keys)) {
        let of = in_relation("(dataset_id, partition_id)", &relation);
        let text = format!("select * from timestore.file_removals where {of}");
        found.extend(relation.sql.all(connection, text).await?);
    }
    Ok(found)
}

/// Those of the named removals that a claim holds, locked until the end of the transaction.
async fn leased_in_txn(
    transaction: &Transaction,
    lease: LeaseId,
    keys: &[FileRemovalKey],
) -> Result<HashMap<FileRemovalKey, FileRemoval>> {
    let mut held = HashMap::new();
    for relation in relations(transaction, key_columns(keys)) {
        let of = in_relation("(dataset_id, partition_id)", &relation);
        let mut sql = relation.sql;
        // In one order, so that two workers cannot wait for each other.
        let lock = for_update(&sql, Others::Wait);
        let text = format!(
            "select * from timestore.file_removals where {of} and lease_id = {} \
             order by dataset_id, partition_id{lock}",
            sql.bind(lease)
        );
        let rows: Vec<FileRemoval> = sql.all(transaction, text).await?;
        held.extend(
            rows.into_iter()
                .map(|row| ((row.dataset_id, row.partition_id), row)),
        );
    }
    Ok(held)
}

fn key_columns(keys: &[FileRemovalKey]) -> Vec<(&'static str, Column)> {
    let (datasets, partitions) = keys.iter().map(|(dataset, id)| (dataset.0, id.0)).unzip();
    vec![
        ("dataset_id", Column::Uuid(datasets)),
        ("partition_id", Column::Uuid(partitions)),
    ]
}
