//! `setRetentionPolicy`.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};

use crate::graphql::context::ContextExt;
use crate::graphql::enums::RetentionMode;
use crate::graphql::reference::{DatasetRefInput, StorageTargetRefInput};
use crate::graphql::retention_policy::RetentionPolicy;
use crate::graphql::scalar::{BigInt, Duration, Json};
use crate::graphql::user_error::{UserError, settle};
use crate::store::retention_policy::RetentionPolicySet;

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
    /// Files whose latest row is older than this may go.
    pub max_age: Option<Duration>,
    /// Where the files have more bytes than this, the oldest may go.
    pub max_total_bytes: Option<BigInt>,
    /// At least so many of the newest versions can be read.
    pub keep_versions: Option<i32>,
    /// Versions that were superseded longer ago than this expire, unless a snapshot pins them.
    pub max_version_age: Option<Duration>,
    /// How long a file that no version needs any more is kept before it is deleted.
    pub delete_grace: Option<Duration>,
    /// Files whose latest row is older than this move to the cold storage target.
    pub cold_storage_after: Option<Duration>,
    /// Where they move to.
    pub cold_storage_target: Option<StorageTargetRefInput>,
    /// Free metadata, an object.
    pub metadata: Option<Json>,
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
