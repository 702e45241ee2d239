//! Datasets, deleted for good: every row but the trail, in one transaction. The files that their versions had are queued for
//! removal, which outlives them.
//!
//! Under the locks of the dataset, its drafts and its head, nobody else can be about to add a row to it. Its other rows need no
//! locks.

use sea_orm::sea_query::LockType;
use sea_orm::{EntityTrait, FromQueryResult};
use serde_json::json;
use timestore_entity::Timestamp;
use timestore_entity::dataset::{Entity, Model as Dataset};
use timestore_entity::enums::ChangeKind;
use timestore_entity::ids::DatasetId;

use super::{dataset_lock_in_txn, dataset_not_found, head_lock_in_txn};
use crate::auth::{Requester, Scope};
use crate::model::naming;
use crate::model::span::LATEST;
use crate::store::access::check_holds;
use crate::store::backend::{Others, Sql, Transaction, for_update};
use crate::store::error::Pin;
use crate::store::faults::Faults;
use crate::store::history::later;
use crate::store::trail::Trail;
use crate::store::{DatasetRef, FaultKind, Result, Store, StoreError};

/// How many snapshots a refusal names at the most.
const PINS: u32 = 100;

/// The tables with rows of a dataset, those first that refer to others.
const TABLES: [&str; 11] = [
    "staged_removals",
    "staged_partitions",
    "manifest_drafts",
    "idempotency_records",
    "snapshots",
    "watermarks",
    "partitions",
    "manifests",
    "schema_versions",
    "retention_policies",
    "dataset_heads",
];

/// A dataset to delete.
#[derive(Clone, Debug)]
pub struct DatasetDelete {
    /// The dataset.
    pub dataset: DatasetRef,
    /// Its slug, in any case, from somebody who means it.
    pub confirm_slug: String,
}

/// What became of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetDeleted {
    /// The id that it had.
    pub id: DatasetId,
    /// The slug that it had, which can be used again.
    pub slug: String,
    /// How many files were queued for removal.
    pub queued_files: i64,
    /// Their bytes.
    pub queued_bytes: i64,
}

#[derive(Default, FromQueryResult)]
struct Queued {
    files: i64,
    bytes: i64,
}

impl Store {
    /// Deletes a dataset, archived or not, unless a snapshot that has not run out pins a version of it. Its files are due for
    /// removal after the grace of its effective policy; files that were staged and never published are not the catalog's.
    ///
    /// Who was waiting for the dataset finds that there is none. Takes as long as the dataset has rows.
    pub async fn dataset_delete(&self, by: &Requester, input: DatasetDelete) -> Result<DatasetDeleted> {
        check_holds(by, Scope::Admin)?;
        let transaction = self.begin().await?;
        let dataset = dataset_lock_in_txn(&transaction, by, &input.dataset, LockType::NoKeyUpdate).await?;
        drafts_lock_in_txn(&transaction, dataset.id).await?;
        let head = head_lock_in_txn(&transaction, dataset.id).await?;
        let head = head.ok_or_else(|| dataset_not_found(&input.dataset))?;
        let now = self.clock.now();
        let mut faults = Faults::default();
        check_confirmation(&dataset, &input.confirm_slug, &mut faults);
        check_pins_in_txn(&transaction, dataset.id, now, &mut faults).await?;
        faults.finish()?;

        let policy = self.effective_policy_in_txn(&transaction, dataset.id).await?;
        let due = policy.delete_grace.after(now).unwrap_or(LATEST);
        let queued = queue_all_in_txn(&transaction, dataset.id, now, due).await?;
        delete_rows_in_txn(&transaction, dataset.id).await?;
        let trail = Trail {
            action: "deleteDataset",
            kind: ChangeKind::DatasetDeleted,
            dataset: Some(&dataset),
            version: None,
            detail: json!({
                "slug": dataset.slug, "versions": head.latest_version, "queuedFiles": queued.files,
                "queuedBytes": queued.bytes.to_string(),
            }),
        };
        self.trail_in_txn(&transaction, by, now, trail).await?;
        transaction.commit().await?;
        Ok(DatasetDeleted {
            id: dataset.id,
            slug: dataset.slug,
            queued_files: queued.files,
            queued_bytes: queued.bytes,
        })
    }
}

/// Waits for whoever stages in a draft of the dataset, or publishes one. Under the lock of the dataset no draft is begun.
async fn drafts_lock_in_txn(transaction: &Transaction, dataset: DatasetId) -> Result<()> {
    let mut sql = Sql::new(transaction);
    let text = format!(
        "select id from timestore.manifest_drafts where dataset_id = {} order by id{}",
        sql.bind(dataset),
        for_update(&sql, Others::Wait)
    );
    sql.rows(transaction, text).await?;
    Ok(())
}

fn check_confirmation(dataset: &Dataset, confirmed: &str, faults: &mut Faults) {
    if naming::slug(confirmed).as_ref() != Ok(&dataset.slug) {
        let message = format!("expected {:?}, the slug of the dataset", dataset.slug);
        faults.invalid(&["confirmSlug"], message);
    }
}

/// Refuses where snapshots pin versions at `now`. Under the lock of the head nobody makes another one.
async fn check_pins_in_txn(
    transaction: &Transaction,
    dataset: DatasetId,
    now: Timestamp,
    faults: &mut Faults,
) -> Result<()> {
    let mut sql = Sql::new(transaction);
    let text = format!(
        "select name, version, expires_at from timestore.snapshots where dataset_id = {} \
         and (expires_at is null or expires_at > {}) order by name limit {PINS}",
        sql.bind(dataset),
        sql.bind(now)
    );
    let snapshots: Vec<Pin> = sql.all(transaction, text).await?;
    if !snapshots.is_empty() {
        let message = "snapshots pin versions of the dataset; delete them first";
        faults.add(&["dataset"], FaultKind::DatasetPinned { snapshots }, message);
    }
    Ok(())
}

/// Queues every file that a version has or had, once. Where several rows have the same file, it goes by the last one.
async fn queue_all_in_txn(
    transaction: &Transaction,
    dataset: DatasetId,
    now: Timestamp,
    due: Timestamp,
) -> Result<Queued> {
    let last = format!(
        "removed_version is not null and {} is null and {} is null",
        later("later.removed_version is null"),
        later("later.removed_version is not null and later.removed_version + 0 > child.removed_version")
    );
    for case in ["removed_version is null", &last] {
        let mut sql = Sql::new(transaction);
        let text = format!(
            "insert into timestore.file_removals (dataset_id, partition_id, storage_target_id, file_path, file_size_bytes, \
             queued_at, due_at, attempts) \
             select dataset_id, id, storage_target_id, file_path, file_size_bytes, {}, {}, 0 \
             from timestore.partitions as child where dataset_id = {} and {case}",
            sql.bind(now),
            sql.bind(due),
            sql.bind(dataset)
        );
        sql.execute(transaction, text).await?;
    }
    // The partitions of removals that were queued before are gone.
    let mut sql = Sql::new(transaction);
    let text = format!(
        "select count(*) as files, cast(coalesce(sum(removal.file_size_bytes), 0) as bigint) as bytes \
         from timestore.file_removals as removal join timestore.partitions as child \
         on child.dataset_id = removal.dataset_id and child.id = removal.partition_id where removal.dataset_id = {}",
        sql.bind(dataset)
    );
    Ok(sql.one(transaction, text).await?.unwrap_or_default())
}

async fn delete_rows_in_txn(transaction: &Transaction, id: DatasetId) -> Result<()> {
    for table in TABLES {
        let mut sql = Sql::new(transaction);
        let text = format!(
            "delete from timestore.{table} where dataset_id = {}",
            sql.bind(id)
        );
        sql.execute(transaction, text).await?;
    }
    let deleted = Entity::delete_by_id(id).exec(transaction).await?;
    if deleted.rows_affected != 1 {
        return Err(StoreError::Inconsistent(format!(
            "dataset {id} went while it was locked"
        )));
    }
    Ok(())
}
