//! Drafts: manifests staged over many requests.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use timestore_entity::manifest_draft::Model;

use super::context::ContextExt;
use super::dataset::Dataset;
use super::enums::ManifestOperation;
use super::error::Result;
use super::id::GlobalId;
use super::keys::{DatasetById, SchemaVersionByKey};
use super::scalar::{DateTime, Json};
use super::schema_version::SchemaVersion;

/// A manifest in the making.
#[derive(Clone, Debug, PartialEq)]
pub struct ManifestDraft(pub Model);

impl From<Model> for ManifestDraft {
    fn from(model: Model) -> Self {
        Self(model)
    }
}

/// A manifest in the making, too large for one request. Readers of the dataset see nothing of it until it is published.
#[Object]
impl ManifestDraft {
    /// The global id.
    pub async fn id(&self) -> ID {
        GlobalId::ManifestDraft(self.0.dataset_id, self.0.id).encode()
    }

    /// The dataset that it is for.
    async fn dataset(&self, ctx: &Context<'_>) -> Result<Arc<Dataset>> {
        ctx.loaders().expect(DatasetById(self.0.dataset_id)).await
    }

    /// What it is going to do.
    async fn operation(&self) -> ManifestOperation {
        self.0.operation.into()
    }

    /// The schema version that it names; null when it states fields, or leaves the choice to the dataset's newest.
    async fn schema_version(&self, ctx: &Context<'_>) -> Result<Option<Arc<SchemaVersion>>> {
        match self.0.schema_version {
            Some(version) => {
                ctx.loaders()
                    .load(SchemaVersionByKey((self.0.dataset_id, version)))
                    .await
            }
            None => Ok(None),
        }
    }

    /// The version that the dataset must have when it is published; null: any.
    async fn expected_version(&self) -> Option<i32> {
        self.0.expected_version
    }

    /// The files staged to be added.
    async fn added_count(&self) -> i32 {
        self.0.added_count
    }

    /// The files staged to be removed.
    async fn removed_count(&self) -> i32 {
        self.0.removed_count
    }

    /// What the publisher says about it, an object.
    async fn summary(&self) -> Json {
        Json(self.0.summary.clone())
    }

    /// Free metadata, an object.
    async fn metadata(&self) -> Json {
        Json(self.0.metadata.clone())
    }

    /// Who created it.
    async fn created_by(&self) -> Option<&str> {
        self.0.created_by.as_deref()
    }

    /// When it was created.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// When it is thrown away unless it is published before.
    async fn expires_at(&self) -> DateTime {
        self.0.expires_at.into()
    }
}
