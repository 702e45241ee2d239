//! Snapshots: named pins of versions.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use timestore_entity::snapshot::Model;

use super::connection::Listed;
use super::context::ContextExt;
use super::dataset::Dataset;
use super::error::Result;
use super::id::GlobalId;
use super::keys::{DatasetById, ManifestByKey};
use super::manifest::Manifest;
use super::plain::Plain;
use super::scalar::DateTime;

/// A name for a version, which keeps it from expiring.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot(pub Model);

impl From<Model> for Snapshot {
    fn from(model: Model) -> Self {
        Self(model)
    }
}

impl Plain for Snapshot {}

impl Listed for Snapshot {
    const NAME: &'static str = "Snapshot";
    type Position = String;

    fn position(&self) -> String {
        self.0.name.clone()
    }
}

/// A name for a version of a dataset, which keeps the version from expiring.
#[Object]
impl Snapshot {
    /// The global id.
    pub async fn id(&self) -> ID {
        GlobalId::Snapshot(self.0.dataset_id, self.0.id).encode()
    }

    /// The name, unique within the dataset.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What people should know about it.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// The dataset.
    async fn dataset(&self, ctx: &Context<'_>) -> Result<Arc<Dataset>> {
        ctx.loaders().expect(DatasetById(self.0.dataset_id)).await
    }

    /// The version that it pins.
    async fn manifest(&self, ctx: &Context<'_>) -> Result<Arc<Manifest>> {
        ctx.loaders()
            .expect(ManifestByKey((self.0.dataset_id, self.0.version)))
            .await
    }

    /// Who created it.
    async fn created_by(&self) -> Option<&str> {
        self.0.created_by.as_deref()
    }

    /// When it was created.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// When it stops pinning; null: never.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(Into::into)
    }
}
