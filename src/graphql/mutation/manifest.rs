//! `publishManifest` and `publishManifests`.

use async_graphql::{Context, InputObject, Object, Result};

use super::partition::{PartitionInput, partitions_into_store};
use super::published::{PublishManifestPayload, PublishManifestsPayload};
use crate::graphql::context::ContextExt;
use crate::graphql::enums::{DuplicatePolicy, ManifestOperation};
use crate::graphql::listed::Listed;
use crate::graphql::reference::{DatasetRefInput, PartitionRefInput, SchemaRefInput};
use crate::graphql::scalar::{BigInt, DateTime, Json};
use crate::store::publish::{ManifestPublish, WatermarkAdvance};

/// Mutations of manifests.
#[derive(Default)]
pub struct ManifestMutation;

#[Object]
impl ManifestMutation {
    /// Publishes the next version of a dataset: files to add, files to remove, and their schema, all in one transaction.
    async fn publish_manifest(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The manifest.")] input: PublishManifestInput,
    ) -> Result<PublishManifestPayload> {
        let named = [input.dataset.clone().into_store()];
        let result = ctx
            .store()
            .manifest_publish(ctx.requester(), input.into_store(ctx)?)
            .await;
        PublishManifestPayload::new(ctx, &named, result).await
    }

    /// Publishes the next versions of several datasets, all or none.
    async fn publish_manifests(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The manifests.")] input: PublishManifestsInput,
    ) -> Result<PublishManifestsPayload> {
        let manifests = input.manifests.into_iter();
        let manifests: Vec<_> = manifests.map(|one| one.into_store(ctx)).collect::<Result<_>>()?;
        let named: Vec<_> = manifests.iter().map(|one| one.dataset.clone()).collect();
        let result = ctx.store().manifests_publish(ctx.requester(), manifests).await;
        PublishManifestsPayload::new(ctx, &named, result).await
    }
}

/// A manifest to publish. Files are removed before others are added, so that a path can be given to another file.
#[derive(Debug, InputObject)]
pub struct PublishManifestInput {
    /// The dataset.
    pub dataset: DatasetRefInput,
    /// What is done. `APPEND` only adds and `DELETE` only removes; `REPLACE` and `COMPACT` remove and add, and `COMPACT` keeps the
    /// number of rows. The others are not for publishers.
    #[graphql(default_with = "Some(ManifestOperation::Append)")]
    pub operation: Option<ManifestOperation>,
    /// The schema of the files to add. When omitted, the newest one of the dataset.
    pub schema: Option<SchemaRefInput>,
    /// Files to add.
    #[graphql(default_with = "Some(Listed::default())")]
    pub add: Option<Listed<PartitionInput>>,
    /// Files to remove. Naming one twice counts once.
    #[graphql(default_with = "Some(Vec::new())")]
    pub remove: Option<Vec<PartitionRefInput>>,
    /// Whether to remove every file of the expected version. Needs `expectedVersion`.
    #[graphql(default_with = "Some(false)")]
    pub remove_all: Option<bool>,
    /// The version that the dataset must be at; 0: it has none yet. When omitted, the manifest follows whatever is newest.
    pub expected_version: Option<i32>,
    /// What to do with files that are there already.
    #[graphql(default_with = "Some(DuplicatePolicy::Reject)")]
    pub on_duplicate: Option<DuplicatePolicy>,
    /// A key of the client's choice. The same request with the same key is done once, and answered alike every time.
    pub idempotency_key: Option<String>,
    /// How far the source has come with this manifest.
    pub watermark: Option<WatermarkInput>,
    /// What the publisher says about the manifest, an object.
    pub summary: Option<Json>,
    /// Free metadata, an object.
    pub metadata: Option<Json>,
}

/// How far a source of a dataset has come.
#[derive(Debug, InputObject)]
pub struct WatermarkInput {
    /// The source, as it names itself.
    pub source: String,
    /// No rows before this are still to come from the source. An instant before the one that is known changes nothing.
    pub sealed_through: DateTime,
    /// A number that grows with each new publisher of the source. A publish with a lower one than was seen is refused.
    pub fencing_token: Option<BigInt>,
}

/// Manifests to publish together.
#[derive(Debug, InputObject)]
pub struct PublishManifestsInput {
    /// The manifests, each of another dataset.
    pub manifests: Vec<PublishManifestInput>,
}

impl PublishManifestInput {
    fn into_store(self, ctx: &Context<'_>) -> Result<ManifestPublish> {
        Ok(ManifestPublish {
            dataset: self.dataset.into_store(),
            operation: self.operation.unwrap_or(ManifestOperation::Append).into(),
            schema: self.schema.map(SchemaRefInput::into_store),
            add: partitions_into_store(ctx, self.add)?,
            remove: self
                .remove
                .unwrap_or_default()
                .into_iter()
                .map(PartitionRefInput::into_store)
                .collect(),
            remove_all: self.remove_all.unwrap_or(false),
            expected_version: self.expected_version,
            on_duplicate: self.on_duplicate.unwrap_or(DuplicatePolicy::Reject).into(),
            idempotency_key: self.idempotency_key,
            watermark: self.watermark.map(WatermarkInput::into_store),
            summary: self.summary.map(|json| json.0),
            metadata: self.metadata.map(|json| json.0),
        })
    }
}

impl WatermarkInput {
    fn into_store(self) -> WatermarkAdvance {
        WatermarkAdvance {
            source: self.source,
            sealed_through: self.sealed_through.0,
            fencing_token: self.fencing_token.map(|token| token.0),
        }
    }
}
