//! Datasets and their heads.

use std::collections::HashMap;

use serde_json::Value as Json;
use timestore_entity::dataset::Model as Dataset;
use timestore_entity::dataset_head::Model as DatasetHead;
use timestore_entity::enums::{CompatibilityMode, DatasetStatus, FileFormat};
use timestore_entity::ids::DatasetId;

use super::{DatasetRef, Page, Result, Rows, Store, StorageTargetRef};
use crate::auth::Requester;

/// A dataset to create.
#[derive(Clone, Debug)]
pub struct DatasetCreate {
    pub slug: String,
    pub name: String,
    pub description: Option<String>,
    pub write_format: FileFormat,
    pub default_storage_target: Option<StorageTargetRef>,
    pub compatibility: CompatibilityMode,
    pub read_scopes: Option<Vec<String>>,
    pub write_scopes: Option<Vec<String>>,
    pub metadata: Option<Json>,
}

/// Changes to a dataset. `None` leaves a value as it is, `Some(None)` clears it.
#[derive(Clone, Debug)]
pub struct DatasetUpdate {
    pub dataset: DatasetRef,
    pub expected_revision: Option<i32>,
    pub name: Option<String>,
    pub description: Option<Option<String>>,
    pub status: Option<DatasetStatus>,
    pub default_storage_target: Option<Option<StorageTargetRef>>,
    pub compatibility: Option<CompatibilityMode>,
    pub read_scopes: Option<Option<Vec<String>>>,
    pub write_scopes: Option<Option<Vec<String>>>,
    /// Merged by top-level key; a null value deletes the key. `Some(None)` clears all.
    pub metadata: Option<Option<Json>>,
}

/// Which datasets a list holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DatasetFilter {
    /// Only those with this status.
    pub status: Option<DatasetStatus>,
    /// Archived ones too, where no status is named.
    pub include_archived: bool,
    /// Only those whose slug, name or description contains this, in any case.
    pub search: Option<String>,
    /// Only those whose default target this is.
    pub storage_target: Option<StorageTargetRef>,
}

impl Store {
    /// Creates a dataset. Creating it again with equal fields returns it.
    pub async fn dataset_create(&self, by: &Requester, input: DatasetCreate) -> Result<Dataset> { todo!() }
    /// Changes a dataset.
    pub async fn dataset_update(&self, by: &Requester, input: DatasetUpdate) -> Result<Dataset> { todo!() }
    /// Archives a dataset; archiving it again changes nothing.
    pub async fn dataset_archive(&self, by: &Requester, dataset: &DatasetRef, reason: Option<String>) -> Result<Dataset> { todo!() }
    /// The dataset that `dataset` names, if there is one.
    pub async fn dataset_find(&self, dataset: &DatasetRef) -> Result<Option<Dataset>> { todo!() }
    /// The datasets with these ids.
    pub async fn datasets_by_id(&self, ids: &[DatasetId]) -> Result<HashMap<DatasetId, Dataset>> { todo!() }
    /// The heads of these datasets.
    pub async fn dataset_heads(&self, ids: &[DatasetId]) -> Result<HashMap<DatasetId, DatasetHead>> { todo!() }
    /// A page of the datasets that `filter` lets through, by slug, ascending, or descending where asked.
    pub async fn dataset_page(&self, filter: &DatasetFilter, descending: bool, page: &Page<String>) -> Result<Rows<Dataset>> { todo!() }
    /// How many datasets `filter` lets through.
    pub async fn dataset_count(&self, filter: &DatasetFilter) -> Result<u64> { todo!() }
}
