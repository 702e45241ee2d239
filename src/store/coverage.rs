//! Coverage: what of a window the files of a version cover.

use timestore_entity::Timestamp;

use super::manifest::ManifestKey;
use super::{Result, Store};
use crate::model::coverage::Coverage;
use crate::model::duration::IsoDuration;

impl Store {
    /// What of `window` the files of a version cover, where they leave gaps and where they overlap; counted by `bucket` too.
    /// Stretches no longer than `tolerance` between two files are no gaps.
    pub async fn coverage(&self, key: ManifestKey, window: (Timestamp, Timestamp), bucket: Option<IsoDuration>, tolerance: Option<IsoDuration>) -> Result<Coverage> { todo!() }
}
