//! Retention policies: what a dataset keeps, and for how long.

use std::collections::HashMap;

use sea_orm::{ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect};
use serde_json::{Value as Json, json};
use timestore_entity::enums::{ChangeKind, RetentionMode};
use timestore_entity::ids::{DatasetId, StorageTargetId};
use timestore_entity::retention_policy::{ActiveModel, Column, Entity, Model as RetentionPolicy};

use super::dataset::dataset_get_in_txn;
use super::faults::Faults;
use super::storage_target::storage_target_find_in_txn;
use super::trail::Trail;
use super::{DatasetRef, Fault, FaultKind, Result, StorageTargetRef, Store, StoreError, backend};
use crate::auth::Requester;
use crate::model::duration::IsoDuration;

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

impl Store {
    /// Sets the policy of a dataset, replacing the one it had.
    pub async fn retention_policy_set(
        &self,
        by: &Requester,
        input: RetentionPolicySet,
    ) -> Result<RetentionPolicy> {
        match self.retention_policy_set_once(by, &input).await {
            // Someone else has just set the first one; now it can be replaced.
            Err(StoreError::Database(error)) if backend::violates(&error, backend::RETENTION_POLICY) => {
                self.retention_policy_set_once(by, &input).await
            }
            result => result,
        }
    }

    async fn retention_policy_set_once(
        &self,
        by: &Requester,
        input: &RetentionPolicySet,
    ) -> Result<RetentionPolicy> {
        let transaction = self.begin().await?;
        let dataset = dataset_get_in_txn(&transaction, &input.dataset).await?;
        let before = Entity::find_by_id(dataset.id)
            .lock_exclusive()
            .one(&transaction)
            .await?;
        let revision = before.as_ref().map_or(0, |policy| policy.revision);
        let mut faults = Faults::default();
        if input
            .expected_revision
            .is_some_and(|expected| expected != revision)
        {
            let message = format!("the policy is at revision {revision}");
            faults.add(
                &["expectedRevision"],
                FaultKind::RevisionConflict { revision },
                message,
            );
        }
        check_rules(input, &mut faults);
        let cold = cold_target_in_txn(&transaction, input, &mut faults).await?;
        let metadata = faults.object(&["metadata"], input.metadata.clone());
        faults.finish()?;

        let text = |duration: &Option<IsoDuration>| duration.as_ref().map(ToString::to_string);
        let now = self.clock.now();
        let policy = RetentionPolicy {
            dataset_id: dataset.id,
            mode: input.mode,
            max_age: text(&input.max_age),
            max_total_bytes: input.max_total_bytes,
            keep_versions: input.keep_versions,
            max_version_age: text(&input.max_version_age),
            delete_grace: text(&input.delete_grace),
            cold_storage_after: text(&input.cold_storage_after),
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
        let trail = Trail {
            action: "setRetentionPolicy",
            kind: ChangeKind::RetentionPolicySet,
            dataset: Some(&dataset),
            version: None,
            detail: json!({
                "revision": policy.revision, "mode": policy.mode.as_str().to_uppercase(), "maxAge": policy.max_age,
                "maxTotalBytes": policy.max_total_bytes.map(|bytes| bytes.to_string()),
                "keepVersions": policy.keep_versions, "maxVersionAge": policy.max_version_age,
                "deleteGrace": policy.delete_grace, "coldStorageAfter": policy.cold_storage_after,
            }),
        };
        self.trail_in_txn(&transaction, by, now, trail).await?;
        transaction.commit().await?;
        Ok(policy)
    }

    /// The policies of these datasets.
    pub async fn retention_policies(&self, ids: &[DatasetId]) -> Result<HashMap<DatasetId, RetentionPolicy>> {
        let select = Entity::find().filter(Column::DatasetId.is_in(ids.iter().copied()));
        let policies = select.all(&self.reader).await?;
        Ok(policies
            .into_iter()
            .map(|policy| (policy.dataset_id, policy))
            .collect())
    }
}

fn check_rules(input: &RetentionPolicySet, faults: &mut Faults) {
    let durations = [
        ("maxAge", &input.max_age),
        ("maxVersionAge", &input.max_version_age),
        ("coldStorageAfter", &input.cold_storage_after),
    ];
    for (field, duration) in durations {
        if duration.as_ref().is_some_and(IsoDuration::is_zero) {
            faults.invalid(&[field], "expected a duration longer than zero");
        }
    }
    if input.max_total_bytes.is_some_and(|bytes| bytes <= 0) {
        faults.invalid(&["maxTotalBytes"], "expected at least 1");
    }
    if input.keep_versions.is_some_and(|versions| versions < 1) {
        faults.invalid(&["keepVersions"], "expected at least 1");
    }
}

async fn cold_target_in_txn(
    transaction: &DatabaseTransaction,
    input: &RetentionPolicySet,
    faults: &mut Faults,
) -> Result<Option<StorageTargetId>> {
    match (&input.cold_storage_after, &input.cold_storage_target) {
        (None, None) => Ok(None),
        (Some(_), None) => {
            faults.invalid(
                &["coldStorageTarget"],
                "expected a target to go with coldStorageAfter",
            );
            Ok(None)
        }
        (None, Some(_)) => {
            faults.invalid(
                &["coldStorageAfter"],
                "expected a duration to go with coldStorageTarget",
            );
            Ok(None)
        }
        (Some(_), Some(target)) => {
            let found = storage_target_find_in_txn(transaction, target).await?;
            if found.is_none() {
                faults.push(Fault::not_found(
                    &["coldStorageTarget"],
                    "expected an existing storage target",
                ));
            }
            Ok(found.map(|target| target.id))
        }
    }
}
