//! The audit trail: who did what, and who was refused.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object};
use timestore_entity::audit_event::Model;

use super::connection::{Connection, Count, Listed};
use super::context::ContextExt;
use super::dataset::Dataset;
use super::enums::AuditOutcome;
use super::error::Result;
use super::id::GlobalId;
use super::keys::DatasetById;
use super::pagination::{List, MAX_LIMIT, PageArgs};
use super::plain::Plain;
use super::reference::DatasetRefInput;
use super::scalar::{DateTime, Json};
use crate::store::audit_event::{AuditEventFilter, AuditEventPosition};

/// One action of one caller.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEvent(pub Model);

impl From<Model> for AuditEvent {
    fn from(model: Model) -> Self {
        Self(model)
    }
}

impl Plain for AuditEvent {}

impl Listed for AuditEvent {
    const NAME: &'static str = "AuditEvent";
    type Position = AuditEventPosition;

    fn position(&self) -> AuditEventPosition {
        (self.0.occurred_at, self.0.id)
    }
}

/// One action of one caller.
#[Object]
impl AuditEvent {
    /// The global id.
    pub async fn id(&self) -> ID {
        GlobalId::AuditEvent(self.0.id).encode()
    }

    /// Who acted; null: an unknown caller.
    async fn actor(&self) -> Option<&str> {
        self.0.actor.as_deref()
    }

    /// The scopes that the caller had.
    async fn scopes(&self) -> Vec<&str> {
        let scopes = self.0.scopes.as_array();
        scopes
            .into_iter()
            .flatten()
            .filter_map(|scope| scope.as_str())
            .collect()
    }

    /// The mutation, by its name in this API.
    async fn action(&self) -> &str {
        &self.0.action
    }

    /// How it ended.
    async fn outcome(&self) -> AuditOutcome {
        self.0.outcome.into()
    }

    /// The dataset that it was about; null when it was about none, or the dataset is gone.
    async fn dataset(&self, ctx: &Context<'_>) -> Result<Option<Arc<Dataset>>> {
        match self.0.dataset_id {
            Some(id) => ctx.loaders().load(DatasetById(id)).await,
            None => Ok(None),
        }
    }

    /// The slug of that dataset, kept when the dataset goes.
    async fn dataset_slug(&self) -> Option<&str> {
        self.0.dataset_slug.as_deref()
    }

    /// What the action was in particular, an object that depends on it.
    async fn detail(&self) -> Json {
        Json(self.0.detail.clone())
    }

    /// When it happened.
    async fn occurred_at(&self) -> DateTime {
        self.0.occurred_at.into()
    }
}

/// Which audit events a list holds. Everything stated must hold.
#[derive(Clone, Debug, Default, InputObject)]
#[graphql(name = "AuditEventFilter")]
pub struct AuditEventFilterInput {
    /// Only those about this dataset. By slug, those of datasets that are gone are found too.
    pub dataset: Option<DatasetRefInput>,
    /// Only those of this caller.
    pub actor: Option<String>,
    /// Only those of the mutation with this name, such as `publishManifest`.
    pub action: Option<String>,
    /// Only those that ended so.
    pub outcome: Option<AuditOutcome>,
    /// Only those at or after this instant.
    pub from: Option<DateTime>,
    /// Only those before this instant, which is not before `from`.
    pub to: Option<DateTime>,
}

impl AuditEventFilterInput {
    fn into_store(self) -> AuditEventFilter {
        AuditEventFilter {
            dataset: self.dataset.map(DatasetRefInput::into_store),
            actor: self.actor,
            action: self.action,
            outcome: self.outcome.map(Into::into),
            from: self.from.map(|time| time.0),
            to: self.to.map(|time| time.0),
        }
    }
}

/// Queries of the audit trail.
#[derive(Debug, Default)]
pub struct AuditEventQuery;

#[Object]
impl AuditEventQuery {
    /// The audit trail, newest first: every mutation that changed something, and every one that was refused.
    async fn audit_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take so many from the front, up to 100; 50 when `last` is omitted too.")]
        first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take so many from the back, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which ones.")] filter: Option<AuditEventFilterInput>,
    ) -> Result<Connection<AuditEvent>> {
        let list = List::of_all("auditEvents");
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
            .audit_event_page(&filter, &page)
            .await?
            .map(Into::into);
        Ok(Connection::new(
            list,
            page,
            Arc::new(rows),
            Count::AuditEvents(filter),
        ))
    }
}
