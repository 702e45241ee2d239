//! How callers name things, and what they say about files and fields.

use async_graphql::{ID, InputObject, OneofObject};
use serde::Deserialize;
use timestore_entity::Timestamp;
use timestore_entity::schema_version::Field;

use super::enums::FieldType;
use super::error::{Error, Result};
use super::id::GlobalId;
use super::scalar::DateTime;
use crate::store;

/// Names a dataset.
#[derive(Clone, Debug, OneofObject)]
#[graphql(name = "DatasetRef")]
pub enum DatasetRefInput {
    /// By its global id.
    Id(ID),
    /// By its slug, in any case.
    Slug(String),
}

impl DatasetRefInput {
    /// What the store calls it. A text that cannot be an id or a slug names nothing.
    pub fn into_store(self) -> store::DatasetRef {
        match self {
            Self::Id(id) => GlobalId::dataset(&id),
            Self::Slug(slug) => store::DatasetRef::Slug(slug),
        }
    }
}

/// Names a storage target.
#[derive(Clone, Debug, PartialEq, OneofObject, Deserialize)]
#[graphql(name = "StorageTargetRef")]
#[serde(rename_all = "camelCase")]
pub enum StorageTargetRefInput {
    /// By its global id.
    Id(ID),
    /// By its name.
    Name(String),
}

impl StorageTargetRefInput {
    /// What the store calls it. A text that cannot be an id or a name names nothing.
    pub fn into_store(self) -> store::StorageTargetRef {
        match self {
            Self::Id(id) => GlobalId::storage_target(&id),
            Self::Name(name) if is_text(&name) => store::StorageTargetRef::Name(name),
            Self::Name(name) => store::StorageTargetRef::Unknown(name),
        }
    }
}

/// Names a version of a dataset.
#[derive(Clone, Debug, OneofObject)]
#[graphql(name = "ManifestRef")]
pub enum ManifestRefInput {
    /// By its number.
    Version(i32),
    /// The newest one published at or before an instant; none when that lies before the first.
    AsOf(DateTime),
    /// The one that the snapshot with this name pins.
    Snapshot(String),
}

impl ManifestRefInput {
    /// What the store calls it.
    pub fn into_store(self) -> store::ManifestRef {
        match self {
            Self::Version(version) => store::ManifestRef::Version(version),
            Self::AsOf(instant) => store::ManifestRef::AsOf(instant.0),
            Self::Snapshot(name) => store::ManifestRef::Snapshot(name),
        }
    }
}

/// Names a file of a dataset.
#[derive(Clone, Debug, OneofObject)]
#[graphql(name = "PartitionRef")]
pub enum PartitionRefInput {
    /// By the global id of its partition.
    Id(ID),
    /// By where it lies.
    Path(PartitionPathInput),
}

impl PartitionRefInput {
    /// What the store calls it. A text that is no partition's id names nothing.
    pub fn into_store(self) -> store::PartitionRef {
        match self {
            Self::Id(id) => GlobalId::partition(&id),
            Self::Path(path) => store::PartitionRef::Path {
                storage_target: path.storage_target.map(StorageTargetRefInput::into_store),
                file_path: path.file_path,
            },
        }
    }
}

/// Where a file lies.
#[derive(Clone, Debug, InputObject)]
#[graphql(name = "PartitionPath")]
pub struct PartitionPathInput {
    /// The storage target; the dataset's default when omitted.
    pub storage_target: Option<StorageTargetRefInput>,
    /// The path of the file, relative to the target's base URI.
    pub file_path: String,
}

/// Names what the rows of files look like.
#[derive(Clone, Debug, OneofObject)]
#[graphql(name = "SchemaRef")]
pub enum SchemaRefInput {
    /// A schema version of the dataset, by its number.
    Version(i32),
    /// The fields themselves. The schema version that has them is used; where there is none, one is made, if the dataset's
    /// compatibility mode allows the change.
    Fields(Vec<FieldInput>),
}

impl SchemaRefInput {
    /// What the store calls it.
    pub fn into_store(self) -> store::SchemaRef {
        match self {
            Self::Version(version) => store::SchemaRef::Version(version),
            Self::Fields(fields) => {
                store::SchemaRef::Fields(fields.into_iter().map(FieldInput::into_store).collect())
            }
        }
    }
}

/// A column of the rows.
#[derive(Clone, Debug, InputObject)]
pub struct FieldInput {
    /// Its name, unique among the fields.
    pub name: String,
    /// Its type.
    #[graphql(name = "type")]
    pub field_type: FieldType,
    /// The type as the files spell it, such as `DECIMAL(18,2)`.
    pub native_type: Option<String>,
    /// Whether a row may lack a value; true when omitted.
    pub nullable: Option<bool>,
    /// What people should know about it.
    pub description: Option<String>,
    /// The unit of its values, such as `°C`.
    pub unit: Option<String>,
}

impl FieldInput {
    /// The field as it is stored.
    pub fn into_store(self) -> Field {
        Field {
            name: self.name,
            r#type: self.field_type.into(),
            native_type: self.native_type,
            nullable: self.nullable.unwrap_or(true),
            description: self.description,
            unit: self.unit,
        }
    }
}

/// A stretch of time, closed on both sides: a row at either end is in it.
#[derive(Clone, Copy, Debug, InputObject)]
pub struct TimeWindow {
    /// Where it begins.
    pub from: DateTime,
    /// Where it ends; not before it begins.
    pub to: DateTime,
}

impl TimeWindow {
    /// Its two ends, in order.
    pub fn bounds(self) -> Result<(Timestamp, Timestamp)> {
        let (from, to) = (self.from.0, self.to.0);
        if to < from {
            return Err(Error::bad_input(
                &["window"],
                "expected a window that does not end before it begins",
            ));
        }
        Ok((from, to))
    }
}

/// Whether the database can hold a text: a NUL character fits in neither.
pub fn is_text(text: &str) -> bool {
    !text.contains('\0')
}
