//! Table `dataset_heads`: the one row that publishers of a dataset queue on. It hands out version numbers and keeps the
//! totals of the newest version.

use sea_orm::FromJsonQueryResult;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::ids::DatasetId;

/// Where a dataset stands.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(schema_name = "timestore", table_name = "dataset_heads")]
pub struct Model {
    /// The dataset.
    #[sea_orm(primary_key, auto_increment = false)]
    pub dataset_id: DatasetId,
    /// The newest version; 0 before the first.
    pub latest_version: i32,
    /// The newest schema version; 0 before the first.
    pub latest_schema_version: i32,
    /// Live files.
    pub partition_count: i32,
    /// Rows of the live files.
    pub total_rows: i64,
    /// Bytes of the live files.
    pub total_bytes: i64,
    /// The earliest start among the live files.
    pub start_time: Option<Timestamp>,
    /// The latest end among the live files.
    pub end_time: Option<Timestamp>,
    /// Bit c is set when a file of span class c was ever published.
    pub span_classes: i64,
    /// When the newest version was published; strictly increases.
    pub last_published_at: Option<Timestamp>,
    /// Counts how often versions have expired.
    pub history_revision: i32,
    /// The names that the partition keys of all files that were ever published have, and no others, where all their values are texts;
    /// null where there is no such list, and before the first file.
    pub key_names: Option<KeyNames>,
}

/// Names of the values of partition keys, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(transparent)]
pub struct KeyNames(pub Vec<String>);

/// Relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The dataset.
    #[sea_orm(
        belongs_to = "super::dataset::Entity",
        from = "Column::DatasetId",
        to = "super::dataset::Column::Id"
    )]
    Dataset,
}

impl Related<super::dataset::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Dataset.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
