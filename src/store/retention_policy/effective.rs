//! What applies to a dataset: its own policy, else the gateway's default, else no rule.

use sea_orm::{ConnectionTrait, EntityTrait};
use timestore_entity::enums::RetentionMode;
use timestore_entity::ids::{DatasetId, StorageTargetId};
use timestore_entity::retention_policy::{Entity, Model as RetentionPolicy};

use crate::model::duration::IsoDuration;
use crate::model::retention::DELETE_GRACE;
use crate::store::{Result, Store, StoreError};

/// Where the rules that apply to a dataset come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicySource {
    /// Its own policy.
    Dataset,
    /// The default of the gateway.
    Default,
    /// Neither: no rule applies, and everything is kept.
    None,
}

/// The rules that apply to a dataset; one that is none does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectivePolicy {
    /// Where they come from.
    pub source: PolicySource,
    /// What decides that a file may go. A rule that it ignores is none here.
    pub mode: RetentionMode,
    /// Files whose latest row is older go.
    pub max_age: Option<IsoDuration>,
    /// The oldest files go until the rest is no larger than this.
    pub max_total_bytes: Option<i64>,
    /// So many of the newest versions are kept.
    pub keep_versions: Option<i32>,
    /// Versions older than this may expire.
    pub max_version_age: Option<IsoDuration>,
    /// How long a file that no version needs stays on its target.
    pub delete_grace: IsoDuration,
    /// Files whose latest row is older move to the cold target.
    pub cold_storage_after: Option<IsoDuration>,
    /// The cold target.
    pub cold_storage_target_id: Option<StorageTargetId>,
}

impl Store {
    /// What applies to a dataset with this policy. The policy replaces the default as a whole, but for the grace of deletions,
    /// which is the default's where the policy has none. A stored duration that cannot be read is an inconsistency.
    pub fn effective_policy(&self, policy: Option<&RetentionPolicy>) -> Result<EffectivePolicy> {
        let Some(policy) = policy else {
            return Ok(self.default_policy());
        };
        let read = |text: &Option<String>| read(policy.dataset_id, text.as_deref());
        // Policies that were set before the mode was checked can have a rule that it ignores.
        let by_age = policy.mode != RetentionMode::Size;
        let by_size = policy.mode != RetentionMode::Time;
        Ok(EffectivePolicy {
            source: PolicySource::Dataset,
            mode: policy.mode,
            max_age: read(&policy.max_age)?.filter(|_| by_age),
            max_total_bytes: policy.max_total_bytes.filter(|_| by_size),
            keep_versions: policy.keep_versions,
            max_version_age: read(&policy.max_version_age)?,
            delete_grace: read(&policy.delete_grace)?.unwrap_or_else(|| self.default_delete_grace()),
            cold_storage_after: read(&policy.cold_storage_after)?,
            cold_storage_target_id: policy.cold_storage_target_id,
        })
    }

    /// What applies to a dataset, as `connection` sees it.
    pub(in crate::store) async fn effective_policy_in_txn(
        &self,
        connection: &impl ConnectionTrait,
        id: DatasetId,
    ) -> Result<EffectivePolicy> {
        let policy = Entity::find_by_id(id).one(connection).await?;
        self.effective_policy(policy.as_ref())
    }

    /// What applies to a dataset without a policy.
    fn default_policy(&self) -> EffectivePolicy {
        let defaults = &self.retention_defaults;
        let source = if defaults.has_rules() {
            PolicySource::Default
        } else {
            PolicySource::None
        };
        EffectivePolicy {
            source,
            mode: RetentionMode::Hybrid,
            max_age: defaults.max_age,
            max_total_bytes: defaults.max_total_bytes,
            keep_versions: defaults.keep_versions,
            max_version_age: defaults.max_version_age,
            delete_grace: self.default_delete_grace(),
            cold_storage_after: None,
            cold_storage_target_id: None,
        }
    }

    fn default_delete_grace(&self) -> IsoDuration {
        self.retention_defaults.delete_grace.unwrap_or(DELETE_GRACE)
    }
}

/// A stored duration.
fn read(id: DatasetId, text: Option<&str>) -> Result<Option<IsoDuration>> {
    let parsed = text.map(str::parse).transpose();
    parsed.map_err(|error: String| {
        StoreError::Inconsistent(format!(
            "a duration in the retention policy of dataset {id} cannot be read: {error}"
        ))
    })
}
