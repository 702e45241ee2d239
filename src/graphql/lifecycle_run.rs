//! Lifecycle runs: what the lifecycle worker is asked to do, does and did.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object};
use timestore_entity::lifecycle_run::Model;

use super::connection::{Connection, Count, Listed};
use super::context::ContextExt;
use super::dataset::Dataset;
use super::enums::{LifecycleRunKind, LifecycleRunStatus, LifecycleRunTrigger};
use super::error::Result;
use super::id::GlobalId;
use super::keys::DatasetById;
use super::pagination::{List, MAX_LIMIT, PageArgs};
use super::plain::Plain;
use super::reference::DatasetRefInput;
use super::scalar::{DateTime, Json};
use crate::store::lifecycle_run::{LifecycleRunFilter, LifecycleRunPosition};

/// A run of the lifecycle worker.
#[derive(Clone, Debug, PartialEq)]
pub struct LifecycleRun(pub Model);

impl From<Model> for LifecycleRun {
    fn from(model: Model) -> Self {
        Self(model)
    }
}

impl Plain for LifecycleRun {}

impl Listed for LifecycleRun {
    const NAME: &'static str = "LifecycleRun";
    type Position = LifecycleRunPosition;

    fn position(&self) -> LifecycleRunPosition {
        (self.0.created_at, self.0.id)
    }
}

/// A run of the lifecycle worker: one of its kinds of work, over all datasets or one. Runs are remembered for 30 days after their
/// end.
#[Object]
impl LifecycleRun {
    /// The global id.
    pub async fn id(&self) -> ID {
        GlobalId::LifecycleRun(self.0.id).encode()
    }

    /// What it does.
    async fn kind(&self) -> LifecycleRunKind {
        self.0.kind.into()
    }

    /// Whether it is about all datasets.
    async fn covers_all_datasets(&self) -> bool {
        self.0.dataset_id.is_none()
    }

    /// The dataset that it is about; null when it is about all of them, or the dataset is gone.
    async fn dataset(&self, ctx: &Context<'_>) -> Result<Option<Arc<Dataset>>> {
        match self.0.dataset_id {
            Some(id) => ctx.loaders().load(DatasetById(id)).await,
            None => Ok(None),
        }
    }

    /// What started it.
    async fn trigger(&self) -> LifecycleRunTrigger {
        self.0.trigger.into()
    }

    /// Who asked for it; null: the schedule, or an unknown caller.
    async fn requested_by(&self) -> Option<&str> {
        self.0.requested_by.as_deref()
    }

    /// Where it stands.
    async fn status(&self) -> LifecycleRunStatus {
        self.0.status.into()
    }

    /// How often it was begun. A run whose worker fell silent is begun again, three times at the most.
    async fn attempts(&self) -> i32 {
        self.0.attempts
    }

    /// What it counted, an object of those numbers that are not zero: `datasets`, `droppedFiles`, `expiredVersions`,
    /// `queuedFiles`, `removedFiles`, `failedFiles`, `clearedRows`. Kept fresh while it is running.
    async fn counters(&self) -> Json {
        Json(self.0.counters.clone())
    }

    /// What went wrong, a line each, or why there was nothing to do.
    async fn error(&self) -> Option<&str> {
        self.0.error.as_deref()
    }

    /// The process that is at it, or was last.
    async fn worker(&self) -> Option<&str> {
        self.0.worker.as_deref()
    }

    /// When it was asked for.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// When it was begun last.
    async fn started_at(&self) -> Option<DateTime> {
        self.0.started_at.map(Into::into)
    }

    /// When its worker last said that it is at it.
    async fn heartbeat_at(&self) -> Option<DateTime> {
        self.0.heartbeat_at.map(Into::into)
    }

    /// When somebody asked for its end.
    async fn cancelled_at(&self) -> Option<DateTime> {
        self.0.cancelled_at.map(Into::into)
    }

    /// When it ended.
    async fn finished_at(&self) -> Option<DateTime> {
        self.0.finished_at.map(Into::into)
    }
}

/// Which lifecycle runs a list holds. Everything stated must hold.
#[derive(Clone, Debug, Default, InputObject)]
#[graphql(name = "LifecycleRunFilter")]
pub struct LifecycleRunFilterInput {
    /// Only those of this dataset alone. By its id, it may be gone.
    pub dataset: Option<DatasetRefInput>,
    /// Only those that do this.
    pub kind: Option<LifecycleRunKind>,
    /// Only those that stand here.
    pub status: Option<LifecycleRunStatus>,
    /// Only those that were started so.
    pub trigger: Option<LifecycleRunTrigger>,
}

impl LifecycleRunFilterInput {
    fn into_store(self) -> LifecycleRunFilter {
        LifecycleRunFilter {
            dataset: self.dataset.map(DatasetRefInput::into_store),
            kind: self.kind.map(Into::into),
            status: self.status.map(Into::into),
            trigger: self.trigger.map(Into::into),
        }
    }
}

/// Queries of lifecycle runs.
#[derive(Debug, Default)]
pub struct LifecycleRunQuery;

#[Object]
impl LifecycleRunQuery {
    /// The runs of the lifecycle worker, newest first: waiting, under way and ended.
    async fn lifecycle_runs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take so many from the front, up to 100; 50 when `last` is omitted too.")]
        first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take so many from the back, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which ones.")] filter: Option<LifecycleRunFilterInput>,
    ) -> Result<Connection<LifecycleRun>> {
        let list = List::of_all("lifecycleRuns");
        let page = PageArgs {
            first,
            after,
            last,
            before,
        }
        .page(&list, MAX_LIMIT)?;
        let filter = filter.unwrap_or_default().into_store();
        let rows = ctx
            .store()
            .lifecycle_run_page(&filter, &page)
            .await?
            .map(Into::into);
        Ok(Connection::new(
            list,
            page,
            Arc::new(rows),
            Count::LifecycleRuns(filter),
        ))
    }
}
