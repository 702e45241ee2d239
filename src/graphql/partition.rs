//! Partitions: the files.

use std::sync::Arc;

use async_graphql::parser::types::Field;
use async_graphql::{Context, ID, Object};
use timestore_entity::partition::Model;

use super::context::ContextExt;
use super::dataset::Dataset;
use super::enums::FileFormat;
use super::error::Result;
use super::id::GlobalId;
use super::keys::{DatasetById, ManifestByKey, SchemaVersionByKey, StorageTargetById};
use super::manifest::Manifest;
use super::plain::json::JsonWriter;
use super::plain::{Missing, Plain, Planner, Step};
use super::scalar::{BigInt, DateTime, Json};
use super::schema_version::SchemaVersion;
use super::selected::column_of;
use super::storage_target::StorageTarget;
use crate::model::naming::join_uri;
use crate::store::Columns;

/// An immutable file of rows. On a page, it has the columns that the page was [read with](Partition::columns_of).
#[derive(Clone, Debug, PartialEq)]
pub struct Partition {
    /// The file.
    pub model: Model,
}

impl From<Model> for Partition {
    fn from(model: Model) -> Self {
        Self { model }
    }
}

impl Partition {
    /// The columns that are always read.
    pub const FEWEST: Columns = Columns::named::<Model>(&[]);

    /// The one column that changes when a later version is published.
    pub const REMOVED: Columns = Columns::named::<Model>(&["removed_version"]);

    fn global_id(&self) -> GlobalId {
        GlobalId::Partition(self.model.dataset_id, self.model.id)
    }

    async fn storage_target(&self, ctx: &Context<'_>) -> Result<Arc<StorageTarget>> {
        ctx.loaders().expect(self.lies_on()).await
    }

    fn lies_on(&self) -> StorageTargetById {
        StorageTargetById(self.model.storage_target_id)
    }

    /// The columns that a field is made of.
    pub fn columns_of(field: &str) -> Columns {
        match field {
            "__typename" | "dataset" => Self::FEWEST,
            "storageTarget" => const { Columns::named::<Model>(&["storage_target_id"]) },
            "uri" => const { Columns::named::<Model>(&["storage_target_id", "file_path"]) },
            "addedIn" => const { Columns::named::<Model>(&["added_version"]) },
            "removedIn" => Self::REMOVED,
            field => column_of::<Model>(field),
        }
    }
}

impl Plain for Partition {
    fn step<'p>(field: &'p Field, planner: &Planner<'p>) -> Option<Step<'p, Self>>
    where
        Self: 'p,
    {
        Some(Step::Scalar(match field.name.node.as_str() {
            "id" => |file, json| json.id(file.global_id()),
            "filePath" => |file, json| json.text(&file.model.file_path),
            "fileFormat" => |file, json| json.one_of(FileFormat::from(file.model.file_format)),
            "fileSizeBytes" => |file, json| json.big_int(file.model.file_size_bytes),
            "rowCount" => |file, json| json.big_int(file.model.row_count),
            "startTime" => |file, json| json.instant(file.model.start_time),
            "endTime" => |file, json| json.instant(file.model.end_time),
            "partitionKey" => |file, json| json.json(&file.model.partition_key),
            "checksum" => |file, json| json.optional(file.model.checksum.as_deref(), JsonWriter::text),
            "ingestionSignature" => |file, json| json.value(&file.model.ingestion_signature),
            "metadata" => |file, json| json.json(&file.model.metadata),
            "storageTarget" => {
                return planner.found(field, Missing::IsFault, |file| Some(Self::lies_on(file)));
            }
            "uri" => {
                return Some(
                    planner.scalar_of(Self::lies_on, |file, target: &StorageTarget, json| {
                        json.value(&join_uri(&target.0.base_uri, &file.model.file_path));
                    }),
                );
            }
            _ => return None,
        }))
    }
}

/// An immutable file of rows.
#[Object]
impl Partition {
    /// The global id.
    pub async fn id(&self) -> ID {
        self.global_id().encode()
    }

    /// The dataset.
    async fn dataset(&self, ctx: &Context<'_>) -> Result<Arc<Dataset>> {
        ctx.loaders().expect(DatasetById(self.model.dataset_id)).await
    }

    /// Where it lies.
    #[graphql(name = "storageTarget")]
    async fn storage_target_field(&self, ctx: &Context<'_>) -> Result<Arc<StorageTarget>> {
        self.storage_target(ctx).await
    }

    /// Its path, relative to the storage target's base URI.
    async fn file_path(&self) -> &str {
        &self.model.file_path
    }

    /// Where to read it: the storage target's base URI and the path, percent-encoded where the base is a URL. Follows the storage
    /// target when that moves.
    async fn uri(&self, ctx: &Context<'_>) -> Result<String> {
        let target = self.storage_target(ctx).await?;
        Ok(join_uri(&target.0.base_uri, &self.model.file_path))
    }

    /// Its format.
    async fn file_format(&self) -> FileFormat {
        self.model.file_format.into()
    }

    /// Its size in bytes.
    async fn file_size_bytes(&self) -> BigInt {
        self.model.file_size_bytes.into()
    }

    /// How many rows it has.
    async fn row_count(&self) -> BigInt {
        self.model.row_count.into()
    }

    /// The time of its earliest row.
    async fn start_time(&self) -> DateTime {
        self.model.start_time.into()
    }

    /// The time of its latest row.
    async fn end_time(&self) -> DateTime {
        self.model.end_time.into()
    }

    /// What all its rows have in common: an object of strings, numbers, booleans or nulls.
    async fn partition_key(&self) -> Json {
        Json(self.model.partition_key.clone())
    }

    /// The checksum of its bytes, as its publisher computed it.
    async fn checksum(&self) -> Option<&str> {
        self.model.checksum.as_deref()
    }

    /// What is known about its columns: an object of `{min, max, nullCount, rowCount, distinctCount}` by column.
    async fn column_statistics(&self) -> Option<Json> {
        self.model.column_statistics.clone().map(Json)
    }

    /// Its bloom filters: an object by column.
    async fn bloom_filters(&self) -> Option<Json> {
        self.model.bloom_filters.clone().map(Json)
    }

    /// What its publisher recognises it by; unique among the files of a version.
    async fn ingestion_signature(&self) -> Option<&str> {
        self.model.ingestion_signature.as_deref()
    }

    /// Free metadata, an object.
    async fn metadata(&self) -> Json {
        Json(self.model.metadata.clone())
    }

    /// The schema version of its rows.
    async fn schema_version(&self, ctx: &Context<'_>) -> Result<Option<Arc<SchemaVersion>>> {
        match self.model.schema_version {
            Some(version) => ctx
                .loaders()
                .expect(SchemaVersionByKey((self.model.dataset_id, version)))
                .await
                .map(Some),
            None => Ok(None),
        }
    }

    /// The first version that has it.
    async fn added_in(&self, ctx: &Context<'_>) -> Result<Arc<Manifest>> {
        ctx.loaders()
            .expect(ManifestByKey((self.model.dataset_id, self.model.added_version)))
            .await
    }

    /// The first version that no longer has it; null while it is live.
    async fn removed_in(&self, ctx: &Context<'_>) -> Result<Option<Arc<Manifest>>> {
        match self.model.removed_version {
            Some(version) => {
                ctx.loaders()
                    .load(ManifestByKey((self.model.dataset_id, version)))
                    .await
            }
            None => Ok(None),
        }
    }
}
