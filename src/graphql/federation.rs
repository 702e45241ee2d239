//! What other subgraphs of an Apollo Federation 2 graph know by its key. What is not there, or not for the caller, is null.
//!
//! The library derives `_entities`, `_service` and the keys of the types from these.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};

use super::context::ContextExt;
use super::dataset::Dataset;
use super::datasets::named;
use super::error::Result;
use super::manifest::Manifest;
use super::node::{Node, load};
use super::partition::Partition;
use super::schema_version::SchemaVersion;
use super::snapshot::Snapshot;
use super::storage_target::StorageTarget;
use crate::store::DatasetRef;

/// Entities by their keys.
#[derive(Debug, Default)]
pub struct EntityQuery;

/// What `id` names, where it is one of `$kind`.
macro_rules! by_id {
    ($ctx:expr, $id:expr, $kind:ident) => {
        Ok(match load($ctx.loaders(), &$id).await? {
            Some(Node::$kind(found)) => Some(found),
            _ => None,
        })
    };
}

#[Object]
impl EntityQuery {
    #[graphql(entity)]
    async fn dataset_by_id(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Arc<Dataset>>> {
        by_id!(ctx, id, Dataset)
    }

    #[graphql(entity)]
    async fn dataset_by_slug(&self, ctx: &Context<'_>, slug: String) -> Result<Option<Arc<Dataset>>> {
        named(ctx, DatasetRef::Slug(slug)).await
    }

    #[graphql(entity)]
    async fn storage_target_by_id(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Arc<StorageTarget>>> {
        by_id!(ctx, id, StorageTarget)
    }

    #[graphql(entity)]
    async fn schema_version_by_id(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Arc<SchemaVersion>>> {
        by_id!(ctx, id, SchemaVersion)
    }

    #[graphql(entity)]
    async fn manifest_by_id(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Arc<Manifest>>> {
        by_id!(ctx, id, Manifest)
    }

    #[graphql(entity)]
    async fn partition_by_id(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Arc<Partition>>> {
        by_id!(ctx, id, Partition)
    }

    #[graphql(entity)]
    async fn snapshot_by_id(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Arc<Snapshot>>> {
        by_id!(ctx, id, Snapshot)
    }
}
