//! Snapshots: named pins of versions.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;
use timestore_entity::Timestamp;
use timestore_entity::dataset::Model as Dataset;
use timestore_entity::enums::ChangeKind;
use timestore_entity::ids::{DatasetId, SnapshotId};
use timestore_entity::manifest::Model as Manifest;
use timestore_entity::snapshot::{ActiveModel, Column, Entity, Model as Snapshot};

use super::dataset::dataset_get_with_head_lock_in_txn;
use super::faults::Faults;
use super::keyed::{DatasetList, pages_by_dataset, rows_by_id};
use super::manifest::manifests_resolve_in_txn;
use super::trail::Trail;
use super::{Columns, DatasetRef, Fault, FaultKind, ManifestRef, Page, Result, Rows, Store};
use crate::auth::Requester;
use crate::model::naming;
use crate::store::backend::Transaction;

/// A snapshot, by its key.
pub type SnapshotKey = (DatasetId, SnapshotId);

/// A snapshot to create.
#[derive(Clone, Debug)]
pub struct SnapshotCreate {
    /// The dataset.
    pub dataset: DatasetRef,
    /// Its name, unique within the dataset.
    pub name: String,
    /// The version to pin; the current one where none is named.
    pub at: Option<ManifestRef>,
    /// What people should know about it.
    pub description: Option<String>,
    /// When it stops pinning.
    pub expires_at: Option<Timestamp>,
}

impl Store {
    /// Pins a version. Creating the same snapshot again returns it.
    pub async fn snapshot_create(&self, by: &Requester, input: SnapshotCreate) -> Result<Snapshot> {
        let transaction = self.begin().await?;
        // Under the lock of the head, history cannot expire meanwhile.
        let (dataset, head) = dataset_get_with_head_lock_in_txn(&transaction, by, &input.dataset).await?;
        let now = self.clock.now();
        let mut faults = Faults::default();
        let name = faults
            .check(&["name"], naming::snapshot_name(&input.name))
            .unwrap_or_default();
        if let Some(description) = &input.description {
            faults.check(&["description"], naming::description(description));
        }
        if let Some(expires_at) = input.expires_at {
            faults.check(&["expiresAt"], naming::time(expires_at));
            if expires_at <= now {
                faults.invalid(&["expiresAt"], "expected an instant in the future");
            }
        }
        let at = input.at.unwrap_or(ManifestRef::Version(head.latest_version));
        let manifest = pinned_in_txn(&transaction, dataset.id, at, &mut faults).await?;
        let existing = Entity::find()
            .filter(Column::DatasetId.eq(dataset.id))
            .filter(Column::Name.eq(&name));
        let existing = if faults.is_empty() {
            existing.one(&transaction).await?
        } else {
            None
        };
        if let (Some(existing), Some(manifest)) = (&existing, &manifest) {
            let asked = (manifest.version, &input.description, input.expires_at);
            if (existing.version, &existing.description, existing.expires_at) == asked {
                return Ok(existing.clone());
            }
            let message = format!("the snapshot exists; it pins version {}", existing.version);
            faults.add(&["name"], FaultKind::AlreadyExists, message);
        }
        faults.finish()?;
        let snapshot = Snapshot {
            dataset_id: dataset.id,
            id: SnapshotId(self.clock.id()),
            name,
            version: manifest.map_or(0, |manifest| manifest.version),
            description: input.description,
            created_by: by.subject.clone(),
            created_at: now,
            expires_at: input.expires_at,
        };
        Entity::insert(ActiveModel::from(snapshot.clone()))
            .exec_without_returning(&transaction)
            .await?;
        let trail = trail("createSnapshot", ChangeKind::SnapshotCreated, &dataset, &snapshot);
        self.trail_in_txn(&transaction, by, now, trail).await?;
        transaction.commit().await?;
        Ok(snapshot)
    }

    /// Removes a pin; returns what it was.
    pub async fn snapshot_delete(
        &self,
        by: &Requester,
        dataset: &DatasetRef,
        name: &str,
    ) -> Result<Snapshot> {
        let transaction = self.begin().await?;
        let (dataset, _) = dataset_get_with_head_lock_in_txn(&transaction, by, dataset).await?;
        let not_found = || {
            Fault::not_found(
                &["name"],
                "expected the name of an existing snapshot of the dataset",
            )
        };
        let name = naming::snapshot_name(name).map_err(|_| not_found())?;
        let found = Entity::find()
            .filter(Column::DatasetId.eq(dataset.id))
            .filter(Column::Name.eq(name));
        let snapshot = found.one(&transaction).await?.ok_or_else(not_found)?;
        let deleted = Entity::delete_by_id((snapshot.dataset_id, snapshot.id))
            .exec(&transaction)
            .await?;
        if deleted.rows_affected != 1 {
            return Err(not_found().into());
        }
        let trail = trail("deleteSnapshot", ChangeKind::SnapshotDeleted, &dataset, &snapshot);
        self.trail_in_txn(&transaction, by, self.clock.now(), trail)
            .await?;
        transaction.commit().await?;
        Ok(snapshot)
    }

    /// The snapshots with these keys.
    pub async fn snapshots_by_key(&self, keys: &[SnapshotKey]) -> Result<HashMap<SnapshotKey, Snapshot>> {
        let keys = keys.iter().map(|(dataset, id)| (*dataset, id.0));
        let rows: Vec<Snapshot> = rows_by_id(&self.reader, "snapshots", keys).await?;
        Ok(rows
            .into_iter()
            .map(|row| ((row.dataset_id, row.id), row))
            .collect())
    }

    /// The same page of each dataset's snapshots, by name.
    pub async fn snapshot_pages(
        &self,
        ids: &[DatasetId],
        page: &Page<String>,
    ) -> Result<HashMap<DatasetId, Rows<Snapshot>>> {
        let list = DatasetList {
            table: "snapshots",
            key: "name",
            descending: false,
        };
        pages_by_dataset(&self.reader, &list, ids, page, Columns::ALL, |row: &Snapshot| {
            (row.dataset_id, row.name.clone())
        })
        .await
    }

    /// How many snapshots each dataset has.
    pub async fn snapshot_counts(&self, ids: &[DatasetId]) -> Result<HashMap<DatasetId, u64>> {
        super::keyed::counts_by_dataset(&self.reader, "snapshots", ids).await
    }
}

async fn pinned_in_txn(
    transaction: &Transaction,
    id: DatasetId,
    at: ManifestRef,
    faults: &mut Faults,
) -> Result<Option<Manifest>> {
    let found = manifests_resolve_in_txn(transaction, &[(id, at.clone())])
        .await?
        .remove(&(id, at));
    match &found {
        None => faults.push(Fault::not_found(
            &["at"],
            "expected a published version of the dataset",
        )),
        Some(manifest) if manifest.expired_at.is_some() => {
            faults.invalid(&["at"], format!("version {} has expired", manifest.version));
        }
        Some(_) => {}
    }
    Ok(found)
}

fn trail<'a>(action: &'static str, kind: ChangeKind, dataset: &'a Dataset, snapshot: &Snapshot) -> Trail<'a> {
    let detail =
        json!({ "snapshot": snapshot.name, "version": snapshot.version, "expiresAt": snapshot.expires_at });
    Trail {
        action,
        kind,
        dataset: Some(dataset),
        version: None,
        detail,
    }
}
