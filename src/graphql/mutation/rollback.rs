//! `rollbackDataset`.

use async_graphql::{Context, InputObject, Object, Result};

use super::published::PublishManifestPayload;
use crate::graphql::context::ContextExt;
use crate::graphql::reference::DatasetRefInput;
use crate::store::publish::Rollback;

/// Mutations that bring versions back.
#[derive(Default)]
pub struct RollbackMutation;

#[Object]
impl RollbackMutation {
    /// Publishes a new version with the files of an earlier one. The versions between them stay as they are.
    async fn rollback_dataset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The dataset, and the version to bring back.")] input: RollbackDatasetInput,
    ) -> Result<PublishManifestPayload> {
        let named = [input.dataset.clone().into_store()];
        let result = ctx
            .store()
            .dataset_rollback(ctx.requester(), input.into_store())
            .await;
        PublishManifestPayload::new(ctx, &named, result).await
    }
}

/// A version to bring back.
#[derive(Debug, InputObject)]
pub struct RollbackDatasetInput {
    /// The dataset.
    pub dataset: DatasetRefInput,
    /// The version whose files to bring back.
    pub to: i32,
    /// The version that the dataset must be at. When omitted, whatever it is at.
    pub expected_version: Option<i32>,
    /// A key of the client's choice. The same request with the same key is done once, and answered alike every time.
    pub idempotency_key: Option<String>,
}

impl RollbackDatasetInput {
    fn into_store(self) -> Rollback {
        Rollback {
            dataset: self.dataset.into_store(),
            to: self.to,
            expected_version: self.expected_version,
            idempotency_key: self.idempotency_key,
        }
    }
}
