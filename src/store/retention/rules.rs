//! What a policy says at an instant: the rules of an effective policy, turned into limits.

use timestore_entity::Timestamp;

use crate::model::duration::IsoDuration;
use crate::model::retention;
use crate::store::Result;
use crate::store::faults::Faults;
use crate::store::retention_policy::EffectivePolicy;

/// The rules that decide which files and which versions go. What is none is not a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Files whose latest row is older go.
    pub max_age: Option<IsoDuration>,
    /// The oldest files go until the rest is no larger than this.
    pub max_total_bytes: Option<i64>,
    /// So many of the newest versions are kept.
    pub keep_versions: Option<i32>,
    /// Versions that were superseded longer ago expire.
    pub max_version_age: Option<IsoDuration>,
}

/// Why a file goes. Where several rules say so, the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// Its latest row is too old.
    MaxAge,
    /// The dataset is too large, and the file is among its oldest.
    MaxTotalBytes,
}

/// The rules for files, at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    cutoff: Option<Timestamp>,
    max_total_bytes: Option<i64>,
}

impl From<&EffectivePolicy> for Rules {
    fn from(policy: &EffectivePolicy) -> Self {
        Self {
            max_age: policy.max_age,
            max_total_bytes: policy.max_total_bytes,
            keep_versions: policy.keep_versions,
            max_version_age: policy.max_version_age,
        }
    }
}

impl Rules {
    /// These rules, where all are positive.
    pub(super) fn checked(self) -> Result<Self> {
        let mut faults = Faults::default();
        for (field, duration) in [
            ("maxAge", &self.max_age),
            ("maxVersionAge", &self.max_version_age),
        ] {
            if let Some(duration) = duration {
                faults.check(&["policy", field], retention::age(duration));
            }
        }
        if self.max_total_bytes.is_some_and(|bytes| bytes < 1) {
            faults.invalid(&["policy", "maxTotalBytes"], "expected at least 1");
        }
        if self.keep_versions.is_some_and(|versions| versions < 1) {
            faults.invalid(&["policy", "keepVersions"], "expected at least 1");
        }
        faults.finish()?;
        Ok(self)
    }

    /// The limits for files at `now`. An age that reaches back before all time is none.
    pub(super) fn limits(&self, now: Timestamp) -> Limits {
        Limits {
            cutoff: self.max_age.as_ref().and_then(|age| age.before(now)),
            max_total_bytes: self.max_total_bytes,
        }
    }
}

impl Limits {
    /// Whether a rule could make any file go, given the earliest start and the bytes of the dataset.
    pub(super) fn may_apply(&self, earliest: Option<Timestamp>, total_bytes: i64) -> bool {
        let old = self
            .cutoff
            .zip(earliest)
            .is_some_and(|(cutoff, earliest)| earliest < cutoff);
        old || self.max_total_bytes.is_some_and(|most| total_bytes > most)
    }

    /// Why the oldest file goes, when the dataset still has `total_bytes`; none where it stays. A file whose rows straddle the
    /// age stays.
    pub(super) fn rule(&self, end_time: Timestamp, total_bytes: i64) -> Option<Rule> {
        if self.cutoff.is_some_and(|cutoff| end_time < cutoff) {
            return Some(Rule::MaxAge);
        }
        let too_large = self.max_total_bytes.is_some_and(|most| total_bytes > most);
        too_large.then_some(Rule::MaxTotalBytes)
    }
}
