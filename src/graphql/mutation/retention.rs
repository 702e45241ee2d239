//! `applyRetention` and `expireManifests`.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};

use crate::graphql::connection::to_int;
use crate::graphql::context::ContextExt;
use crate::graphql::dataset::Dataset;
use crate::graphql::manifest::Manifest;
use crate::graphql::reference::DatasetRefInput;
use crate::graphql::scalar::{BigInt, Duration};
use crate::graphql::user_error::{UserError, settle};
use crate::store::history::ManifestsExpire;
use crate::store::retention::RetentionApply;

/// Mutations that let go of files and versions.
#[derive(Default)]
pub struct RetentionMutation;

#[Object]
impl RetentionMutation {
    /// Publishes a version without the files that the effective retention policy no longer keeps: the oldest first, at most
    /// 10,000 of them. Repeat it until it is complete. The files stay on their targets for as long as a version that can be read
    /// has them.
    async fn apply_retention(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The dataset.")] input: ApplyRetentionInput,
    ) -> Result<ApplyRetentionPayload> {
        let input = RetentionApply {
            dataset: input.dataset.into_store(),
            expected_version: input.expected_version,
            idempotency_key: input.idempotency_key,
        };
        let named = [input.dataset.clone()];
        let result = ctx.store().retention_apply(ctx.requester(), input).await;
        let (applied, user_errors) = settle(ctx, &named, result).await?;
        let complete = applied.as_ref().map(|applied| applied.complete);
        let published = applied.map(|applied| applied.published);
        let replayed = published.as_ref().is_some_and(|published| published.replayed);
        let (manifest, dataset) = published.map_or((None, None), |published| {
            (published.manifest, Some(published.dataset))
        });
        Ok(ApplyRetentionPayload {
            manifest: manifest.map(Into::into),
            dataset: dataset.map(Into::into),
            replayed,
            complete,
            user_errors,
        })
    }

    /// Expires old versions, at most 1,000, and queues the files that no version needs any more for removal, at most 10,000.
    /// Repeat it until it is complete. A version that a snapshot pins stays, and so does the current one. Reading an expired
    /// version is an error with the code `EXPIRED`.
    async fn expire_manifests(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The dataset, and which versions to keep.")] input: ExpireManifestsInput,
    ) -> Result<ExpireManifestsPayload> {
        let input = ManifestsExpire {
            dataset: input.dataset.into_store(),
            keep_versions: input.keep_versions,
            max_version_age: input.max_version_age.map(|duration| duration.0),
        };
        let named = [input.dataset.clone()];
        let result = ctx.store().manifests_expire(ctx.requester(), input).await;
        let (done, user_errors) = settle(ctx, &named, result).await?;
        let expired = done.map(|done| ExpiredManifests {
            dataset: done.dataset.into(),
            versions: done.expired,
            oldest_version: done.oldest,
            queued_files: to_int(done.queued_files),
            queued_bytes: done.queued_bytes.into(),
            complete: done.complete,
        });
        Ok(ExpireManifestsPayload { expired, user_errors })
    }
}

/// A retention policy to apply.
#[derive(Debug, InputObject)]
pub struct ApplyRetentionInput {
    /// The dataset.
    pub dataset: DatasetRefInput,
    /// The version that the dataset must be at. When omitted, whatever it is at.
    pub expected_version: Option<i32>,
    /// A key of the client's choice. The same request with the same key is done once, and answered alike every time.
    pub idempotency_key: Option<String>,
}

/// What was published.
#[derive(SimpleObject)]
pub struct ApplyRetentionPayload {
    /// The manifest that was published, or the current one where nothing had to go. Null when the request was refused.
    pub manifest: Option<Manifest>,
    /// The dataset; null when the request was refused.
    pub dataset: Option<Dataset>,
    /// Whether this is the answer to an earlier request with the same idempotency key.
    pub replayed: bool,
    /// Whether nothing more has to go; null when the request was refused.
    pub complete: Option<bool>,
    /// All that is wrong with the request. Nothing was changed when it is not empty.
    pub user_errors: Vec<UserError>,
}

/// Versions to expire. A version expires only where each of the rules lets it.
#[derive(Debug, InputObject)]
pub struct ExpireManifestsInput {
    /// The dataset.
    pub dataset: DatasetRefInput,
    /// Keep so many of the newest versions. With `maxVersionAge`, in place of the rules of the effective retention policy, which
    /// hold when both are omitted.
    pub keep_versions: Option<i32>,
    /// Keep versions that were superseded no longer ago than this.
    pub max_version_age: Option<Duration>,
}

/// What a step did.
#[derive(SimpleObject)]
pub struct ExpireManifestsPayload {
    /// What expired; null when the request was refused.
    pub expired: Option<ExpiredManifests>,
    /// All that is wrong with the request. Nothing was changed when it is not empty.
    pub user_errors: Vec<UserError>,
}

/// Versions that expired, and the files that were queued for removal.
#[derive(SimpleObject)]
pub struct ExpiredManifests {
    /// The dataset.
    pub dataset: Dataset,
    /// The versions that expired, oldest first.
    pub versions: Vec<i32>,
    /// The oldest version that can be read; null where there is none at all.
    pub oldest_version: Option<i32>,
    /// How many files were queued for removal. Those of versions that have just expired are queued a little later, when requests
    /// that were reading them have ended.
    pub queued_files: i32,
    /// Their bytes.
    pub queued_bytes: BigInt,
    /// Whether there is nothing more to do now.
    pub complete: bool,
}
