//! Datasets: named series of versions.

use std::sync::Arc;

use async_graphql::parser::types::Field;
use async_graphql::{Context, ID, Object, SimpleObject};
use timestore_entity::dataset::Model;
use timestore_entity::dataset_head::Model as Head;

use super::cold_storage::ColdStorageDue;
use super::connection::{Connection, Count, Listed};
use super::context::ContextExt;
use super::enums::{CompatibilityMode, DatasetStatus, FileFormat};
use super::error::Result;
use super::id::GlobalId;
use super::keys::{
    HeadOf, ManifestByRef, ManifestOfSeen, RetentionPolicyOf, SchemaVersionOfSeen, StorageTargetById,
    WatermarksOf,
};
use super::manifest::Manifest;
use super::pages::{Asked, Manifests, SchemaVersions, Snapshots};
use super::pagination::{List, MAX_LIMIT, PageArgs};
use super::plain::json::JsonWriter;
use super::plain::{Missing, Plain, Planner, Step, Written};
use super::reference::{ManifestRefInput, is_text};
use super::retention_policy::{EffectiveRetentionPolicy, RetentionPolicy};
use super::retention_preview::{RetentionPreview, RetentionRulesInput};
use super::scalar::{BigInt, DateTime, Json};
use super::schema_version::SchemaVersion;
use super::selected::Selected;
use super::snapshot::Snapshot;
use super::storage_target::StorageTarget;
use super::versions::{Lasting, Standing, Versions};
use super::watermark::Watermark;
use crate::store::dataset::{DatasetParts, DatasetState};
use crate::store::{Columns, ManifestRef};

/// A named series of versions.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// Its row.
    pub model: Model,
    /// What was read along with it; none after a mutation.
    along: Option<Along>,
}

/// What a dataset was read together with, as far as [`Dataset::parts`] said.
#[derive(Clone, Debug, PartialEq)]
struct Along {
    head: Arc<Head>,
    policy: Option<Arc<RetentionPolicy>>,
    manifest: Option<Arc<Manifest>>,
    schema_version: Option<Arc<SchemaVersion>>,
    parts: DatasetParts,
}

impl From<Model> for Dataset {
    fn from(model: Model) -> Self {
        Self { model, along: None }
    }
}

impl From<DatasetState> for Dataset {
    fn from(state: DatasetState) -> Self {
        let along = |head: Head| Along {
            policy: state.policy.map(|policy| Arc::new(policy.into())),
            manifest: state
                .manifest
                .map(|model| Arc::new(Manifest::at(model, Some((&head).into())))),
            schema_version: state.schema_version.map(|model| Arc::new(model.into())),
            parts: state.parts,
            head: Arc::new(head),
        };
        Self {
            model: state.dataset,
            along: state.head.map(along),
        }
    }
}

impl Listed for Dataset {
    const NAME: &'static str = "Dataset";
    type Position = String;

    fn position(&self) -> String {
        self.model.slug.clone()
    }
}

impl Dataset {
    /// Remembers the newest versions, where they were read along, for whoever looks them up.
    pub fn remember_newest(&self, versions: &Versions) {
        let Some(along) = &self.along else {
            return;
        };
        if let (Some(manifest), Some(columns)) = (&along.manifest, along.parts.manifest) {
            let what = Lasting::Manifest(manifest.key(), (&*along.head).into(), columns);
            versions.saw(manifest);
            versions.read_along(what, manifest.clone());
        }
        if let (Some(schema_version), Some(columns)) = (&along.schema_version, along.parts.schema_version) {
            let key = (self.model.id, schema_version.model.version);
            versions.read_along(Lasting::SchemaVersion(key, columns), schema_version.clone());
        }
    }

    fn global_id(&self) -> GlobalId {
        GlobalId::Dataset(self.model.id)
    }

    /// Where it stands, as far as it was read together with that.
    fn standing(&self) -> Option<Standing> {
        self.along.as_ref().map(|along| (&*along.head).into())
    }

    async fn head(&self, ctx: &Context<'_>) -> Result<Arc<Head>> {
        match &self.along {
            Some(along) => Ok(along.head.clone()),
            None => ctx.loaders().expect(HeadOf(self.model.id)).await,
        }
    }

    async fn policy(&self, ctx: &Context<'_>) -> Result<Option<Arc<RetentionPolicy>>> {
        match &self.along {
            Some(along) => Ok(along.policy.clone()),
            None => ctx.loaders().load(RetentionPolicyOf(self.model.id)).await,
        }
    }
}

/// The newest schema version, if there is one.
fn newest_schema_version(head: &Head, columns: Columns) -> Option<SchemaVersionOfSeen> {
    let key = (head.dataset_id, head.latest_schema_version);
    (head.latest_schema_version > 0).then_some(SchemaVersionOfSeen(key, columns))
}

/// The newest version, if there is one.
fn newest_manifest(head: &Head, columns: Columns) -> Option<ManifestOfSeen> {
    let key = (head.dataset_id, head.latest_version);
    (head.latest_version > 0).then(|| ManifestOfSeen(key, Some(head.into()), columns))
}

impl Plain for Dataset {
    fn step<'p>(field: &'p Field, planner: &Planner<'p>) -> Option<Step<'p, Self>>
    where
        Self: 'p,
    {
        Some(Step::Scalar(match field.name.node.as_str() {
            "id" => |dataset, json| json.id(dataset.global_id()),
            "slug" => |dataset, json| json.text(&dataset.model.slug),
            "name" => |dataset, json| json.text(&dataset.model.name),
            "description" => |dataset, json| json.value(&dataset.model.description),
            "status" => |dataset, json| json.one_of(DatasetStatus::from(dataset.model.status)),
            "writeFormat" => |dataset, json| json.one_of(FileFormat::from(dataset.model.write_format)),
            "compatibility" => {
                |dataset, json| json.one_of(CompatibilityMode::from(dataset.model.compatibility))
            }
            "metadata" => |dataset, json| json.json(&dataset.model.metadata),
            "revision" => |dataset, json| json.value(&dataset.model.revision),
            "archiveReason" => |dataset, json| json.value(&dataset.model.archive_reason),
            "createdAt" => |dataset, json| json.instant(dataset.model.created_at),
            "updatedAt" => |dataset, json| json.instant(dataset.model.updated_at),
            "lastPublishedAt" => |dataset, json| {
                let along = dataset.along.as_ref();
                json.optional(
                    along.and_then(|along| along.head.last_published_at),
                    JsonWriter::instant,
                );
            },
            "defaultStorageTarget" => {
                let key = |dataset: &Self| dataset.model.default_storage_target_id.map(StorageTargetById);
                return planner.found(field, Missing::IsFault, key);
            }
            "retentionPolicy" => {
                return planner.object(field, |dataset: &Self| dataset.along.as_ref()?.policy.as_deref());
            }
            "schemaVersion" if field.arguments.is_empty() => {
                let columns = SchemaVersion::wanted(planner.selected(field));
                return planner.found(field, Missing::IsNull, move |dataset: &Self| {
                    newest_schema_version(&dataset.along.as_ref()?.head, columns)
                });
            }
            "manifest" if field.arguments.is_empty() => {
                let columns = Manifest::wanted(planner.selected(field));
                return planner.found(field, Missing::IsNull, move |dataset: &Self| {
                    newest_manifest(&dataset.along.as_ref()?.head, columns)
                });
            }
            _ => return None,
        }))
    }

    fn is_whole(&self) -> bool {
        self.along.is_some()
    }
}

/// A named series of versions of one time series. Each version, a manifest, is a set of immutable files.
#[Object]
impl Dataset {
    /// The global id.
    pub async fn id(&self) -> ID {
        self.global_id().encode()
    }

    /// The slug, unique in the catalog, in lower case.
    async fn slug(&self) -> &str {
        &self.model.slug
    }

    /// The name for people.
    async fn name(&self) -> &str {
        &self.model.name
    }

    /// What people should know about it.
    async fn description(&self) -> Option<&str> {
        self.model.description.as_deref()
    }

    /// Whether it takes publishes.
    async fn status(&self) -> DatasetStatus {
        self.model.status.into()
    }

    /// The format that writers should use, and that a file has when its publisher names none.
    async fn write_format(&self) -> FileFormat {
        self.model.write_format.into()
    }

    /// Which changes of its fields it accepts.
    async fn compatibility(&self) -> CompatibilityMode {
        self.model.compatibility.into()
    }

    /// Any one of these scopes lets a caller read it. Null: the global scope does.
    async fn read_scopes(&self) -> Option<Vec<&str>> {
        self.model.read_scopes.as_ref().map(texts)
    }

    /// Any one of these scopes lets a caller write it. Null: the global scope does.
    async fn write_scopes(&self) -> Option<Vec<&str>> {
        self.model.write_scopes.as_ref().map(texts)
    }

    /// Free metadata, an object.
    async fn metadata(&self) -> Json {
        Json(self.model.metadata.clone())
    }

    /// Counts its changes, from 1. State it as `expectedRevision` to change only what you have seen.
    async fn revision(&self) -> i32 {
        self.model.revision
    }

    /// Why it was archived.
    async fn archive_reason(&self) -> Option<&str> {
        self.model.archive_reason.as_deref()
    }

    /// When it was created.
    async fn created_at(&self) -> DateTime {
        self.model.created_at.into()
    }

    /// When it was last changed. Publishing does not change it: see `lastPublishedAt`.
    async fn updated_at(&self) -> DateTime {
        self.model.updated_at.into()
    }

    /// When its current version was published; null before the first.
    async fn last_published_at(&self, ctx: &Context<'_>) -> Result<Option<DateTime>> {
        Ok(self.head(ctx).await?.last_published_at.map(Into::into))
    }

    /// What its current version holds.
    async fn totals(&self, ctx: &Context<'_>) -> Result<DatasetTotals> {
        Ok(DatasetTotals::from(&*self.head(ctx).await?))
    }

    /// The storage target of files whose publisher names none.
    async fn default_storage_target(&self, ctx: &Context<'_>) -> Result<Option<Written<Arc<StorageTarget>>>> {
        match self.model.default_storage_target_id {
            Some(id) => Ok(Some(Written(ctx.loaders().expect(StorageTargetById(id)).await?))),
            None => Ok(None),
        }
    }

    /// A schema version; null when there is none.
    async fn schema_version(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its number; the newest one when omitted.")] version: Option<i32>,
    ) -> Result<Option<Written<Arc<SchemaVersion>>>> {
        let columns = SchemaVersion::wanted(Selected::now(ctx));
        let key = match version {
            Some(version) => Some(SchemaVersionOfSeen((self.model.id, version), columns)),
            None => newest_schema_version(&*self.head(ctx).await?, columns),
        };
        let Some(key) = key else {
            return Ok(None);
        };
        Ok(ctx.loaders().load(key).await?.map(Written))
    }

    /// The schema versions, newest first.
    async fn schema_versions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take so many from the front, up to 100; 50 when `last` is omitted too.")]
        first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take so many from the back, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<SchemaVersion>> {
        let list = List::of("schemaVersions", self.model.id);
        let page = PageArgs {
            first,
            after,
            last,
            before,
        }
        .page(&list, MAX_LIMIT)?;
        let question = SchemaVersions(page.clone(), SchemaVersion::wanted_in_list(Selected::now(ctx)));
        let asked = Asked::new((self.model.id, self.standing()), question);
        let rows = ctx.loaders().load(asked).await?.unwrap_or_default();
        Ok(Connection::new(
            list,
            page,
            rows,
            Count::SchemaVersions(self.model.id),
        ))
    }

    /// A version; null when there is none.
    async fn manifest(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one; the current one when omitted.")] by: Option<ManifestRefInput>,
    ) -> Result<Option<Written<Arc<Manifest>>>> {
        let columns = Manifest::wanted(Selected::now(ctx));
        let found = match by.map(ManifestRefInput::into_store) {
            None => match newest_manifest(&*self.head(ctx).await?, columns) {
                Some(newest) => ctx.loaders().load(newest).await?,
                None => None,
            },
            Some(ManifestRef::Version(version)) => {
                let key = ManifestOfSeen((self.model.id, version), self.standing(), columns);
                ctx.loaders().load(key).await?
            }
            Some(ManifestRef::Snapshot(name)) if !is_text(&name) => None,
            Some(by) => ctx.loaders().load(ManifestByRef((self.model.id, by))).await?,
        };
        Ok(found.map(Written))
    }

    /// The versions, newest first.
    async fn manifests(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take so many from the front, up to 100; 50 when `last` is omitted too.")]
        first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take so many from the back, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Manifest>> {
        let list = List::of("manifests", self.model.id);
        let page = PageArgs {
            first,
            after,
            last,
            before,
        }
        .page(&list, MAX_LIMIT)?;
        let question = Manifests(page.clone(), Manifest::wanted_in_list(Selected::now(ctx)));
        let asked = Asked::new((self.model.id, self.standing()), question);
        let rows = ctx.loaders().load(asked).await?.unwrap_or_default();
        Ok(Connection::new(list, page, rows, Count::Manifests(self.model.id)))
    }

    /// The named pins of its versions, by name.
    async fn snapshots(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, up to 100; 50 when omitted.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
    ) -> Result<Connection<Snapshot>> {
        let list = List::of("snapshots", self.model.id);
        let page = PageArgs::forwards(first, after).page(&list, MAX_LIMIT)?;
        let asked = Asked::new(self.model.id, Snapshots(page.clone()));
        let rows = ctx.loaders().load(asked).await?.unwrap_or_default();
        Ok(Connection::new(list, page, rows, Count::Snapshots(self.model.id)))
    }

    /// The policy of its own, what it keeps and for how long; null when it has none.
    async fn retention_policy(&self, ctx: &Context<'_>) -> Result<Option<Written<Arc<RetentionPolicy>>>> {
        Ok(self.policy(ctx).await?.map(Written))
    }

    /// What applying a retention policy would do now: which files would go, and what would keep them on their targets.
    async fn retention_preview(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The rules; those of the effective policy when omitted.")] policy: Option<
            RetentionRulesInput,
        >,
        #[graphql(desc = "As of this instant; now when omitted.")] at: Option<DateTime>,
    ) -> Result<RetentionPreview> {
        let rules = policy.map(RetentionRulesInput::into_store);
        let at = at.map(|at| at.0);
        let preview = ctx.store().retention_preview(self.model.id, rules, at).await?;
        Ok(RetentionPreview(preview))
    }

    /// What it keeps, and for how long, by its own policy or by the gateway's default.
    async fn effective_retention_policy(&self, ctx: &Context<'_>) -> Result<EffectiveRetentionPolicy> {
        let policy = self.policy(ctx).await?;
        let effective = ctx
            .store()
            .effective_policy(policy.as_ref().map(|policy| &policy.0))?;
        Ok(effective.into())
    }

    /// Which of its files should move to the cold storage target; null where its effective policy has no `coldStorageAfter`.
    async fn cold_storage_due(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "As of this instant; now when omitted.")] at: Option<DateTime>,
    ) -> Result<Option<ColdStorageDue>> {
        let policy = self.policy(ctx).await?;
        let effective = ctx
            .store()
            .effective_policy(policy.as_ref().map(|policy| &policy.0))?;
        let head = self.head(ctx).await?;
        let due = ctx.store().cold_storage_due(&effective, &head, at.map(|at| at.0));
        Ok(due.map(ColdStorageDue))
    }

    /// How far its sources have come, by source.
    async fn watermarks(&self, ctx: &Context<'_>) -> Result<Arc<Vec<Watermark>>> {
        Ok(ctx
            .loaders()
            .load(WatermarksOf(self.model.id))
            .await?
            .unwrap_or_default())
    }
}

/// The texts of a stored list.
fn texts(json: &serde_json::Value) -> Vec<&str> {
    json.as_array()
        .into_iter()
        .flatten()
        .filter_map(serde_json::Value::as_str)
        .collect()
}

/// What the current version of a dataset holds. All zero and null before the first.
#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
pub struct DatasetTotals {
    /// The number of the current version; 0 before the first.
    pub version: i32,
    /// Its files.
    pub partition_count: i32,
    /// The rows of those files.
    pub total_rows: BigInt,
    /// The bytes of those files.
    pub total_bytes: BigInt,
    /// The time of the earliest row.
    pub start_time: Option<DateTime>,
    /// The time of the latest row.
    pub end_time: Option<DateTime>,
}

impl From<&Head> for DatasetTotals {
    fn from(head: &Head) -> Self {
        Self {
            version: head.latest_version,
            partition_count: head.partition_count,
            total_rows: head.total_rows.into(),
            total_bytes: head.total_bytes.into(),
            start_time: head.start_time.map(Into::into),
            end_time: head.end_time.map(Into::into),
        }
    }
}
