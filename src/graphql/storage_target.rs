//! Storage targets: where files lie.

use std::sync::Arc;

use async_graphql::parser::types::Field;
use async_graphql::{Context, ID, Object};
use timestore_entity::storage_target::Model;

use super::connection::{Connection, Count, Listed};
use super::context::ContextExt;
use super::enums::StorageKind;
use super::error::Result;
use super::id::GlobalId;
use super::pagination::{List, MAX_LIMIT, PageArgs};
use super::plain::{Plain, Planner, Step};
use super::reference::StorageTargetRefInput;
use super::scalar::{DateTime, Json};

/// A place that holds partition files.
#[derive(Clone, Debug, PartialEq)]
pub struct StorageTarget(pub Model);

impl From<Model> for StorageTarget {
    fn from(model: Model) -> Self {
        Self(model)
    }
}

impl Listed for StorageTarget {
    const NAME: &'static str = "StorageTarget";
    type Position = String;

    fn position(&self) -> String {
        self.0.name.clone()
    }
}

impl StorageTarget {
    fn global_id(&self) -> GlobalId {
        GlobalId::StorageTarget(self.0.id)
    }
}

impl Plain for StorageTarget {
    fn step<'p>(field: &'p Field, _: &Planner<'p>) -> Option<Step<'p, Self>>
    where
        Self: 'p,
    {
        Some(Step::Scalar(match field.name.node.as_str() {
            "id" => |target, json| json.id(target.global_id()),
            "name" => |target, json| json.text(&target.0.name),
            "kind" => |target, json| json.one_of(StorageKind::from(target.0.kind)),
            "baseUri" => |target, json| json.text(&target.0.base_uri),
            "description" => |target, json| json.value(&target.0.description),
            "config" => |target, json| json.json(&target.0.config),
            "createdAt" => |target, json| json.instant(target.0.created_at),
            "updatedAt" => |target, json| json.instant(target.0.updated_at),
            _ => return None,
        }))
    }
}

/// A place that holds partition files: a directory, a bucket, a container, a web server.
#[Object]
impl StorageTarget {
    /// The global id.
    pub async fn id(&self) -> ID {
        self.global_id().encode()
    }

    /// The name, unique in the catalog.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What kind of storage it is.
    async fn kind(&self) -> StorageKind {
        self.0.kind.into()
    }

    /// The URI that file paths are relative to, without a trailing slash: the one spelling that its place has.
    async fn base_uri(&self) -> &str {
        &self.0.base_uri
    }

    /// What people should know about it.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// Settings for clients, such as a region, an endpoint or the name of a credential; never a secret.
    async fn config(&self) -> Json {
        Json(self.0.config.clone())
    }

    /// When it was created.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// When it was last changed.
    async fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }
}

/// Queries of storage targets.
#[derive(Debug, Default)]
pub struct StorageTargetQuery;

#[Object]
impl StorageTargetQuery {
    /// The storage target that `by` names; null when there is none.
    async fn storage_target(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] by: StorageTargetRefInput,
    ) -> Result<Option<StorageTarget>> {
        let found = ctx.store().storage_target_find(&by.into_store()).await?;
        Ok(found.map(Into::into))
    }

    /// The storage targets, by name.
    async fn storage_targets(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, up to 100; 50 when omitted.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only those of this kind.")] kind: Option<StorageKind>,
    ) -> Result<Connection<StorageTarget>> {
        let list = List::of_all("storageTargets");
        let page = PageArgs::forwards(first, after).page(&list, MAX_LIMIT)?;
        let kind = kind.map(Into::into);
        let rows = ctx
            .store()
            .storage_target_page(kind, &page)
            .await?
            .map(Into::into);
        Ok(Connection::new(
            list,
            page,
            Arc::new(rows),
            Count::StorageTargets(kind),
        ))
    }
}
