//! Whatever has a global id.

use std::sync::Arc;

use async_graphql::{Context, ID, Interface, Object};
use futures_util::future::{try_join, try_join_all};
use timestore_entity::ids::DatasetId;

use super::api_token::ApiToken;
use super::audit_event::AuditEvent;
use super::context::ContextExt;
use super::dataset::Dataset;
use super::draft::ManifestDraft;
use super::error::{Error, Result};
use super::file_removal::FileRemoval;
use super::id::GlobalId;
use super::keys::{
    ApiTokenById, AuditEventById, DatasetById, DraftByKey, FileRemovalByKey, LifecycleRunById, ManifestByKey,
    PartitionByKey, SchemaVersionByKey, SnapshotByKey, StorageTargetById,
};
use super::lifecycle_run::LifecycleRun;
use super::loader::{Key, Loaders};
use super::manifest::Manifest;
use super::partition::Partition;
use super::schema_version::SchemaVersion;
use super::snapshot::Snapshot;
use super::storage_target::StorageTarget;
use crate::auth::Scope;
use crate::store::access::own_scopes;

/// The most ids that `nodes` takes.
const MAX_IDS: usize = 100;

/// Whatever has a global id.
#[derive(Clone, Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "The global id."))]
pub enum Node {
    /// A dataset.
    Dataset(Arc<Dataset>),
    /// A storage target.
    StorageTarget(Arc<StorageTarget>),
    /// A schema version.
    SchemaVersion(Arc<SchemaVersion>),
    /// A version.
    Manifest(Arc<Manifest>),
    /// A file.
    Partition(Arc<Partition>),
    /// A snapshot.
    Snapshot(Arc<Snapshot>),
    /// A draft.
    ManifestDraft(Arc<ManifestDraft>),
    /// A file that no version needs any more.
    FileRemoval(Arc<FileRemoval>),
    /// An audit event.
    AuditEvent(Arc<AuditEvent>),
    /// A lifecycle run.
    LifecycleRun(Arc<LifecycleRun>),
    /// An API token.
    ApiToken(Arc<ApiToken>),
}

/// What a global id names, if there is such a thing.
pub(super) async fn load(loaders: &Loaders, id: &ID) -> Result<Option<Node>> {
    let Some(id) = GlobalId::decode(id) else {
        return Ok(None);
    };
    Ok(match id {
        GlobalId::Dataset(id) => loaders.load(DatasetById(id)).await?.map(Node::Dataset),
        GlobalId::StorageTarget(id) if loaders.store().viewer().holds(Scope::Read) => loaders
            .load(StorageTargetById(id))
            .await?
            .map(Node::StorageTarget),
        GlobalId::StorageTarget(_) => None,
        GlobalId::SchemaVersion(dataset, version) => {
            load_of(loaders, dataset, SchemaVersionByKey((dataset, version)))
                .await?
                .map(|(_, found)| Node::SchemaVersion(found))
        }
        GlobalId::Manifest(dataset, version) => load_of(loaders, dataset, ManifestByKey((dataset, version)))
            .await?
            .map(|(_, found)| Node::Manifest(found)),
        GlobalId::Partition(dataset, id) => load_of(loaders, dataset, PartitionByKey((dataset, id)))
            .await?
            .map(|(_, found)| Node::Partition(found)),
        GlobalId::Snapshot(dataset, id) => load_of(loaders, dataset, SnapshotByKey((dataset, id)))
            .await?
            .map(|(_, found)| Node::Snapshot(found)),
        GlobalId::FileRemoval(dataset, id) => loaders
            .load(FileRemovalByKey((dataset, id)))
            .await?
            .map(Node::FileRemoval),
        // A draft is its authors' until it is published.
        GlobalId::ManifestDraft(dataset, id) => load_of(loaders, dataset, DraftByKey((dataset, id)))
            .await?
            .filter(|(dataset, _)| loaders.store().viewer().may_write(own_scopes(&dataset.model)))
            .map(|(_, found)| Node::ManifestDraft(found)),
        GlobalId::ApiToken(id) => loaders.load(ApiTokenById(id)).await?.map(Node::ApiToken),
        GlobalId::AuditEvent(id) => loaders.load(AuditEventById(id)).await?.map(Node::AuditEvent),
        GlobalId::LifecycleRun(id) => loaders.load(LifecycleRunById(id)).await?.map(Node::LifecycleRun),
    })
}

/// What `key` names in a dataset that the caller may read, and that dataset.
async fn load_of<K: Key>(
    loaders: &Loaders,
    dataset: DatasetId,
    key: K,
) -> Result<Option<(Arc<Dataset>, K::Value)>> {
    let (dataset, found) = try_join(loaders.load(DatasetById(dataset)), loaders.load(key)).await?;
    Ok(dataset.zip(found))
}

/// Queries of whatever has a global id.
#[derive(Debug, Default)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// What a global id names; null when there is no such thing.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The global id.")] id: ID,
    ) -> Result<Option<Node>> {
        load(ctx.loaders(), &id).await
    }

    /// What global ids name, in their order, with null for those that name nothing.
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The global ids, at most 100.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Node>>> {
        if ids.len() > MAX_IDS {
            return Err(Error::bad_input(
                &["ids"],
                format!("expected at most {MAX_IDS} ids, not {}", ids.len()),
            ));
        }
        try_join_all(ids.iter().map(|id| load(ctx.loaders(), id))).await
    }
}
