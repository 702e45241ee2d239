//! Retention policies: what a dataset keeps, and for how long.

use std::collections::HashMap;

use serde_json::Value as Json;
use timestore_entity::enums::RetentionMode;
use timestore_entity::ids::DatasetId;
use timestore_entity::retention_policy::Model as RetentionPolicy;

use super::{DatasetRef, Result, StorageTargetRef, Store};
use crate::auth::Requester;
use crate::model::duration::IsoDuration;

/// A whole policy: what is none is not a rule.
#[derive(Clone, Debug)]
pub struct RetentionPolicySet {
    pub dataset: DatasetRef,
    /// 0: the dataset has no policy yet.
    pub expected_revision: Option<i32>,
    pub mode: RetentionMode,
    pub max_age: Option<IsoDuration>,
    pub max_total_bytes: Option<i64>,
    pub keep_versions: Option<i32>,
    pub max_version_age: Option<IsoDuration>,
    pub delete_grace: Option<IsoDuration>,
    pub cold_storage_after: Option<IsoDuration>,
    pub cold_storage_target: Option<StorageTargetRef>,
    pub metadata: Option<Json>,
}

impl Store {
    /// Sets the policy of a dataset, replacing the one it had.
    pub async fn retention_policy_set(&self, by: &Requester, input: RetentionPolicySet) -> Result<RetentionPolicy> { todo!() }
    /// The policies of these datasets.
    pub async fn retention_policies(&self, ids: &[DatasetId]) -> Result<HashMap<DatasetId, RetentionPolicy>> { todo!() }
}
