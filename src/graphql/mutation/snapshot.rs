//! `createSnapshot` and `deleteSnapshot`.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};

use crate::graphql::context::ContextExt;
use crate::graphql::reference::{DatasetRefInput, ManifestRefInput};
use crate::graphql::scalar::DateTime;
use crate::graphql::snapshot::Snapshot;
use crate::graphql::user_error::{UserError, settle};
use crate::store::snapshot::SnapshotCreate;

/// Mutations of snapshots.
#[derive(Default)]
pub struct SnapshotMutation;

#[Object]
impl SnapshotMutation {
    /// Pins a version of a dataset under a name: it can be read, and its files stay, for as long as the snapshot lasts. Creating
    /// an equal snapshot again returns it.
    async fn create_snapshot(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The snapshot.")] input: CreateSnapshotInput,
    ) -> Result<CreateSnapshotPayload> {
        let named = [input.dataset.clone().into_store()];
        let result = ctx
            .store()
            .snapshot_create(ctx.requester(), input.into_store())
            .await;
        let (snapshot, user_errors) = settle(ctx, &named, result.map(Snapshot::from)).await?;
        Ok(CreateSnapshotPayload {
            snapshot,
            user_errors,
        })
    }

    /// Deletes a snapshot. The version that it pinned is from then on like any other.
    async fn delete_snapshot(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The snapshot.")] input: DeleteSnapshotInput,
    ) -> Result<DeleteSnapshotPayload> {
        let dataset = input.dataset.into_store();
        let result = ctx
            .store()
            .snapshot_delete(ctx.requester(), &dataset, &input.name)
            .await;
        let (snapshot, user_errors) = settle(ctx, &[dataset], result.map(Snapshot::from)).await?;
        Ok(DeleteSnapshotPayload {
            snapshot,
            user_errors,
        })
    }
}

/// A snapshot to create.
#[derive(Debug, InputObject)]
pub struct CreateSnapshotInput {
    /// The dataset.
    pub dataset: DatasetRefInput,
    /// Its name, unique among the snapshots of the dataset.
    pub name: String,
    /// The version to pin. When omitted, the current one.
    pub at: Option<ManifestRefInput>,
    /// What people should know about it.
    pub description: Option<String>,
    /// When it ends by itself. When omitted, it lasts until it is deleted.
    pub expires_at: Option<DateTime>,
}

/// A snapshot to delete.
#[derive(Debug, InputObject)]
pub struct DeleteSnapshotInput {
    /// The dataset.
    pub dataset: DatasetRefInput,
    /// The name of the snapshot.
    pub name: String,
}

/// The snapshot that was created.
#[derive(SimpleObject)]
pub struct CreateSnapshotPayload {
    /// The snapshot; null when the request was refused.
    pub snapshot: Option<Snapshot>,
    /// All that is wrong with the request. Nothing was changed when it is not empty.
    pub user_errors: Vec<UserError>,
}

/// The snapshot as it was before it was deleted.
#[derive(SimpleObject)]
pub struct DeleteSnapshotPayload {
    /// The snapshot; null when the request was refused.
    pub snapshot: Option<Snapshot>,
    /// All that is wrong with the request. Nothing was changed when it is not empty.
    pub user_errors: Vec<UserError>,
}

impl CreateSnapshotInput {
    fn into_store(self) -> SnapshotCreate {
        SnapshotCreate {
            dataset: self.dataset.into_store(),
            name: self.name,
            at: self.at.map(ManifestRefInput::into_store),
            description: self.description,
            expires_at: self.expires_at.map(|time| time.0),
        }
    }
}
