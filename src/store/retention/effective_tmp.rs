//! Stand-in.
use sea_orm::{ConnectionTrait, EntityTrait};
use timestore_entity::ids::DatasetId;
use timestore_entity::retention_policy;

use crate::model::duration::IsoDuration;
use crate::store::{Result, Store};

/// x
#[derive(Clone, Debug)]
pub struct EffectivePolicy {
    /// x
    pub max_age: Option<IsoDuration>,
    /// x
    pub max_total_bytes: Option<i64>,
    /// x
    pub keep_versions: Option<i32>,
    /// x
    pub max_version_age: Option<IsoDuration>,
    /// x
    pub delete_grace: IsoDuration,
}
impl Store {
    pub(in crate::store) async fn effective_policy_in_txn(
        &self,
        c: &impl ConnectionTrait,
        id: DatasetId,
    ) -> Result<EffectivePolicy> {
        let p = retention_policy::Entity::find_by_id(id).one(c).await?;
        let d = |t: Option<String>| t.and_then(|t| t.parse::<IsoDuration>().ok());
        Ok(match p {
            None => EffectivePolicy {
                max_age: None,
                max_total_bytes: None,
                keep_versions: None,
                max_version_age: None,
                delete_grace: "P1D".parse().unwrap(),
            },
            Some(p) => EffectivePolicy {
                max_age: d(p.max_age),
                max_total_bytes: p.max_total_bytes,
                keep_versions: p.keep_versions,
                max_version_age: d(p.max_version_age),
                delete_grace: d(p.delete_grace).unwrap_or_else(|| "P1D".parse().unwrap()),
            },
        })
    }
}
