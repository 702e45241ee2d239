//! Retention policies: what a dataset keeps, and for how long.

mod effective;
mod rules;

use std::collections::HashMap;

use sea_orm::sea_query::LockType;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use serde_json::{Value as Json, json};
use timestore_entity::audit_event;
use timestore_entity::dataset::Model as Dataset;
use timestore_entity::enums::{AuditOutcome, ChangeKind, RetentionMode};
use timestore_entity::ids::DatasetId;
use timestore_entity::retention_policy::{ActiveModel, Entity, Model as RetentionPolicy};

use super::dataset::dataset_lock_in_txn;
use super::faults::Faults;
use super::keyed::rows_by;
use super::trail::Trail;
use super::{DatasetRef, FaultKind, Result, StorageTargetRef, Store, StoreError};
use crate::auth::Requester;
use crate::model::duration::IsoDuration;
use crate::store::backend::Transaction;
pub use effective::{EffectivePolicy, PolicySource};
use rules::{check_rules, cold_target_in_txn};

/// The mutation that deletes a policy, as the audit trail calls it.
const CLEAR: &str = "clearRetentionPolicy";

/// A whole policy: what is none is not a rule.
#[derive(Clone, Debug)]
pub struct RetentionPolicySet {
    /// The dataset.
    pub dataset: DatasetRef,
    /// The revision that the caller has seen; 0: the dataset has no policy yet.
    pub expected_revision: Option<i32>,
    /// What decides that a file may go.
    pub mode: RetentionMode,
    /// Files whose latest row is older go.
    pub max_age: Option<IsoDuration>,
    /// The oldest files go until the rest is no larger than this.
    pub max_total_bytes: Option<i64>,
    /// So many of the newest versions are kept.
    pub keep_versions: Option<i32>,
    /// Versions older than this may expire.
    pub max_version_age: Option<IsoDuration>,
    /// How long a file that no version needs stays on its target.
    pub delete_grace: Option<IsoDuration>,
    /// Files whose latest row is older move to the cold target.
    pub cold_storage_after: Option<IsoDuration>,
    /// The cold target.
    pub cold_storage_target: Option<StorageTargetRef>,
    /// Free metadata, an object.
    pub metadata: Option<Json>,
}

/// The policy of a dataset that is to be deleted.
#[derive(Clone, Debug)]
pub struct RetentionPolicyClear {
    /// The dataset.
    pub dataset: DatasetRef,
    /// The revision that the caller has seen; 0: the dataset has no policy.
    pub expected_revision: Option<i32>,
}

impl Store {
    /// Sets the policy of a dataset, replacing the one it had.
    ///
    /// Its revision is one more than that of the policy before, whether that is still there or was cleared, so that a revision
    /// names the same policy for ever: who expects a revision from before a clearing is refused. The audit trail remembers the
    /// revisions that were cleared.
    pub async fn retention_policy_set(
        &self,
        by: &Requester,
        input: RetentionPolicySet,
    ) -> Result<RetentionPolicy> {
        let transaction = self.begin().await?;
        let dataset = policy_lock_in_txn(&transaction, by, &input.dataset).await?;
        let before = Entity::find_by_id(dataset.id).one(&transaction).await?;
        let mut faults = Faults::default();
        check_revision(before.as_ref(), input.expected_revision, &mut faults);
        check_rules(&input, &mut faults);
        let cold = cold_target_in_txn(&transaction, by, &dataset, &input, &mut faults).await?;
        let metadata = faults.object(&["metadata"], input.metadata);
        faults.finish()?;

        let revision = match &before {
            Some(before) => before.revision,
            None => cleared_revision_in_txn(&transaction, dataset.id).await?,
        };
        let text = |duration: Option<IsoDuration>| duration.map(|duration| duration.to_string());
        let now = self.clock.now();
        let policy = RetentionPolicy {
            dataset_id: dataset.id,
            mode: input.mode,
            max_age: text(input.max_age),
            max_total_bytes: input.max_total_bytes,
            keep_versions: input.keep_versions,
            max_version_age: text(input.max_version_age),
            delete_grace: text(input.delete_grace),
            cold_storage_after: text(input.cold_storage_after),
            cold_storage_target_id: cold,
            metadata,
            revision: revision + 1,
            updated_at: now,
            updated_by: by.subject.clone(),
        };
        let row = ActiveModel::from(policy.clone());
        match before {
            Some(_) => drop(row.reset_all().update(&transaction).await?),
            None => drop(Entity::insert(row).exec_without_returning(&transaction).await?),
        }
        let trail = trail(
            "setRetentionPolicy",
            ChangeKind::RetentionPolicySet,
            &dataset,
            &policy,
        );
        self.trail_in_txn(&transaction, by, now, trail).await?;
        transaction.commit().await?;
        Ok(policy)
    }

    /// Deletes the policy of a dataset; returns the dataset, and the policy as it was. Where there is none, nothing changes.
    pub async fn retention_policy_clear(
        &self,
        by: &Requester,
        input: RetentionPolicyClear,
    ) -> Result<(Dataset, Option<RetentionPolicy>)> {
        let transaction = self.begin().await?;
        let dataset = policy_lock_in_txn(&transaction, by, &input.dataset).await?;
        let before = Entity::find_by_id(dataset.id).one(&transaction).await?;
        let mut faults = Faults::default();
        check_revision(before.as_ref(), input.expected_revision, &mut faults);
        faults.finish()?;
        let Some(policy) = before else {
            return Ok((dataset, None));
        };
        let deleted = Entity::delete_by_id(dataset.id).exec(&transaction).await?;
        if deleted.rows_affected != 1 {
            return Err(StoreError::Inconsistent(format!(
                "the retention policy of dataset {} went while the dataset was locked",
                dataset.id
            )));
        }
        let trail = trail(CLEAR, ChangeKind::RetentionPolicyCleared, &dataset, &policy);
        self.trail_in_txn(&transaction, by, self.clock.now(), trail)
            .await?;
        transaction.commit().await?;
        Ok((dataset, Some(policy)))
    }

    /// The policies of these datasets.
    pub async fn retention_policies(&self, ids: &[DatasetId]) -> Result<HashMap<DatasetId, RetentionPolicy>> {
        let policies: Vec<RetentionPolicy> = rows_by(
            &self.reader,
            "retention_policies",
            "dataset_id",
            ids.iter().map(|id| id.0),
        )
        .await?;
        Ok(policies
            .into_iter()
            .map(|policy| (policy.dataset_id, policy))
            .collect())
    }
}

/// The dataset that is named, locked until the end of the transaction: whoever sets or clears its policy queues here, whether it
/// has one or not. Publishers do not notice.
async fn policy_lock_in_txn(
    transaction: &Transaction,
    by: &Requester,
    dataset: &DatasetRef,
) -> Result<Dataset> {
    dataset_lock_in_txn(transaction, by, dataset, LockType::NoKeyUpdate).await
}

fn check_revision(policy: Option<&RetentionPolicy>, expected: Option<i32>, faults: &mut Faults) {
    let revision = policy.map_or(0, |policy| policy.revision);
    if expected.is_some_and(|expected| expected != revision) {
        let message = match policy {
            Some(_) => format!("the policy is at revision {revision}"),
            None => "the dataset has no policy, which is revision 0".to_owned(),
        };
        faults.add(
            &["expectedRevision"],
            FaultKind::RevisionConflict { revision },
            message,
        );
    }
}

/// The last revision of the policies of a dataset that were cleared; 0 where none was.
async fn cleared_revision_in_txn(transaction: &Transaction, id: DatasetId) -> Result<i32> {
    let cleared: Vec<Json> = audit_event::Entity::find()
        .select_only()
        .column(audit_event::Column::Detail)
        .filter(audit_event::Column::DatasetId.eq(id))
        .filter(audit_event::Column::Action.eq(CLEAR))
        .filter(audit_event::Column::Outcome.eq(AuditOutcome::Success))
        .into_tuple()
        .all(transaction)
        .await?;
    // The highest one rather than the newest: the clocks of gateways differ.
    let mut highest = 0;
    for detail in cleared {
        let revision = detail["revision"]
            .as_i64()
            .and_then(|revision| revision.try_into().ok());
        let revision: i32 = revision.ok_or_else(|| {
            StoreError::Inconsistent(format!("a cleared policy of dataset {id} has no revision"))
        })?;
        highest = highest.max(revision);
    }
    Ok(highest)
}

fn trail<'a>(
    action: &'static str,
    kind: ChangeKind,
    dataset: &'a Dataset,
    policy: &RetentionPolicy,
) -> Trail<'a> {
    let detail = json!({
        "revision": policy.revision, "mode": policy.mode.as_str().to_uppercase(), "maxAge": policy.max_age,
        "maxTotalBytes": policy.max_total_bytes.map(|bytes| bytes.to_string()),
        "keepVersions": policy.keep_versions, "maxVersionAge": policy.max_version_age,
        "deleteGrace": policy.delete_grace, "coldStorageAfter": policy.cold_storage_after,
        "coldStorageTarget": policy.cold_storage_target_id, "metadata": policy.metadata,
    });
    Trail {
        action,
        kind,
        dataset: Some(dataset),
        version: None,
        detail,
    }
}
