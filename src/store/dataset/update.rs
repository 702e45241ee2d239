//! Datasets, changed and archived. Publishing never comes here.

use sea_orm::ActiveValue::NotSet;
use sea_orm::{ActiveModelTrait, EntityTrait, QuerySelect};
use serde_json::{Value as Json, json};
use timestore_entity::Timestamp;
use timestore_entity::dataset::{ActiveModel, Entity, Model as Dataset};
use timestore_entity::enums::{ChangeKind, CompatibilityMode, DatasetStatus, FileFormat};
use timestore_entity::ids::DatasetId;

use super::fields::{changed, check_description, check_scopes, target_id_in_txn};
use super::{dataset_find_to_write_in_txn, dataset_not_found};
use crate::auth::{Requester, Scope};
use crate::model::naming;
use crate::store::access::check_holds;
use crate::store::backend::Transaction;
use crate::store::faults::Faults;
use crate::store::trail::Trail;
use crate::store::{DatasetRef, FaultKind, Result, StorageTargetRef, Store};

/// Changes to a dataset. `None` leaves a value as it is, `Some(None)` clears it.
#[derive(Clone, Debug)]
pub struct DatasetUpdate {
    /// The dataset.
    pub dataset: DatasetRef,
    /// The revision that the caller has seen.
    pub expected_revision: Option<i32>,
    /// Its display name.
    pub name: Option<String>,
    /// What people should know about it.
    pub description: Option<Option<String>>,
    /// Whether it takes publishes.
    pub status: Option<DatasetStatus>,
    /// The target of partitions that name none.
    pub default_storage_target: Option<Option<StorageTargetRef>>,
    /// Which changes of the fields it accepts.
    pub compatibility: Option<CompatibilityMode>,
    /// Scopes that may read it.
    pub read_scopes: Option<Option<Vec<String>>>,
    /// Scopes that may write it.
    pub write_scopes: Option<Option<Vec<String>>>,
    /// Merged by top-level key; a null value deletes the key. `Some(None)` clears all.
    pub metadata: Option<Option<Json>>,
}

impl Store {
    /// Changes a dataset. What is already as asked makes no new revision.
    pub async fn dataset_update(&self, by: &Requester, input: DatasetUpdate) -> Result<Dataset> {
        if input.read_scopes.is_some() || input.write_scopes.is_some() {
            check_holds(by, Scope::Admin)?;
        }
        let transaction = self.begin().await?;
        let Some(before) = lock_in_txn(&transaction, by, &input.dataset).await? else {
            let mut faults = Faults::default();
            faults.push(dataset_not_found(&input.dataset));
            updated_in_txn(
                &transaction,
                by,
                &unknown(),
                DatasetUpdate {
                    expected_revision: None,
                    ..input
                },
                &mut faults,
            )
            .await?;
            return Err(faults.into_inner().into());
        };
        let mut faults = Faults::default();
        let after = updated_in_txn(&transaction, by, &before, input, &mut faults).await?;
        faults.finish()?;
        self.save_in_txn(
            transaction,
            by,
            before,
            after,
            "updateDataset",
            ChangeKind::DatasetUpdated,
        )
        .await
    }

    /// Archives a dataset; archiving it again changes nothing.
    pub async fn dataset_archive(
        &self,
        by: &Requester,
        dataset: &DatasetRef,
        reason: Option<String>,
    ) -> Result<Dataset> {
        let mut faults = Faults::default();
        if let Some(reason) = &reason {
            faults.check(&["reason"], naming::description(reason));
        }
        faults.finish()?;
        let transaction = self.begin().await?;
        let before = lock_in_txn(&transaction, by, dataset)
            .await?
            .ok_or_else(|| dataset_not_found(dataset))?;
        if before.status == DatasetStatus::Inactive {
            return Ok(before);
        }
        let after = Dataset {
            status: DatasetStatus::Inactive,
            archive_reason: reason,
            ..before.clone()
        };
        self.save_in_txn(
            transaction,
            by,
            before,
            after,
            "archiveDataset",
            ChangeKind::DatasetArchived,
        )
        .await
    }

    /// Writes `after` over `before`, as its next revision, with its trail, and commits.
    async fn save_in_txn(
        &self,
        transaction: Transaction,
        by: &Requester,
        before: Dataset,
        mut after: Dataset,
        action: &'static str,
        kind: ChangeKind,
    ) -> Result<Dataset> {
        if after == before {
            return Ok(before);
        }
        let now: Timestamp = self.clock.now().max(before.updated_at);
        after.revision += 1;
        after.updated_at = now;
        let detail = json!({ "slug": after.slug, "revision": after.revision, "changed": changed(&before, &after),
            "reason": after.archive_reason });
        let row = ActiveModel {
            slug: NotSet,
            created_at: NotSet,
            ..ActiveModel::from(after.clone()).reset_all()
        };
        row.update(&transaction).await?;
        let trail = Trail {
            action,
            kind,
            dataset: Some(&after),
            version: None,
            detail,
        };
        self.trail_in_txn(&transaction, by, now, trail).await?;
        transaction.commit().await?;
        Ok(after)
    }
}

/// The dataset that is named, locked until the end of the transaction.
async fn lock_in_txn(
    transaction: &Transaction,
    by: &Requester,
    dataset: &DatasetRef,
) -> Result<Option<Dataset>> {
    match dataset_find_to_write_in_txn(transaction, by, dataset).await? {
        Some(found) => Ok(Entity::find_by_id(found.id)
            .lock_exclusive()
            .one(transaction)
            .await?),
        None => Ok(None),
    }
}

/// `before` with the changes of `input`; adds what is wrong with them.
async fn updated_in_txn(
    transaction: &Transaction,
    by: &Requester,
    before: &Dataset,
    input: DatasetUpdate,
    faults: &mut Faults,
) -> Result<Dataset> {
    let mut after = before.clone();
    if input
        .expected_revision
        .is_some_and(|expected| expected != before.revision)
    {
        let kind = FaultKind::RevisionConflict {
            revision: before.revision,
        };
        faults.add(
            &["expectedRevision"],
            kind,
            format!("the dataset is at revision {}", before.revision),
        );
    }
    if let Some(name) = &input.name {
        after.name = faults
            .check(&["name"], naming::display_name(name))
            .unwrap_or_default();
    }
    if let Some(description) = input.description {
        check_description(faults, description.as_deref());
        after.description = description;
    }
    if let Some(status) = input.status {
        after.status = status;
        if status == DatasetStatus::Active {
            after.archive_reason = None;
        }
    }
    if let Some(target) = input.default_storage_target {
        after.default_storage_target_id =
            target_id_in_txn(transaction, by, Some(before), target.as_ref(), faults).await?;
    }
    if let Some(compatibility) = input.compatibility {
        after.compatibility = compatibility;
    }
    if let Some(scopes) = input.read_scopes {
        check_scopes(faults, "readScopes", scopes.as_deref());
        after.read_scopes = scopes.map(|scopes| json!(scopes));
    }
    if let Some(scopes) = input.write_scopes {
        check_scopes(faults, "writeScopes", scopes.as_deref());
        after.write_scopes = scopes.map(|scopes| json!(scopes));
    }
    if let Some(metadata) = input.metadata {
        after.metadata = faults.object(
            &["metadata"],
            metadata.map(|changes| merged(&before.metadata, changes)),
        );
    }
    Ok(after)
}

/// Stands in for a dataset that is not there, so that what else is wrong with a request can be said too.
fn unknown() -> Dataset {
    Dataset {
        id: DatasetId(uuid::Uuid::nil()),
        slug: String::new(),
        name: String::new(),
        description: None,
        status: DatasetStatus::Active,
        write_format: FileFormat::Parquet,
        default_storage_target_id: None,
        compatibility: CompatibilityMode::Additive,
        read_scopes: None,
        write_scopes: None,
        metadata: json!({}),
        revision: 0,
        archive_reason: None,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    }
}

/// `changes` laid over `base` by top-level key; null deletes the key. What is no object replaces all, to be refused later.
fn merged(base: &Json, changes: Json) -> Json {
    let (Json::Object(base), Json::Object(changes)) = (base, &changes) else {
        return changes;
    };
    let mut merged = base.clone();
    for (key, value) in changes {
        if value.is_null() {
            merged.remove(key);
        } else {
            merged.insert(key.clone(), value.clone());
        }
    }
    Json::Object(merged)
}
