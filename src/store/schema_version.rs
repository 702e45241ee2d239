//! Schema versions: what the rows of a dataset look like.

use std::collections::HashMap;

use timestore_entity::ids::DatasetId;
use timestore_entity::schema_version::{Field, Model as SchemaVersion};

use super::{DatasetRef, Page, Result, Rows, Store};
use crate::auth::Requester;
use crate::model::compatibility::Compatibility;

/// A schema version, by its key.
pub type SchemaVersionKey = (DatasetId, i32);

/// Fields that a dataset should have.
#[derive(Clone, Debug)]
pub struct SchemaVersionCreate {
    pub dataset: DatasetRef,
    pub fields: Vec<Field>,
    pub description: Option<String>,
    /// Only say what would happen.
    pub dry_run: bool,
}

/// What came of fields that were offered.
#[derive(Clone, Debug)]
pub struct SchemaVersionCreated {
    /// The schema version: a new one, or the one that already has the fields. None in a dry run that would make a new one.
    pub schema_version: Option<SchemaVersion>,
    /// How the fields compare with the newest ones before; none where there were none.
    pub compatibility: Option<Compatibility>,
}

impl Store {
    /// Gives a dataset a schema version with these fields; one that has them already is reused.
    pub async fn schema_version_create(&self, by: &Requester, input: SchemaVersionCreate) -> Result<SchemaVersionCreated> { todo!() }
    /// The schema versions with these keys.
    pub async fn schema_versions_by_key(&self, keys: &[SchemaVersionKey]) -> Result<HashMap<SchemaVersionKey, SchemaVersion>> { todo!() }
    /// The newest schema version of each dataset.
    pub async fn schema_versions_latest(&self, ids: &[DatasetId]) -> Result<HashMap<DatasetId, SchemaVersion>> { todo!() }
    /// The same page of each dataset's schema versions, newest first.
    pub async fn schema_version_pages(&self, ids: &[DatasetId], page: &Page<i32>) -> Result<HashMap<DatasetId, Rows<SchemaVersion>>> { todo!() }
}
