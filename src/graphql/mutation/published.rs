//! What the mutations that publish return.

use async_graphql::{Context, Result, SimpleObject};

use crate::graphql::dataset::Dataset;
use crate::graphql::manifest::Manifest;
use crate::graphql::user_error::{UserError, settle};
use crate::store::publish::{Published, Skipped};
use crate::store::{self, DatasetRef};

/// What was published.
#[derive(SimpleObject)]
pub struct PublishManifestPayload {
    /// The manifest that was published, or the current one where nothing was left to do. Null when the request was refused.
    pub manifest: Option<Manifest>,
    /// The dataset; null when the request was refused.
    pub dataset: Option<Dataset>,
    /// Whether this is the answer to an earlier request with the same idempotency key.
    pub replayed: bool,
    /// Files that were left out, since they were there already.
    pub skipped: Vec<SkippedPartition>,
    /// All that is wrong with the request. Nothing was changed when it is not empty.
    pub user_errors: Vec<UserError>,
}

/// What was published together.
#[derive(SimpleObject)]
pub struct PublishManifestsPayload {
    /// The manifests, in the order of the request; null when it was refused.
    pub manifests: Option<Vec<Manifest>>,
    /// Whether this is the answer to earlier requests with the same idempotency keys.
    pub replayed: bool,
    /// Files that were left out, since they were there already, in the order of the request.
    pub skipped: Vec<SkippedPartition>,
    /// All that is wrong with the request. Nothing was changed when it is not empty.
    pub user_errors: Vec<UserError>,
}

/// A file that was left out of a publish.
#[derive(SimpleObject)]
pub struct SkippedPartition {
    /// Its path.
    pub file_path: String,
    /// What it has in common with which other file.
    pub reason: String,
}

impl PublishManifestPayload {
    pub(super) async fn new(
        ctx: &Context<'_>,
        named: &[DatasetRef],
        result: store::Result<Published>,
    ) -> Result<Self> {
        let (published, user_errors) = settle(ctx, named, result).await?;
        Ok(match published {
            Some(Published {
                dataset,
                manifest,
                replayed,
                skipped,
                ..
            }) => Self {
                manifest: manifest.map(Into::into),
                dataset: Some(dataset.into()),
                replayed,
                skipped: skipped.into_iter().map(Into::into).collect(),
                user_errors,
            },
            None => Self {
                manifest: None,
                dataset: None,
                replayed: false,
                skipped: Vec::new(),
                user_errors,
            },
        })
    }
}

impl PublishManifestsPayload {
    pub(super) async fn new(
        ctx: &Context<'_>,
        named: &[DatasetRef],
        result: store::Result<Vec<Published>>,
    ) -> Result<Self> {
        let (published, user_errors) = settle(ctx, named, result).await?;
        let replayed = published.iter().flatten().any(|one| one.replayed);
        let mut skipped = Vec::new();
        let manifests = published.map(|published| {
            let manifests = published.into_iter().filter_map(|one| {
                skipped.extend(one.skipped.into_iter().map(Into::into));
                one.manifest.map(Into::into)
            });
            manifests.collect()
        });
        Ok(Self {
            manifests,
            replayed,
            skipped,
            user_errors,
        })
    }
}

impl From<Skipped> for SkippedPartition {
    fn from(Skipped { file_path, reason }: Skipped) -> Self {
        Self { file_path, reason }
    }
}
