//! Manifests: the versions of a dataset.

use std::sync::Arc;

use async_graphql::parser::types::Field;
use async_graphql::{Context, ID, Object};
use timestore_entity::manifest::Model;

use super::connection::Listed;
use super::context::ContextExt;
use super::coverage::Coverage;
use super::dataset::Dataset;
use super::diff::ManifestDiff;
use super::enums::{ManifestOperation, ManifestStatus};
use super::error::{Error, Result};
use super::id::GlobalId;
use super::keys::{CoverageOf, DatasetById, HeadOf, ManifestByKey, SchemaVersionByKey};
use super::partitions::PartitionConnection;
use super::plain::json::JsonWriter;
use super::plain::{Plain, Planner, Step};
use super::predicate::{ColumnPredicateInput, FileChoice, KeyPredicateInput};
use super::reference::TimeWindow;
use super::scalar::{BigInt, DateTime, Duration, Json};
use super::schema_version::SchemaVersion;
use super::selected::{Selected, column_of};
use super::versions::Standing;
use crate::store::Columns;
use crate::store::diff::Side;
use crate::store::manifest::ManifestKey;

/// A version of a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Its row.
    pub model: Model,
    /// Where its dataset stands, where it was found by that.
    standing: Option<Standing>,
}

impl From<Model> for Manifest {
    fn from(model: Model) -> Self {
        Self::at(model, None)
    }
}

impl Listed for Manifest {
    const NAME: &'static str = "Manifest";
    type Position = i32;

    fn position(&self) -> i32 {
        self.model.version
    }
}

impl Manifest {
    /// One of a dataset that stands like that.
    pub fn at(model: Model, standing: Option<Standing>) -> Self {
        Self { model, standing }
    }

    fn global_id(&self) -> GlobalId {
        GlobalId::Manifest(self.model.dataset_id, self.model.version)
    }

    /// The columns that what is selected of it is made of.
    pub fn wanted(selected: Selected<'_>) -> Columns {
        selected.columns::<Model>(Self::columns_of)
    }

    /// The same where a list of them is selected.
    pub fn wanted_in_list(selected: Selected<'_>) -> Columns {
        selected.columns_of_list::<Model>(Self::columns_of)
    }

    /// The columns that a field is made of.
    fn columns_of(field: &str) -> Columns {
        match field {
            "__typename" | "id" | "dataset" | "status" | "coverage" => const { Columns::named::<Model>(&[]) },
            // What tells whether earlier pages are still the same.
            "partitions" => {
                const { Columns::named::<Model>(&["removed_count", "changed_start_time", "changed_end_time"]) }
            }
            "addedPartitions" => const { Columns::named::<Model>(&["added_count"]) },
            "removedPartitions" => const { Columns::named::<Model>(&["removed_count"]) },
            field => column_of::<Model>(field),
        }
    }

    /// Its key.
    pub fn key(&self) -> ManifestKey {
        (self.model.dataset_id, self.model.version)
    }
}

impl Plain for Manifest {
    fn step<'p>(field: &'p Field, _: &Planner<'p>) -> Option<Step<'p, Self>>
    where
        Self: 'p,
    {
        Some(Step::Scalar(match field.name.node.as_str() {
            "id" => |manifest, json| json.id(manifest.global_id()),
            "version" => |manifest, json| json.value(&manifest.model.version),
            "operation" => |manifest, json| json.one_of(ManifestOperation::from(manifest.model.operation)),
            "partitionCount" => |manifest, json| json.value(&manifest.model.partition_count),
            "addedCount" => |manifest, json| json.value(&manifest.model.added_count),
            "removedCount" => |manifest, json| json.value(&manifest.model.removed_count),
            "totalRows" => |manifest, json| json.big_int(manifest.model.total_rows),
            "totalBytes" => |manifest, json| json.big_int(manifest.model.total_bytes),
            "startTime" => |manifest, json| json.optional(manifest.model.start_time, JsonWriter::instant),
            "endTime" => |manifest, json| json.optional(manifest.model.end_time, JsonWriter::instant),
            "createdBy" => |manifest, json| json.value(&manifest.model.created_by),
            "createdAt" => |manifest, json| json.instant(manifest.model.created_at),
            "publishedAt" => |manifest, json| json.instant(manifest.model.published_at),
            "summary" => |manifest, json| json.json(&manifest.model.summary),
            "metadata" => |manifest, json| json.json(&manifest.model.metadata),
            _ => return None,
        }))
    }
}

/// A version of a dataset: the immutable set of files that make it up, and what changed since the version before. Whatever can
/// be reached from it never changes and may be cached for ever, but for `status`, `Partition.removedIn` and `Partition.uri`.
#[Object]
impl Manifest {
    /// The global id.
    pub async fn id(&self) -> ID {
        self.global_id().encode()
    }

    /// Counts from 1 within the dataset, without gaps, in the order of publishing.
    async fn version(&self) -> i32 {
        self.model.version
    }

    /// Where it stands now.
    async fn status(&self, ctx: &Context<'_>) -> Result<ManifestStatus> {
        if self.model.expired_at.is_some() {
            return Ok(ManifestStatus::Expired);
        }
        let newest = match &self.standing {
            Some(standing) => standing.latest_version,
            None => {
                ctx.loaders()
                    .expect(HeadOf(self.model.dataset_id))
                    .await?
                    .latest_version
            }
        };
        Ok(if newest == self.model.version {
            ManifestStatus::Published
        } else {
            ManifestStatus::Superseded
        })
    }

    /// What it did.
    async fn operation(&self) -> ManifestOperation {
        self.model.operation.into()
    }

    /// The dataset.
    async fn dataset(&self, ctx: &Context<'_>) -> Result<Arc<Dataset>> {
        ctx.loaders().expect(DatasetById(self.model.dataset_id)).await
    }

    /// The schema version of the files that it added.
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

    /// The version before it; null for the first.
    async fn parent(&self, ctx: &Context<'_>) -> Result<Option<Arc<Manifest>>> {
        match self.model.parent_version {
            Some(version) => {
                ctx.loaders()
                    .load(ManifestByKey((self.model.dataset_id, version)))
                    .await
            }
            None => Ok(None),
        }
    }

    /// The files of this version.
    async fn partition_count(&self) -> i32 {
        self.model.partition_count
    }

    /// The files that it added.
    async fn added_count(&self) -> i32 {
        self.model.added_count
    }

    /// The files that it removed.
    async fn removed_count(&self) -> i32 {
        self.model.removed_count
    }

    /// The rows of the files of this version.
    async fn total_rows(&self) -> BigInt {
        self.model.total_rows.into()
    }

    /// The bytes of the files of this version.
    async fn total_bytes(&self) -> BigInt {
        self.model.total_bytes.into()
    }

    /// The time of the earliest row of this version; null when it has no files.
    async fn start_time(&self) -> Option<DateTime> {
        self.model.start_time.map(Into::into)
    }

    /// The time of the latest row of this version; null when it has no files.
    async fn end_time(&self) -> Option<DateTime> {
        self.model.end_time.map(Into::into)
    }

    /// Who published it.
    async fn created_by(&self) -> Option<&str> {
        self.model.created_by.as_deref()
    }

    /// When its publish, or its draft, began.
    async fn created_at(&self) -> DateTime {
        self.model.created_at.into()
    }

    /// When it was published. Strictly increases with the version.
    async fn published_at(&self) -> Option<DateTime> {
        Some(self.model.published_at.into())
    }

    /// What the publisher says about it, an object.
    async fn summary(&self) -> Json {
        Json(self.model.summary.clone())
    }

    /// Free metadata, an object.
    async fn metadata(&self) -> Json {
        Json(self.model.metadata.clone())
    }

    /// The files of this version that could hold a row in the window that matches all predicates, by start time, then id. When
    /// `after` is given, the page is read at the version that the cursor pins, so that paging is stable while others publish:
    /// `resolvedVersion` says which one that is. An expired version is an error.
    async fn partitions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only files that could hold a row in this stretch of time.")] window: Option<
            TimeWindow,
        >,
        #[graphql(desc = "Only files whose partition key could match all of these.")] partition_key: Option<
            Vec<KeyPredicateInput>,
        >,
        #[graphql(desc = "Only files whose column statistics could match all of these.")] columns: Option<
            Vec<ColumnPredicateInput>,
        >,
        #[graphql(desc = "At most so many, up to 1,000; 50 when omitted.")] first: Option<i32>,
        #[graphql(
            desc = "Only those after this cursor, which must come from a page with the same window and predicates."
        )]
        after: Option<String>,
    ) -> Result<PartitionConnection> {
        let choice = FileChoice {
            window,
            keys: partition_key,
            columns,
        };
        PartitionConnection::of_files(ctx, self, choice, first, after).await
    }

    /// The files that this version added, by start time, then id.
    async fn added_partitions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, up to 1,000; 50 when omitted.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
    ) -> Result<PartitionConnection> {
        PartitionConnection::of_changes(ctx, self, Side::Added, first, after).await
    }

    /// The files that this version removed, by start time, then id.
    async fn removed_partitions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, up to 1,000; 50 when omitted.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
    ) -> Result<PartitionConnection> {
        PartitionConnection::of_changes(ctx, self, Side::Removed, first, after).await
    }

    /// What has to be added to the files of this version, and removed from them, to have those of another.
    async fn diff(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The other version of the dataset, later or earlier.")] to: i32,
    ) -> Result<ManifestDiff> {
        match ctx
            .loaders()
            .load(ManifestByKey((self.model.dataset_id, to)))
            .await?
        {
            Some(other) => Ok(ManifestDiff::new(self.clone(), other)),
            None => Err(Error::bad_input(
                &["to"],
                format!("the dataset has no version {to}"),
            )),
        }
    }

    /// What of a window the files of this version cover, where they leave gaps and where they overlap.
    async fn coverage(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The stretch of time to look at.")] window: TimeWindow,
        #[graphql(desc = "Also divide the window into parts of this length.")] bucket: Option<Duration>,
        #[graphql(desc = "Stretches no longer than this between two files are no gaps; zero when omitted.")]
        tolerance: Option<Duration>,
    ) -> Result<Arc<Coverage>> {
        let (bucket, tolerance) = (
            bucket.map(|bucket| bucket.0),
            tolerance.map(|tolerance| tolerance.0),
        );
        let asked = CoverageOf {
            manifest: self.key(),
            window: window.bounds()?,
            bucket,
            tolerance,
        };
        ctx.loaders().expect(asked).await?
    }
}
