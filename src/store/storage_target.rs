//! Storage targets: where files lie.

use std::collections::HashMap;

use serde_json::Value as Json;
use timestore_entity::enums::StorageKind;
use timestore_entity::ids::StorageTargetId;
use timestore_entity::storage_target::Model as StorageTarget;

use super::{Page, Result, Rows, Store, StorageTargetRef};
use crate::auth::Requester;

/// What a storage target should be.
#[derive(Clone, Debug)]
pub struct StorageTargetUpsert {
    /// The target to change: one with this id, else one with this name, else a new one.
    pub id: Option<StorageTargetRef>,
    /// Its name.
    pub name: String,
    /// What kind of storage it is.
    pub kind: StorageKind,
    /// The URI that file paths are relative to.
    pub base_uri: String,
    /// What people should know about it.
    pub description: Option<String>,
    /// Settings for clients; never a secret.
    pub config: Option<Json>,
}

impl Store {
    /// Creates a storage target, or brings the one with the same id or name to what is asked.
    pub async fn storage_target_upsert(&self, by: &Requester, input: StorageTargetUpsert) -> Result<StorageTarget> {
        todo!()
    }
    /// The target that `target` names, if there is one.
    pub async fn storage_target_find(&self, target: &StorageTargetRef) -> Result<Option<StorageTarget>> {
        todo!()
    }
    /// The targets with these ids.
    pub async fn storage_targets_by_id(&self, ids: &[StorageTargetId]) -> Result<HashMap<StorageTargetId, StorageTarget>> {
        todo!()
    }
    /// A page of all targets, by name.
    pub async fn storage_target_page(&self, kind: Option<StorageKind>, page: &Page<String>) -> Result<Rows<StorageTarget>> {
        todo!()
    }
    /// How many targets there are.
    pub async fn storage_target_count(&self, kind: Option<StorageKind>) -> Result<u64> {
        todo!()
    }
}
