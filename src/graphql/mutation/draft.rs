//! `createManifestDraft`, `stagePartitions`, `publishManifestDraft` and `discardManifestDraft`.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use super::partition::{PartitionInput, partitions_into_store};
use super::published::{PublishManifestPayload, SkippedPartition};
use crate::graphql::context::ContextExt;
use crate::graphql::draft::ManifestDraft;
use crate::graphql::enums::{DuplicatePolicy, ManifestOperation};
use crate::graphql::id::GlobalId;
use crate::graphql::listed::Listed;
use crate::graphql::reference::{DatasetRefInput, PartitionRefInput, SchemaRefInput};
use crate::graphql::scalar::Json;
use crate::graphql::user_error::{UserError, settle};
use crate::store::draft::{DraftCreate, DraftPublish, DraftStage};

/// Mutations of drafts.
#[derive(Default)]
pub struct DraftMutation;

#[Object]
impl DraftMutation {
    /// Begins a draft: a manifest too large for one request. Files are staged in it, any number of times, and are seen by nobody
    /// until it is published. A draft that nobody publishes expires.
    async fn create_manifest_draft(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The draft.")] input: CreateManifestDraftInput,
    ) -> Result<CreateManifestDraftPayload> {
        let named = [input.dataset.clone().into_store()];
        let result = ctx
            .store()
            .draft_create(ctx.requester(), input.into_store())
            .await;
        let (draft, user_errors) = settle(ctx, &named, result.map(ManifestDraft::from)).await?;
        Ok(CreateManifestDraftPayload { draft, user_errors })
    }

    /// Stages files in a draft, to be added or removed when it is published.
    async fn stage_partitions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The files.")] input: StagePartitionsInput,
    ) -> Result<StagePartitionsPayload> {
        let named = [GlobalId::draft(&input.draft).dataset()];
        let result = ctx
            .store()
            .draft_stage(ctx.requester(), input.into_store(ctx)?)
            .await;
        let (staged, user_errors) = settle(ctx, &named, result).await?;
        let (draft, skipped) = staged.unzip();
        Ok(StagePartitionsPayload {
            draft: draft.map(Into::into),
            skipped: skipped.into_iter().flatten().map(Into::into).collect(),
            user_errors,
        })
    }

    /// Publishes a draft as the next version of its dataset. Publishing it again answers as the first time.
    async fn publish_manifest_draft(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The draft.")] input: PublishManifestDraftInput,
    ) -> Result<PublishManifestPayload> {
        let named = [GlobalId::draft(&input.draft).dataset()];
        let result = ctx
            .store()
            .draft_publish(ctx.requester(), input.into_store())
            .await;
        PublishManifestPayload::new(ctx, &named, result).await
    }

    /// Throws a draft away, with what was staged in it.
    async fn discard_manifest_draft(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The draft.")] input: DiscardManifestDraftInput,
    ) -> Result<DiscardManifestDraftPayload> {
        let draft = GlobalId::draft(&input.draft);
        let result = ctx.store().draft_discard(ctx.requester(), &draft).await;
        let (draft, user_errors) = settle(ctx, &[draft.dataset()], result.map(ManifestDraft::from)).await?;
        Ok(DiscardManifestDraftPayload { draft, user_errors })
    }
}

/// A draft to begin.
#[derive(Debug, InputObject)]
pub struct CreateManifestDraftInput {
    /// The dataset.
    pub dataset: DatasetRefInput,
    /// What is going to be done, as in `publishManifest`.
    #[graphql(default_with = "Some(ManifestOperation::Append)")]
    pub operation: Option<ManifestOperation>,
    /// The schema of the files to add. When omitted, the newest one of the dataset at the time of the publish.
    pub schema: Option<SchemaRefInput>,
    /// The version that the dataset must be at when the draft is published; 0: it has none yet.
    pub expected_version: Option<i32>,
    /// What the publisher says about the manifest, an object.
    pub summary: Option<Json>,
    /// Free metadata of the manifest, an object.
    pub metadata: Option<Json>,
}

/// Files to stage.
#[derive(Debug, InputObject)]
pub struct StagePartitionsInput {
    /// The id of the draft.
    pub draft: ID,
    /// Files to add.
    #[graphql(default_with = "Some(Listed::default())")]
    pub add: Option<Listed<PartitionInput>>,
    /// Files to remove.
    #[graphql(default_with = "Some(Vec::new())")]
    pub remove: Option<Vec<PartitionRefInput>>,
    /// What to do with files that are there already, now and when the draft is published.
    #[graphql(default_with = "Some(DuplicatePolicy::Reject)")]
    pub on_duplicate: Option<DuplicatePolicy>,
}

/// A draft to publish.
#[derive(Debug, InputObject)]
pub struct PublishManifestDraftInput {
    /// The id of the draft.
    pub draft: ID,
    /// The version that the dataset must be at; 0: it has none yet. When omitted, what the draft expects.
    pub expected_version: Option<i32>,
    /// A key of the client's choice. The same request with the same key is done once, and answered alike every time.
    pub idempotency_key: Option<String>,
}

/// A draft to throw away.
#[derive(Debug, InputObject)]
pub struct DiscardManifestDraftInput {
    /// The id of the draft.
    pub draft: ID,
}

/// The draft that was begun.
#[derive(SimpleObject)]
pub struct CreateManifestDraftPayload {
    /// The draft; null when the request was refused.
    pub draft: Option<ManifestDraft>,
    /// All that is wrong with the request. Nothing was changed when it is not empty.
    pub user_errors: Vec<UserError>,
}

/// The draft with what was staged.
#[derive(SimpleObject)]
pub struct StagePartitionsPayload {
    /// The draft; null when the request was refused.
    pub draft: Option<ManifestDraft>,
    /// Files that were left out, since they were there already.
    pub skipped: Vec<SkippedPartition>,
    /// All that is wrong with the request. Nothing was changed when it is not empty.
    pub user_errors: Vec<UserError>,
}

/// The draft as it was before it was thrown away.
#[derive(SimpleObject)]
pub struct DiscardManifestDraftPayload {
    /// The draft; null when the request was refused.
    pub draft: Option<ManifestDraft>,
    /// All that is wrong with the request. Nothing was changed when it is not empty.
    pub user_errors: Vec<UserError>,
}

impl CreateManifestDraftInput {
    fn into_store(self) -> DraftCreate {
        DraftCreate {
            dataset: self.dataset.into_store(),
            operation: self.operation.unwrap_or(ManifestOperation::Append).into(),
            schema: self.schema.map(SchemaRefInput::into_store),
            expected_version: self.expected_version,
            summary: self.summary.map(|json| json.0),
            metadata: self.metadata.map(|json| json.0),
        }
    }
}

impl StagePartitionsInput {
    fn into_store(self, ctx: &Context<'_>) -> Result<DraftStage> {
        Ok(DraftStage {
            draft: GlobalId::draft(&self.draft),
            add: partitions_into_store(ctx, self.add)?,
            remove: self
                .remove
                .unwrap_or_default()
                .into_iter()
                .map(PartitionRefInput::into_store)
                .collect(),
            on_duplicate: self.on_duplicate.unwrap_or(DuplicatePolicy::Reject).into(),
        })
    }
}

impl PublishManifestDraftInput {
    fn into_store(self) -> DraftPublish {
        DraftPublish {
            draft: GlobalId::draft(&self.draft),
            expected_version: self.expected_version,
            idempotency_key: self.idempotency_key,
        }
    }
}
