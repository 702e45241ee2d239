//! Retention policies: what a dataset keeps, and for how long.

use std::sync::Arc;

use async_graphql::parser::types::Field;
use async_graphql::{Context, Object};
use timestore_entity::retention_policy::Model;

use super::context::ContextExt;
use super::dataset::Dataset;
use super::enums::{RetentionMode, RetentionPolicySource};
use super::error::{Error, Result};
use super::keys::{DatasetById, StorageTargetById};
use super::plain::json::JsonWriter;
use super::plain::{Plain, Planner, Step};
use super::scalar::{BigInt, DateTime, Duration, Json};
use super::selected::{Selected, column_of};
use super::storage_target::StorageTarget;
use crate::store::Columns;
use crate::store::retention_policy::EffectivePolicy;

/// The retention policy of a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct RetentionPolicy(pub Model);

impl From<Model> for RetentionPolicy {
    fn from(model: Model) -> Self {
        Self(model)
    }
}

impl RetentionPolicy {
    /// The columns that what is selected of it is made of.
    pub fn wanted(selected: Selected<'_>) -> Columns {
        selected.columns::<Model>(Self::columns_of)
    }

    /// The columns that a field is made of.
    fn columns_of(field: &str) -> Columns {
        match field {
            "__typename" | "dataset" => const { Columns::named::<Model>(&[]) },
            "coldStorageTarget" => const { Columns::named::<Model>(&["cold_storage_target_id"]) },
            field => column_of::<Model>(field),
        }
    }
}

impl Plain for RetentionPolicy {
    fn step<'p>(field: &'p Field, _: &Planner<'p>) -> Option<Step<'p, Self>>
    where
        Self: 'p,
    {
        Some(Step::Scalar(match field.name.node.as_str() {
            "mode" => |policy, json| json.one_of(RetentionMode::from(policy.0.mode)),
            "maxAge" => |policy, json| json.value(&policy.0.max_age),
            "maxTotalBytes" => |policy, json| json.optional(policy.0.max_total_bytes, JsonWriter::big_int),
            "keepVersions" => |policy, json| json.value(&policy.0.keep_versions),
            "maxVersionAge" => |policy, json| json.value(&policy.0.max_version_age),
            "deleteGrace" => |policy, json| json.value(&policy.0.delete_grace),
            "coldStorageAfter" => |policy, json| json.value(&policy.0.cold_storage_after),
            "metadata" => |policy, json| json.json(&policy.0.metadata),
            "revision" => |policy, json| json.value(&policy.0.revision),
            "updatedAt" => |policy, json| json.instant(policy.0.updated_at),
            "updatedBy" => |policy, json| json.value(&policy.0.updated_by),
            _ => return None,
        }))
    }
}

/// What a dataset keeps, and for how long. A rule that is null does not apply.
#[Object]
impl RetentionPolicy {
    /// The dataset.
    async fn dataset(&self, ctx: &Context<'_>) -> Result<Arc<Dataset>> {
        ctx.loaders().expect(DatasetById(self.0.dataset_id)).await
    }

    /// What decides that a file may go.
    async fn mode(&self) -> RetentionMode {
        self.0.mode.into()
    }

    /// Files whose latest row is older than this go.
    async fn max_age(&self) -> Result<Option<Duration>> {
        duration(self.0.max_age.as_deref())
    }

    /// The oldest files go until the rest is no larger than this many bytes.
    async fn max_total_bytes(&self) -> Option<BigInt> {
        self.0.max_total_bytes.map(Into::into)
    }

    /// So many of the newest versions are kept.
    async fn keep_versions(&self) -> Option<i32> {
        self.0.keep_versions
    }

    /// Versions older than this may expire.
    async fn max_version_age(&self) -> Result<Option<Duration>> {
        duration(self.0.max_version_age.as_deref())
    }

    /// How long a file that no version needs any more stays on its target. Null: as long as the gateway's default says.
    async fn delete_grace(&self) -> Result<Option<Duration>> {
        duration(self.0.delete_grace.as_deref())
    }

    /// Files whose latest row is older than this move to the cold storage target.
    async fn cold_storage_after(&self) -> Result<Option<Duration>> {
        duration(self.0.cold_storage_after.as_deref())
    }

    /// The cold storage target.
    async fn cold_storage_target(&self, ctx: &Context<'_>) -> Result<Option<Arc<StorageTarget>>> {
        match self.0.cold_storage_target_id {
            Some(id) => ctx.loaders().expect(StorageTargetById(id)).await.map(Some),
            None => Ok(None),
        }
    }

    /// Free metadata, an object.
    async fn metadata(&self) -> Json {
        Json(self.0.metadata.clone())
    }

    /// Counts its changes, from 1, and goes on where a policy that was cleared ended. State it as `expectedRevision` to replace only what you have seen.
    async fn revision(&self) -> i32 {
        self.0.revision
    }

    /// When it was last set.
    async fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }

    /// Who set it last.
    async fn updated_by(&self) -> Option<&str> {
        self.0.updated_by.as_deref()
    }
}

/// The rules that apply to a dataset: its own policy, or the gateway's default where it has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveRetentionPolicy(pub EffectivePolicy);

impl From<EffectivePolicy> for EffectiveRetentionPolicy {
    fn from(policy: EffectivePolicy) -> Self {
        Self(policy)
    }
}

/// What applies to a dataset: its own policy as a whole, else the default of the gateway, else no rule. A rule that is null does
/// not apply.
#[Object]
impl EffectiveRetentionPolicy {
    /// Where the rules come from.
    async fn source(&self) -> RetentionPolicySource {
        self.0.source.into()
    }

    /// What decides that a file may go.
    async fn mode(&self) -> RetentionMode {
        self.0.mode.into()
    }

    /// Files whose latest row is older than this go.
    async fn max_age(&self) -> Option<Duration> {
        self.0.max_age.map(Duration)
    }

    /// The oldest files go until the rest is no larger than this many bytes.
    async fn max_total_bytes(&self) -> Option<BigInt> {
        self.0.max_total_bytes.map(Into::into)
    }

    /// So many of the newest versions are kept.
    async fn keep_versions(&self) -> Option<i32> {
        self.0.keep_versions
    }

    /// Versions older than this may expire.
    async fn max_version_age(&self) -> Option<Duration> {
        self.0.max_version_age.map(Duration)
    }

    /// How long a file that no version needs any more stays on its target: what the policy says, else the gateway's default, else
    /// a day.
    async fn delete_grace(&self) -> Duration {
        Duration(self.0.delete_grace)
    }

    /// Files whose latest row is older than this move to the cold storage target.
    async fn cold_storage_after(&self) -> Option<Duration> {
        self.0.cold_storage_after.map(Duration)
    }

    /// The cold storage target.
    async fn cold_storage_target(&self, ctx: &Context<'_>) -> Result<Option<Arc<StorageTarget>>> {
        match self.0.cold_storage_target_id {
            Some(id) => ctx.loaders().expect(StorageTargetById(id)).await.map(Some),
            None => Ok(None),
        }
    }
}

fn duration(text: Option<&str>) -> Result<Option<Duration>> {
    let parsed = text.map(str::parse).transpose();
    parsed
        .map(|duration| duration.map(Duration))
        .map_err(|error: String| Error::internal(&format!("a stored duration cannot be read: {error}")))
}
