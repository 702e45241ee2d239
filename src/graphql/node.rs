//! Whatever has a global id.

use std::sync::Arc;

use async_graphql::{Context, ID, Interface, Object};
use futures_util::future::try_join_all;

use super::audit_event::AuditEvent;
use super::context::ContextExt;
use super::dataset::Dataset;
use super::draft::ManifestDraft;
use super::error::{Error, Result};
use super::file_removal::FileRemoval;
use super::id::GlobalId;
use super::keys::{
    AuditEventById, DatasetById, DraftByKey, FileRemovalByKey, LifecycleRunById, ManifestByKey,
    PartitionByKey, SchemaVersionByKey, SnapshotByKey, StorageTargetById,
};
use super::lifecycle_run::LifecycleRun;
use super::loader::Loaders;
use super::manifest::Manifest;
use super::partition::Partition;
use super::schema_version::SchemaVersion;
use super::snapshot::Snapshot;
use super::storage_target::StorageTarget;

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
}

/// What a global id names, if there is such a thing.
async fn load(loaders: &Loaders, id: &ID) -> Result<Option<Node>> {
    let Some(id) = GlobalId::decode(id) else {
        return Ok(None);
    };
    Ok(match id {
        GlobalId::Dataset(id) => loaders.load(DatasetById(id)).await?.map(Node::Dataset),
        GlobalId::StorageTarget(id) => loaders
            .load(StorageTargetById(id))
            .await?
            .map(Node::StorageTarget),
        GlobalId::SchemaVersion(dataset, version) => loaders
            .load(SchemaVersionByKey((dataset, version)))
            .await?
            .map(Node::SchemaVersion),
        GlobalId::Manifest(dataset, version) => loaders
            .load(ManifestByKey((dataset, version)))
            .await?
            .map(Node::Manifest),
        GlobalId::Partition(dataset, id) => loaders
            .load(PartitionByKey((dataset, id)))
            .await?
            .map(Node::Partition),
        GlobalId::Snapshot(dataset, id) => loaders
            .load(SnapshotByKey((dataset, id)))
            .await?
            .map(Node::Snapshot),
        GlobalId::FileRemoval(dataset, id) => loaders
            .load(FileRemovalByKey((dataset, id)))
            .await?
            .map(Node::FileRemoval),
        GlobalId::ManifestDraft(dataset, id) => loaders
            .load(DraftByKey((dataset, id)))
            .await?
            .map(Node::ManifestDraft),
        GlobalId::AuditEvent(id) => loaders.load(AuditEventById(id)).await?.map(Node::AuditEvent),
        GlobalId::LifecycleRun(id) => loaders.load(LifecycleRunById(id)).await?.map(Node::LifecycleRun),
    })
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
