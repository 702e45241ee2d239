//! `deleteDataset`.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use crate::graphql::connection::to_int;
use crate::graphql::context::ContextExt;
use crate::graphql::id::GlobalId;
use crate::graphql::reference::DatasetRefInput;
use crate::graphql::scalar::BigInt;
use crate::graphql::user_error::{UserError, settle};
use crate::store::dataset::{self as store, DatasetDelete};

/// The mutation that deletes datasets.
#[derive(Default)]
pub struct DatasetDeleteMutation;

#[Object]
impl DatasetDeleteMutation {
    /// Deletes a dataset for good, archived or not: its versions, schema versions, drafts and policy. Its files are queued for
    /// removal, and go when the grace of its retention policy is over, but for those that another dataset names. While snapshots
    /// pin a version it is refused. Its audit events stay, and its slug can be used again at once, by another dataset.
    ///
    /// Once the gateway identifies its callers, this needs the scope of an administrator.
    async fn delete_dataset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The dataset, and its slug once more.")] input: DeleteDatasetInput,
    ) -> Result<DeleteDatasetPayload> {
        let delete = DatasetDelete {
            dataset: input.dataset.into_store(),
            confirm_slug: input.confirm_slug,
        };
        let named = [delete.dataset.clone()];
        let result = ctx.store().dataset_delete(ctx.requester(), delete).await;
        let (deleted, user_errors) = settle(ctx, &named, result.map(DeletedDataset::from)).await?;
        Ok(DeleteDatasetPayload { deleted, user_errors })
    }
}

/// A dataset to delete.
#[derive(Debug, InputObject)]
pub struct DeleteDatasetInput {
    /// The dataset.
    pub dataset: DatasetRefInput,
    /// Its slug, in any case: whoever deletes a dataset names it twice.
    pub confirm_slug: String,
}

/// What became of the dataset.
#[derive(SimpleObject)]
pub struct DeleteDatasetPayload {
    /// The dataset that is gone; null when the request was refused.
    pub deleted: Option<DeletedDataset>,
    /// All that is wrong with the request. Nothing was changed when it is not empty.
    pub user_errors: Vec<UserError>,
}

/// A dataset that is gone.
#[derive(SimpleObject)]
pub struct DeletedDataset {
    /// The global id that it had. Its files are found by it in `fileRemovals`.
    pub id: ID,
    /// The slug that it had. Its audit events are found by it.
    pub slug: String,
    /// How many files were queued for removal. Those that were queued before are not counted.
    pub queued_files: i32,
    /// Their bytes.
    pub queued_bytes: BigInt,
}

impl From<store::DatasetDeleted> for DeletedDataset {
    fn from(deleted: store::DatasetDeleted) -> Self {
        Self {
            id: GlobalId::Dataset(deleted.id).encode(),
            slug: deleted.slug,
            queued_files: to_int(deleted.queued_files.unsigned_abs()),
            queued_bytes: deleted.queued_bytes.into(),
        }
    }
}
