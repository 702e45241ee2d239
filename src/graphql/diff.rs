//! What differs between two versions.

use std::sync::Arc;

use async_graphql::{Context, Object};

use super::connection::to_int;
use super::context::ContextExt;
use super::error::Result;
use super::keys::DiffCount;
use super::manifest::Manifest;
use super::partitions::PartitionConnection;
use crate::store::diff::{DiffKey, Side};

/// The difference between two versions of a dataset.
pub struct ManifestDiff {
    from: Manifest,
    to: Arc<Manifest>,
}

impl ManifestDiff {
    /// What leads from one version to another of the same dataset.
    pub fn new(from: Manifest, to: Arc<Manifest>) -> Self {
        Self { from, to }
    }

    fn side(&self, side: Side) -> DiffKey {
        DiffKey {
            dataset_id: self.from.model.dataset_id,
            from: self.from.model.version,
            to: self.to.model.version,
            side,
        }
    }
}

/// What leads from the files of one version of a dataset to those of another. A file that is equal in both, by storage target,
/// path, size and checksum, is on neither side.
#[Object]
impl ManifestDiff {
    /// The version that the difference starts from.
    async fn from(&self) -> &Manifest {
        &self.from
    }

    /// The version that it leads to.
    async fn to(&self) -> &Manifest {
        &self.to
    }

    /// How many files are to be added.
    async fn added_count(&self, ctx: &Context<'_>) -> Result<i32> {
        Ok(to_int(
            ctx.loaders().expect(DiffCount(self.side(Side::Added))).await??,
        ))
    }

    /// How many files are to be removed.
    async fn removed_count(&self, ctx: &Context<'_>) -> Result<i32> {
        Ok(to_int(
            ctx.loaders()
                .expect(DiffCount(self.side(Side::Removed)))
                .await??,
        ))
    }

    /// The files to be added, by start time, then id.
    async fn added(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, up to 1,000; 50 when omitted.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
    ) -> Result<PartitionConnection> {
        PartitionConnection::of_diff(ctx, self.side(Side::Added), first, after).await
    }

    /// The files to be removed, by start time, then id.
    async fn removed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, up to 1,000; 50 when omitted.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
    ) -> Result<PartitionConnection> {
        PartitionConnection::of_diff(ctx, self.side(Side::Removed), first, after).await
    }
}
