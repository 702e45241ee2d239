//! `relocatePartitions`.

use async_graphql::{Context, InputObject, Object, Result};

use super::published::PublishManifestPayload;
use crate::graphql::context::ContextExt;
use crate::graphql::reference::{DatasetRefInput, PartitionRefInput, StorageTargetRefInput};
use crate::store::relocate::{PartitionMove, PartitionsRelocate};

/// Mutations that say that files lie elsewhere.
#[derive(Default)]
pub struct RelocateMutation;

#[Object]
impl RelocateMutation {
    /// Publishes a version with the same files under other storage targets or paths, once they have been copied there. Earlier
    /// versions keep naming the old copies, which are queued for removal when the last of those versions expires.
    async fn relocate_partitions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The files, and where they lie now.")] input: RelocatePartitionsInput,
    ) -> Result<PublishManifestPayload> {
        let input = input.into_store();
        let named = [input.dataset.clone()];
        let result = ctx.store().partitions_relocate(ctx.requester(), input).await;
        PublishManifestPayload::new(ctx, &named, result).await
    }
}

/// Files that lie elsewhere now.
#[derive(Debug, InputObject)]
pub struct RelocatePartitionsInput {
    /// The dataset.
    pub dataset: DatasetRefInput,
    /// The files, up to 10,000.
    pub moves: Vec<PartitionMoveInput>,
    /// The version that the dataset must be at. When omitted, whatever it is at.
    pub expected_version: Option<i32>,
    /// A key of the client's choice. The same request with the same key is done once, and answered alike every time.
    pub idempotency_key: Option<String>,
}

/// A file of the current version, and where its copy lies.
#[derive(Debug, InputObject)]
#[graphql(name = "PartitionMove")]
pub struct PartitionMoveInput {
    /// The file.
    pub partition: PartitionRefInput,
    /// Where its copy lies.
    pub storage_target: StorageTargetRefInput,
    /// The path of the copy, relative to the base URI of that target. When omitted, the same as before.
    pub file_path: Option<String>,
}

impl RelocatePartitionsInput {
    fn into_store(self) -> PartitionsRelocate {
        let one = |one: PartitionMoveInput| PartitionMove {
            partition: one.partition.into_store(),
            storage_target: one.storage_target.into_store(),
            file_path: one.file_path,
        };
        PartitionsRelocate {
            dataset: self.dataset.into_store(),
            moves: self.moves.into_iter().map(one).collect(),
            expected_version: self.expected_version,
            idempotency_key: self.idempotency_key,
        }
    }
}
