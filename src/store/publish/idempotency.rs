//! Idempotency keys: the same key returns the first result, whether its answer arrived or not.

use sea_orm::sea_query::OnConflict;
use sea_orm::{EntityTrait, Iterable};
use serde::Serialize;
use sha2::{Digest, Sha256};
use timestore_entity::Timestamp;
use timestore_entity::dataset::Model as Dataset;
use timestore_entity::idempotency_record::{ActiveModel, Column, Entity, Model as IdempotencyRecord};
use timestore_entity::ids::DatasetId;
use timestore_entity::manifest;

use super::input::{Published, Skipped};
use crate::model::naming;
use crate::store::backend::{Batch, Transaction};
use crate::store::faults::Faults;
use crate::store::{FaultKind, Result};

/// How long a key is remembered.
const MEMORY: chrono::Duration = chrono::Duration::days(30);

/// A key, and the request that it stands for.
#[derive(Clone)]
pub(in crate::store) struct Key {
    key: String,
    operation: &'static str,
    request_hash: String,
    /// Whether it must not be there yet, not even forgotten: whoever finds it has to look.
    is_unused: bool,
}

impl Key {
    /// The key of a request, where it has one. The hash is of the coerced input, with the names of objects in order.
    pub(in crate::store) fn new(
        key: Option<String>,
        operation: &'static str,
        request: impl Serialize,
    ) -> Option<Self> {
        let key = key?;
        let request = serde_json::to_value(request).unwrap_or_default();
        let hash = Sha256::digest(request.to_string());
        let request_hash = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        Some(Self {
            key,
            operation,
            request_hash,
            is_unused: false,
        })
    }

    /// The same key, which can be remembered only if it is not there yet; adds what is wrong with it.
    pub(super) fn unused(self, faults: &mut Faults) -> Self {
        faults.check(&["idempotencyKey"], naming::idempotency_key(&self.key));
        Self {
            is_unused: true,
            ..self
        }
    }

    /// The first result, where the key was used before, for the same request. Under the lock of the head.
    pub(in crate::store) async fn replay_in_txn(
        &self,
        transaction: &Transaction,
        dataset: &Dataset,
        now: Timestamp,
        faults: &mut Faults,
    ) -> Result<Option<Published>> {
        if faults
            .check(&["idempotencyKey"], naming::idempotency_key(&self.key))
            .is_none()
        {
            return Ok(None);
        }
        let record = Entity::find_by_id((dataset.id, self.key.clone()))
            .one(transaction)
            .await?;
        let Some(record) = record.filter(|record| record.expires_at > now) else {
            return Ok(None);
        };
        if record.operation != self.operation || record.request_hash != self.request_hash {
            let message = "the key was used for another request";
            faults.add(&["idempotencyKey"], FaultKind::IdempotencyMismatch, message);
            return Ok(None);
        }
        let manifest = match record.version {
            Some(version) => {
                manifest::Entity::find_by_id((dataset.id, version))
                    .one(transaction)
                    .await?
            }
            None => None,
        };
        let skipped: Vec<Skipped> = serde_json::from_value(record.skipped).unwrap_or_default();
        Ok(Some(Published {
            dataset: dataset.clone(),
            manifest,
            head: None,
            is_new: false,
            replayed: true,
            skipped,
        }))
    }

    /// Has the key and its result remembered.
    pub(in crate::store) fn add_record(
        self,
        batch: &mut Batch,
        dataset: DatasetId,
        version: Option<i32>,
        skipped: &[Skipped],
        now: Timestamp,
    ) {
        let record = IdempotencyRecord {
            dataset_id: dataset,
            key: self.key,
            operation: self.operation.to_owned(),
            request_hash: self.request_hash,
            version,
            skipped: serde_json::to_value(skipped).unwrap_or_default(),
            created_at: now,
            expires_at: now + MEMORY,
        };
        // A forgotten key may be used again.
        let key = [Column::DatasetId, Column::Key];
        let others = Column::iter().filter(|column| !matches!(column, Column::DatasetId | Column::Key));
        let again = OnConflict::columns(key).update_columns(others).to_owned();
        let mut insertion = Entity::insert(ActiveModel::from(record));
        if !self.is_unused {
            insertion = insertion.on_conflict(again);
        }
        batch.one("the idempotency key", &insertion);
    }
}
