//! Relay connections of everything but partitions, which have their own.

use std::borrow::Cow;
use std::sync::Arc;

use async_graphql::parser::types::Field;
use async_graphql::{Context, Object, ObjectType, TypeName};
use timestore_entity::enums::StorageKind;
use timestore_entity::ids::DatasetId;

use super::context::ContextExt;
use super::error::Result;
use super::keys::{HeadOf, ManifestCountOf, SnapshotCountOf};
use super::pagination::{List, PageInfo, Position};
use super::plain::{Plain, Planner, Step, Written, WrittenList};
use crate::store::audit_event::AuditEventFilter;
use crate::store::change::ChangeFilter;
use crate::store::dataset::DatasetFilter;
use crate::store::file_removal::FileRemovalFilter;
use crate::store::lifecycle_run::LifecycleRunFilter;
use crate::store::retention::ColdStorageDue;
use crate::store::schema_version::SchemaVersionKey;
use crate::store::{Page, Rows};

/// What lists are made of.
pub trait Listed: ObjectType + Plain + 'static {
    /// The name of its connections and edges, before `Connection` and `Edge`.
    const NAME: &'static str;

    /// Where one stands in a list.
    type Position: Position;

    /// Where this one stands.
    fn position(&self) -> Self::Position;
}

/// A page of a list.
pub struct Connection<T: Listed> {
    list: List,
    page: Page<T::Position>,
    rows: Arc<Rows<T>>,
    count: Count,
}

impl<T: Listed> Connection<T> {
    /// The rows that `page` of `list` found, and how to count the whole list.
    pub fn new(list: List, page: Page<T::Position>, rows: Arc<Rows<T>>, count: Count) -> Self {
        Self {
            list,
            page,
            rows,
            count,
        }
    }
}

impl<T: Listed> TypeName for Connection<T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", T::NAME).into()
    }
}

/// A page of a list.
#[Object(name_type)]
impl<T: Listed> Connection<T> {
    /// The rows of the page, each with its cursor.
    async fn edges(&self) -> WrittenList<'_, Vec<Edge<'_, T>>> {
        let edge = |node| Edge {
            list: &self.list,
            node,
        };
        WrittenList::new(self.rows.rows.iter().map(edge).collect())
    }

    /// The rows of the page.
    async fn nodes(&self) -> WrittenList<'_, &[T]> {
        WrittenList::new(&self.rows.rows)
    }

    /// Where the page stands in the list.
    async fn page_info(&self) -> PageInfo {
        PageInfo::new(&self.page, &self.rows, |node| self.list.cursor(&node.position()))
    }

    /// How many rows the whole list has. Counted only when asked for.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        self.count.load(ctx).await
    }
}

/// A row of a page, with its cursor.
pub struct Edge<'a, T: Listed> {
    list: &'a List,
    node: &'a T,
}

impl<T: Listed> TypeName for Edge<'_, T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", T::NAME).into()
    }
}

impl<T: Listed> Plain for Edge<'_, T> {
    fn step<'p>(field: &'p Field, planner: &Planner<'p>) -> Option<Step<'p, Self>>
    where
        Self: 'p,
    {
        match field.name.node.as_str() {
            "cursor" => Some(Step::Scalar(|edge, json| {
                json.value(&edge.list.cursor(&edge.node.position()));
            })),
            "node" => planner.object(field, |edge: &Self| Some(edge.node)),
            _ => None,
        }
    }
}

/// A row of a page, with its cursor.
#[Object(name_type)]
impl<T: Listed> Edge<'_, T> {
    /// Where the row stands in the list, for `after` and `before`.
    async fn cursor(&self) -> String {
        self.list.cursor(&self.node.position())
    }

    /// The row.
    async fn node(&self) -> Written<&T> {
        Written(self.node)
    }
}

/// How to count a whole list.
#[derive(Clone, Debug)]
pub enum Count {
    /// The datasets that a filter lets through.
    Datasets(DatasetFilter),
    /// The storage targets of a kind, or all.
    StorageTargets(Option<StorageKind>),
    /// The schema versions of a dataset.
    SchemaVersions(DatasetId),
    /// The versions of a dataset.
    Manifests(DatasetId),
    /// The manifests that used a schema version.
    ManifestsUsing(SchemaVersionKey),
    /// The snapshots of a dataset.
    Snapshots(DatasetId),
    /// The file removals that a filter lets through.
    FileRemovals(FileRemovalFilter),
    /// The lifecycle runs that a filter lets through.
    LifecycleRuns(LifecycleRunFilter),
    /// The changes that a filter lets through.
    Changes(ChangeFilter),
    /// The files that should move to the cold storage target.
    ColdStorage(ColdStorageDue),
    /// So many.
    Known(u64),
    /// The API tokens.
    ApiTokens,
    /// The audit events that a filter lets through.
    AuditEvents(AuditEventFilter),
}

impl Count {
    async fn load(&self, ctx: &Context<'_>) -> Result<i32> {
        let count = match self {
            Self::Datasets(filter) => ctx.store().dataset_count(filter).await?,
            Self::StorageTargets(kind) => ctx.store().storage_target_count(*kind).await?,
            Self::ColdStorage(due) => ctx.store().cold_storage_tally(due).await?.files.unsigned_abs(),
            Self::Known(count) => *count,
            Self::FileRemovals(filter) => ctx.store().file_removal_count(filter).await?,
            Self::LifecycleRuns(filter) => ctx.store().lifecycle_run_count(filter).await?,
            Self::Changes(filter) => ctx.store().change_count(filter).await?,
            Self::ApiTokens => ctx.store().api_token_count().await?,
            Self::AuditEvents(filter) => ctx.store().audit_event_count(filter).await?,
            // Versions have no gaps: the newest one's number is how many there are.
            Self::SchemaVersions(dataset) => {
                return Ok(ctx
                    .loaders()
                    .load(HeadOf(*dataset))
                    .await?
                    .map_or(0, |head| head.latest_schema_version));
            }
            Self::Manifests(dataset) => {
                return Ok(ctx
                    .loaders()
                    .load(HeadOf(*dataset))
                    .await?
                    .map_or(0, |head| head.latest_version));
            }
            Self::ManifestsUsing(key) => ctx.loaders().load(ManifestCountOf(*key)).await?.unwrap_or(0),
            Self::Snapshots(dataset) => ctx.loaders().load(SnapshotCountOf(*dataset)).await?.unwrap_or(0),
        };
        Ok(to_int(count))
    }
}

/// A count as GraphQL's `Int`, which ends at 2^31 - 1.
pub fn to_int(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
