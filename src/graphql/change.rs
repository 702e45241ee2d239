//! The change feed: what happened to the catalog, in commit order.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object, Subscription};
use futures_util::{Stream, StreamExt};
use timestore_entity::change::Model;

use super::connection::{Connection, Count, Listed};
use super::context::ContextExt;
use super::dataset::Dataset;
use super::enums::ChangeKind;
use super::error::{Error, Result};
use super::keys::{DatasetById, ManifestByKey};
use super::manifest::Manifest;
use super::pagination::{List, MAX_LIMIT, PageArgs, foreign_cursor};
use super::plain::Plain;
use super::reference::DatasetRefInput;
use super::scalar::{DateTime, Json};
use super::turns::Turn;
use crate::store::DatasetRef;
use crate::store::change::{ChangeFilter, ChangePosition};

/// One change of the catalog.
#[derive(Clone, Debug, PartialEq)]
pub struct Change(pub Model);

impl From<Model> for Change {
    fn from(model: Model) -> Self {
        Self(model)
    }
}

impl Plain for Change {}

impl Listed for Change {
    const NAME: &'static str = "Change";
    type Position = ChangePosition;

    fn position(&self) -> ChangePosition {
        (self.0.transaction_id, self.0.sequence)
    }
}

/// The feed as a list. The query and the subscription share its cursors.
fn feed() -> List {
    List::of_all("changes")
}

/// One change of the catalog.
#[Object]
impl Change {
    /// Where it stands in the feed, for `after`.
    async fn cursor(&self) -> String {
        feed().cursor(&self.position())
    }

    /// What happened.
    async fn kind(&self) -> ChangeKind {
        self.0.kind.into()
    }

    /// The dataset that it happened to; null when it happened to none, or the dataset is gone.
    async fn dataset(&self, ctx: &Context<'_>) -> Result<Option<Arc<Dataset>>> {
        match self.0.dataset_id {
            Some(id) => ctx.loaders().load(DatasetById(id)).await,
            None => Ok(None),
        }
    }

    /// The version that was published; null for other kinds.
    async fn manifest(&self, ctx: &Context<'_>) -> Result<Option<Arc<Manifest>>> {
        match self.0.dataset_id.zip(self.0.version) {
            Some(key) => ctx.loaders().load(ManifestByKey(key)).await,
            None => Ok(None),
        }
    }

    /// When it happened.
    async fn occurred_at(&self) -> DateTime {
        self.0.occurred_at.into()
    }

    /// What a reader needs to know, an object that depends on the kind.
    async fn payload(&self) -> Json {
        Json(self.0.payload.clone())
    }
}

/// Which changes are wanted. Everything stated must hold.
#[derive(Clone, Debug, Default, InputObject)]
#[graphql(name = "ChangeFilter")]
pub struct ChangeFilterInput {
    /// Only those of this dataset. By id, those of a dataset that is gone are found too.
    pub dataset: Option<DatasetRefInput>,
    /// Only those of one of these kinds.
    pub kinds: Option<Vec<ChangeKind>>,
}

impl ChangeFilterInput {
    fn into_store(self) -> Result<ChangeFilter> {
        let Self { dataset, kinds } = self;
        if kinds.as_ref().is_some_and(Vec::is_empty) {
            return Err(Error::bad_input(
                &["filter", "kinds"],
                "expected at least one kind",
            ));
        }
        Ok(ChangeFilter {
            dataset: dataset.map(DatasetRefInput::into_store),
            kinds: kinds.map(|kinds| kinds.into_iter().map(Into::into).collect()),
        })
    }
}

/// Queries of the change feed.
#[derive(Debug, Default)]
pub struct ChangeQuery;

#[Object]
impl ChangeQuery {
    /// The change feed, in commit order: a client that was away continues at the last cursor that it saw. A cursor whose changes
    /// have been cleared away since is an error with the code `EXPIRED`.
    async fn changes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only changes after this cursor, of this query or of the subscription.")]
        after: Option<String>,
        #[graphql(desc = "At most so many, up to 100; 50 when omitted.")] first: Option<i32>,
        #[graphql(desc = "Which ones.")] filter: Option<ChangeFilterInput>,
    ) -> Result<Connection<Change>> {
        let list = feed();
        let page = PageArgs::forwards(first, after).page(&list, MAX_LIMIT)?;
        let filter = filter.unwrap_or_default().into_store()?;
        let read = ctx.store().change_page(&filter, page.after, page.limit).await?;
        let rows = Arc::new(read.rows.map(Into::into));
        Ok(Connection::new(list, page, rows, Count::Changes(filter)))
    }
}

/// What can be subscribed to.
#[derive(Debug, Default)]
pub struct Subscription;

/// What can be subscribed to, over WebSocket (graphql-transport-ws) or server-sent events.
#[Subscription]
impl Subscription {
    /// The changes of the catalog as they are committed, in commit order: those missed since `after`, then those to come. None
    /// is left out and none comes twice. A cursor whose changes have been cleared away since is an error with the code `EXPIRED`.
    async fn changes(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Begin after this cursor, of the query or of the subscription; with what comes next when omitted."
        )]
        after: Option<String>,
        #[graphql(desc = "Complete after so many; never when omitted.")] first: Option<i32>,
        #[graphql(desc = "Which ones. The dataset must exist, unless it is named by id.")] filter: Option<
            ChangeFilterInput,
        >,
    ) -> Result<impl Stream<Item = Result<Change>>> {
        let first = match first.map(usize::try_from).transpose() {
            Ok(first) => first.unwrap_or(usize::MAX),
            Err(_) => {
                return Err(Error::bad_input(
                    &["first"],
                    "expected `first` not to be negative",
                ));
            }
        };
        let after = match after {
            Some(cursor) => Some(feed().position(&cursor).ok_or_else(|| foreign_cursor("after"))?),
            None => None,
        };
        let mut filter = filter.unwrap_or_default().into_store()?;
        if let Some(dataset) = filter.dataset.take() {
            filter.dataset = Some(followed(ctx, dataset).await?);
        }
        let changes = ctx.feed().follow(ctx.store().clone(), filter, after).await?;
        let turn: Option<Turn> = ctx.data_opt().cloned();
        Ok(changes
            .then(move |change| {
                let turn = turn.clone();
                async move {
                    if let Some(turn) = turn {
                        turn.take().await;
                    }
                    change.map(Into::into).map_err(Error::from)
                }
            })
            .take(first))
    }
}

/// The dataset by its id, which stays when the dataset goes.
async fn followed(ctx: &Context<'_>, dataset: DatasetRef) -> Result<DatasetRef> {
    if let DatasetRef::Id(_) = dataset {
        return Ok(dataset);
    }
    let found = ctx.store().dataset_find(&dataset).await?;
    let missing = || {
        Error::bad_input(
            &["filter", "dataset"],
            "expected the id or the slug of an existing dataset",
        )
    };
    Ok(DatasetRef::Id(found.ok_or_else(missing)?.id))
}
