//! Snapshots: named pins of versions.

use std::collections::HashMap;

use timestore_entity::Timestamp;
use timestore_entity::ids::{DatasetId, SnapshotId};
use timestore_entity::snapshot::Model as Snapshot;

use super::{DatasetRef, ManifestRef, Page, Result, Rows, Store};
use crate::auth::Requester;

/// A snapshot, by its key.
pub type SnapshotKey = (DatasetId, SnapshotId);

/// A snapshot to create.
#[derive(Clone, Debug)]
pub struct SnapshotCreate {
    pub dataset: DatasetRef,
    pub name: String,
    /// The version to pin; the current one where none is named.
    pub at: Option<ManifestRef>,
    pub description: Option<String>,
    pub expires_at: Option<Timestamp>,
}

impl Store {
    /// Pins a version. Creating the same snapshot again returns it.
    pub async fn snapshot_create(&self, by: &Requester, input: SnapshotCreate) -> Result<Snapshot> { todo!() }
    /// Removes a pin; returns what it was.
    pub async fn snapshot_delete(&self, by: &Requester, dataset: &DatasetRef, name: &str) -> Result<Snapshot> { todo!() }
    /// The snapshots with these keys.
    pub async fn snapshots_by_key(&self, keys: &[SnapshotKey]) -> Result<HashMap<SnapshotKey, Snapshot>> { todo!() }
    /// The same page of each dataset's snapshots, by name.
    pub async fn snapshot_pages(&self, ids: &[DatasetId], page: &Page<String>) -> Result<HashMap<DatasetId, Rows<Snapshot>>> { todo!() }
    /// How many snapshots each dataset has.
    pub async fn snapshot_counts(&self, ids: &[DatasetId]) -> Result<HashMap<DatasetId, u64>> { todo!() }
}
