//! The end of history: versions expire, and the files that only they needed are queued for removal (`sweep`).
//!
//! The rules for versions keep a run of the newest ones. What is older expires, unless a snapshot pins it, so that the versions
//! that can be read may have gaps between them.

mod sweep;

use sea_orm::ConnectionTrait;
use serde_json::json;
use timestore_entity::Timestamp;
use timestore_entity::dataset::Model as Dataset;
use timestore_entity::dataset_head::Model as DatasetHead;
use timestore_entity::enums::{ChangeKind, DatasetStatus};
use timestore_entity::ids::DatasetId;

use super::backend::{Column, Sql, Transaction, in_relation, relations};
use super::dataset::dataset_get_with_head_lock_in_txn;
use super::faults::Faults;
use super::retention::Rules;
use super::trail::Trail;
use super::{DatasetRef, FaultKind, Result, Store};
use crate::auth::Requester;
use crate::model::duration::IsoDuration;
use crate::model::retention;
pub(super) use sweep::later;

/// How many versions a step expires at the most.
const VERSIONS: i64 = 1_000;

/// Versions to expire.
#[derive(Clone, Debug)]
pub struct ManifestsExpire {
    /// The dataset.
    pub dataset: DatasetRef,
    /// So many of the newest versions are kept; with `max_version_age`, in place of the effective policy's rules.
    pub keep_versions: Option<i32>,
    /// Versions that were superseded longer ago expire.
    pub max_version_age: Option<IsoDuration>,
}

/// What a step did.
#[derive(Clone, Debug)]
pub struct ManifestsExpired {
    /// The dataset.
    pub dataset: Dataset,
    /// The versions that expired, oldest first.
    pub expired: Vec<i32>,
    /// How many files were queued for removal.
    pub queued_files: u64,
    /// Their bytes.
    pub queued_bytes: i64,
    /// The oldest version that can be read; none where there is none at all.
    pub oldest: Option<i32>,
    /// Whether there is nothing more to do.
    pub complete: bool,
}

impl Store {
    /// Expires versions that the rules no longer keep and no snapshot pins, and queues the files that no version needs any more.
    /// Bounded: what is left is the next step's. Under the lock of the head, so that nobody can pin or publish meanwhile.
    pub async fn manifests_expire(&self, by: &Requester, input: ManifestsExpire) -> Result<ManifestsExpired> {
        let transaction = self.begin().await?;
        let (dataset, head) = dataset_get_with_head_lock_in_txn(&transaction, by, &input.dataset).await?;
        let now = self.clock.now();
        let mut faults = Faults::default();
        if input.keep_versions.is_some_and(|versions| versions < 1) {
            faults.invalid(&["keepVersions"], "expected at least 1");
        }
        if let Some(age) = &input.max_version_age {
            faults.check(&["maxVersionAge"], retention::age(age));
        }
        if dataset.status == DatasetStatus::Inactive {
            faults.add(
                &["dataset"],
                FaultKind::DatasetInactive,
                "the dataset is archived",
            );
        }
        faults.finish()?;
        let policy = self.effective_policy_in_txn(&transaction, dataset.id).await?;
        let grace = policy.delete_grace;
        let rules = if input.keep_versions.is_some() || input.max_version_age.is_some() {
            Rules {
                keep_versions: input.keep_versions,
                max_version_age: input.max_version_age,
                ..Rules::default()
            }
        } else {
            Rules::from(&policy)
        };
        let first = first_kept(&transaction, &head, &rules, head.latest_version, now).await?;
        let mut expired = expirable(&transaction, &head, first, now).await?;
        let mut complete = i64::try_from(expired.len()).unwrap_or(i64::MAX) <= VERSIONS;
        expired.truncate(usize::try_from(VERSIONS).unwrap_or(usize::MAX));
        mark_in_txn(&transaction, dataset.id, &expired, now).await?;
        let due = grace.after(now).unwrap_or(crate::model::span::LATEST);
        let settled = now - self.read_grace;
        let swept = sweep::sweep_in_txn(&transaction, dataset.id, now, settled, due).await?;
        complete &= swept.complete;
        let oldest = oldest_kept(&transaction, dataset.id).await?;
        if !expired.is_empty() || swept.files > 0 {
            let trail = Trail {
                action: "expireManifests",
                kind: ChangeKind::ManifestsExpired,
                dataset: Some(&dataset),
                version: None,
                detail: json!({
                    "slug": dataset.slug, "versions": expired.len(), "from": expired.first(), "to": expired.last(),
                    "oldest": oldest, "queuedFiles": swept.files, "queuedBytes": swept.bytes.to_string(),
                }),
            };
            self.trail_in_txn(&transaction, by, now, trail).await?;
        }
        // Rows can go, and gaps be settled, without anything that the trail should tell.
        transaction.commit().await?;
        Ok(ManifestsExpired {
            dataset,
            expired,
            queued_files: swept.files,
            queued_bytes: swept.bytes,
            oldest,
            complete,
        })
    }
}

/// The oldest version that the rules keep at `now`, once `latest` is the newest; 1 where they keep all.
///
/// A version expires only where every rule for versions lets it. Its age counts from when it was superseded: what `asOf` names
/// within the age can be read.
pub(super) async fn first_kept(
    connection: &impl ConnectionTrait,
    head: &DatasetHead,
    rules: &Rules,
    latest: i32,
    now: Timestamp,
) -> Result<i32> {
    let by_count = rules
        .keep_versions
        .map(|versions| latest.saturating_sub(versions).saturating_add(1).max(1));
    let by_age = match rules.max_version_age.as_ref() {
        None => None,
        Some(age) => match age.before(now) {
            None => Some(1),
            Some(instant) => {
                // The version that was the current one at that instant was superseded later.
                let mut sql = Sql::new(connection);
                let text = format!(
                    "select max(version) from timestore.manifests where dataset_id = {} and published_at = \
                     (select max(earlier.published_at) from timestore.manifests as earlier \
                     where earlier.dataset_id = {} and earlier.published_at <= {})",
                    sql.bind(head.dataset_id),
                    sql.bind(head.dataset_id),
                    sql.bind(instant)
                );
                Some(number(connection, sql, text).await?.unwrap_or(1))
            }
        },
    };
    Ok(match (by_count, by_age) {
        (Some(count), Some(age)) => count.min(age),
        (Some(first), None) | (None, Some(first)) => first,
        (None, None) => 1,
    })
}

/// Versions before `first` that can be read and that nothing pins, oldest first: one more than a step expires.
async fn expirable(
    connection: &impl ConnectionTrait,
    head: &DatasetHead,
    first: i32,
    now: Timestamp,
) -> Result<Vec<i32>> {
    let mut sql = Sql::new(connection);
    let text = format!(
        "select version from timestore.manifests as parent where dataset_id = {} and expired_at is null and version < {} \
         and not exists (select 1 from timestore.snapshots as pin where pin.dataset_id = parent.dataset_id \
         and pin.version = parent.version and (pin.expires_at is null or pin.expires_at > {})) \
         order by version limit {}",
        sql.bind(head.dataset_id),
        sql.bind(first.min(head.latest_version)),
        sql.bind(now),
        VERSIONS + 1
    );
    let rows = sql.rows(connection, text).await?;
    let versions: Result<Vec<i32>, _> = rows.iter().map(|row| row.try_get_by_index(0)).collect();
    Ok(versions?)
}

/// The oldest version that can be read.
pub(super) async fn oldest_kept(
    connection: &impl ConnectionTrait,
    dataset: DatasetId,
) -> Result<Option<i32>> {
    let mut sql = Sql::new(connection);
    let text = format!(
        "select min(version) from timestore.manifests where dataset_id = {} and expired_at is null",
        sql.bind(dataset)
    );
    number(connection, sql, text).await
}

/// Marks these versions as expired `now`, and their dataset as one whose history is another.
async fn mark_in_txn(
    transaction: &Transaction,
    dataset: DatasetId,
    versions: &[i32],
    now: Timestamp,
) -> Result<()> {
    if versions.is_empty() {
        return Ok(());
    }
    for mut relation in relations(transaction, vec![("version", Column::Int(versions.to_vec()))]) {
        let (dataset, now) = (relation.sql.bind(dataset), relation.sql.bind(now));
        let text = format!(
            "update timestore.manifests set expired_at = {now} where dataset_id = {dataset} and {}",
            in_relation("version", &relation)
        );
        relation.sql.execute(transaction, text).await?;
    }
    let mut sql = Sql::new(transaction);
    let dataset = sql.bind(dataset);
    let text = format!(
        "update timestore.dataset_heads set history_revision = history_revision + 1 where dataset_id = {dataset}"
    );
    sql.execute(transaction, text).await?;
    Ok(())
}

/// The one number that a statement answers with.
async fn number(connection: &impl ConnectionTrait, sql: Sql, text: String) -> Result<Option<i32>> {
    let rows = sql.rows(connection, text).await?;
    Ok(rows.first().map_or(Ok(None), |row| row.try_get_by_index(0))?)
}
