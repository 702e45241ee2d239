//! Table `schema_versions`: what the rows of a dataset look like, and since when.

use sea_orm::FromJsonQueryResult;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::enums::FieldType;
use crate::ids::DatasetId;

/// One version of a dataset's fields.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "timestore", table_name = "schema_versions")]
pub struct Model {
    /// The dataset.
    #[sea_orm(primary_key, auto_increment = false)]
    pub dataset_id: DatasetId,
    /// Counts from 1 within the dataset, without gaps.
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i32,
    /// The fields, in the order in which they were declared.
    pub fields: Fields,
    /// What people should know about it.
    pub description: Option<String>,
    /// SHA-256, in hexadecimal, over the fields sorted by name; unique within the dataset.
    pub checksum: String,
    /// Who created it.
    pub created_by: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// The fields of a schema version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(transparent)]
pub struct Fields(pub Vec<Field>);

/// A column of the rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name, unique within the schema version.
    pub name: String,
    /// Its type.
    pub r#type: FieldType,
    /// The type as the files spell it, such as `DECIMAL(18,2)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native_type: Option<String>,
    /// Whether a row may lack a value.
    pub nullable: bool,
    /// What people should know about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The unit of its values, such as `°C`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// Relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
