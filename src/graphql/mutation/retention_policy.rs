//! `setRetentionPolicy` and `clearRetentionPolicy`.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};

use crate::graphql::context::ContextExt;
use crate::graphql::dataset::Dataset;
use crate::graphql::enums::RetentionMode;
use crate::graphql::reference::{DatasetRefInput, StorageTargetRefInput};
use crate::graphql::retention_policy::RetentionPolicy;
use crate::graphql::scalar::{BigInt, Duration, Json};
use crate::graphql::user_error::{UserError, settle};
use crate::store::retention_policy::{RetentionPolicyClear, RetentionPolicySet};

/// Mutations of retention policies.
#[derive(Default)]
pub struct RetentionPolicyMutation;

#[Object]
impl RetentionPolicyMutation {
    /// Sets what a dataset keeps, and for how long, in place of the policy that it had.
    async fn set_retention_policy(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The dataset, and its policy.")] input: SetRetentionPolicyInput,
    ) -> Result<SetRetentionPolicyPayload> {
        let named = [input.dataset.clone().into_store()];
        let result = ctx
            .store()
            .retention_policy_set(ctx.requester(), input.into_store())
            .await;
        let (policy, user_errors) = settle(ctx, &named, result.map(RetentionPolicy::from)).await?;
        Ok(SetRetentionPolicyPayload { policy, user_errors })
    }

    /// Deletes the policy of a dataset, so that the default of the gateway applies to it, if there is one. Clearing where there is
    /// no policy changes nothing. A policy that is set later goes on counting revisions where this one ended.
    async fn clear_retention_policy(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The dataset.")] input: ClearRetentionPolicyInput,
    ) -> Result<ClearRetentionPolicyPayload> {
        let input = input.into_store();
        let named = [input.dataset.clone()];
        let result = ctx.store().retention_policy_clear(ctx.requester(), input).await;
        let (cleared, user_errors) = settle(ctx, &named, result).await?;
        let (dataset, policy) = cleared.unzip();
        Ok(ClearRetentionPolicyPayload {
            dataset: dataset.map(Dataset::from),
            policy: policy.flatten().map(RetentionPolicy::from),
            user_errors,
        })
    }
}

/// The whole policy of a dataset: what is absent is not a rule.
#[derive(Debug, InputObject)]
pub struct SetRetentionPolicyInput {
    /// The dataset.
    pub dataset: DatasetRefInput,
    /// The revision that the policy must be at; 0: there is none yet. When omitted, whatever it is at.
    pub expected_revision: Option<i32>,
    /// What decides that a file may go.
    #[graphql(default_with = "Some(RetentionMode::Hybrid)")]
    pub mode: Option<RetentionMode>,
    /// Files whose latest row is older than this may go. With `TIME` it must be given, with `SIZE` it must not. Durations of rules
    /// are longer than zero and at most 1,000 years.
    pub max_age: Option<Duration>,
    /// Where the files have more bytes than this, the oldest may go; at least 1. With `SIZE` it must be given, with `TIME` it must
    /// not.
    pub max_total_bytes: Option<BigInt>,
    /// At least so many of the newest versions can be read; at least 1.
    pub keep_versions: Option<i32>,
    /// Versions that were superseded longer ago than this expire, unless a snapshot pins them.
    pub max_version_age: Option<Duration>,
    /// How long a file that no version needs any more is kept before it is deleted; can be zero. When omitted, as long as the
    /// gateway's default says, or a day.
    pub delete_grace: Option<Duration>,
    /// Files whose latest row is older than this move to the cold storage target. Shorter than `maxAge`: months and years are
    /// compared as if they began with the year 2000.
    pub cold_storage_after: Option<Duration>,
    /// Where they move to, whenever `coldStorageAfter` is given, and only then; a target of kind HTTP cannot be written.
    pub cold_storage_target: Option<StorageTargetRefInput>,
    /// Free metadata, an object.
    pub metadata: Option<Json>,
}

/// The dataset whose policy goes.
#[derive(Debug, InputObject)]
pub struct ClearRetentionPolicyInput {
    /// The dataset.
    pub dataset: DatasetRefInput,
    /// The revision that the policy must be at; 0: there is none. When omitted, whatever it is at.
    pub expected_revision: Option<i32>,
}

/// The dataset without a policy.
#[derive(SimpleObject)]
pub struct ClearRetentionPolicyPayload {
    /// The dataset; null when the request was refused.
    pub dataset: Option<Dataset>,
    /// The policy as it was; null when there was none, or when the request was refused.
    pub policy: Option<RetentionPolicy>,
    /// All that is wrong with the request. Nothing was changed when it is not empty.
    pub user_errors: Vec<UserError>,
}

/// The policy as it is now.
#[derive(SimpleObject)]
pub struct SetRetentionPolicyPayload {
    /// The policy; null when the request was refused.
    pub policy: Option<RetentionPolicy>,
    /// All that is wrong with the request. Nothing was changed when it is not empty.
    pub user_errors: Vec<UserError>,
}

impl SetRetentionPolicyInput {
    fn into_store(self) -> RetentionPolicySet {
        RetentionPolicySet {
            dataset: self.dataset.into_store(),
            expected_revision: self.expected_revision,
            mode: self.mode.unwrap_or(RetentionMode::Hybrid).into(),
            max_age: self.max_age.map(|duration| duration.0),
            max_total_bytes: self.max_total_bytes.map(|bytes| bytes.0),
            keep_versions: self.keep_versions,
            max_version_age: self.max_version_age.map(|duration| duration.0),
            delete_grace: self.delete_grace.map(|duration| duration.0),
            cold_storage_after: self.cold_storage_after.map(|duration| duration.0),
            cold_storage_target: self.cold_storage_target.map(StorageTargetRefInput::into_store),
            metadata: self.metadata.map(|json| json.0),
        }
    }
}

impl ClearRetentionPolicyInput {
    fn into_store(self) -> RetentionPolicyClear {
        RetentionPolicyClear {
            dataset: self.dataset.into_store(),
            expected_revision: self.expected_revision,
        }
    }
}
