//! What the rules of a retention policy may be, and those of a gateway for datasets that have no policy.
//!
//! Which files the rules let go belongs to the store.

use chrono::DateTime;
use timestore_entity::Timestamp;

use super::duration::IsoDuration;

/// How long a file that no version needs any more is kept where nobody says anything else.
pub const DELETE_GRACE: IsoDuration = IsoDuration::days(1);

/// Where durations are compared, since months have no length of their own.
const ANCHOR: Timestamp =
    DateTime::from_timestamp(946_684_800, 0).expect("the first of the year 2000 can be told");

/// The longest duration ends here: 1,000 years after the anchor, so that what lies so long before or after the present is in the
/// catalog's range.
const LATEST_END: Timestamp =
    DateTime::from_timestamp(32_503_680_000, 0).expect("the first of the year 3000 can be told");

/// The rules of datasets that have no policy of their own. A rule that is none does not apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionDefaults {
    /// Files whose latest row is older go.
    pub max_age: Option<IsoDuration>,
    /// The oldest files go until the rest is no larger than this.
    pub max_total_bytes: Option<i64>,
    /// So many of the newest versions are kept.
    pub keep_versions: Option<i32>,
    /// Versions older than this may expire.
    pub max_version_age: Option<IsoDuration>,
    /// How long a file that no version needs stays on its target, also for policies that do not say; [`DELETE_GRACE`] when none.
    pub delete_grace: Option<IsoDuration>,
}

impl RetentionDefaults {
    /// Whether there is a rule that lets anything go.
    pub fn has_rules(&self) -> bool {
        self.max_age.is_some()
            || self.max_total_bytes.is_some()
            || self.keep_versions.is_some()
            || self.max_version_age.is_some()
    }
}

/// Refuses a duration that a rule cannot have: none at all, or more than 1,000 years.
pub fn age(duration: &IsoDuration) -> Result<(), String> {
    if duration.is_zero() {
        return Err("expected a duration longer than zero".to_owned());
    }
    grace(duration)
}

/// Refuses a duration that a delay cannot have: more than 1,000 years.
pub fn grace(duration: &IsoDuration) -> Result<(), String> {
    match duration.after(ANCHOR) {
        Some(end) if end <= LATEST_END => Ok(()),
        _ => Err("expected at most 1,000 years".to_owned()),
    }
}

/// Whether one duration is shorter than another when both begin with the year 2000, where a month has 31 days and a year 366.
pub fn is_shorter(one: &IsoDuration, other: &IsoDuration) -> bool {
    // What ends after the catalog's range is longer than what does not.
    match (one.after(ANCHOR), other.after(ANCHOR)) {
        (Some(one), Some(other)) => one < other,
        (one, other) => one.is_some() && other.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn duration(text: &str) -> IsoDuration {
        text.parse().unwrap()
    }

    #[test]
    fn ages_are_longer_than_zero_and_at_most_a_thousand_years() {
        for text in ["PT0.000001S", "P1D", "P1000Y", "P12000M", "P365242D"] {
            assert_eq!(age(&duration(text)), Ok(()), "{text}");
        }
        for text in [
            "PT0S",
            "P1000YT0.000001S",
            "P12001M",
            "P365244D",
            "P9000Y",
            "P300000000Y",
        ] {
            let error = age(&duration(text)).expect_err(text);
            assert!(error.starts_with("expected"), "{text}: {error}");
        }
        assert_eq!(grace(&duration("PT0S")), Ok(()));
        assert!(grace(&duration("P1001Y")).is_err());
    }

    #[test]
    fn durations_are_compared_where_the_year_2000_begins() {
        for (one, other) in [
            ("P30D", "P1M"),
            ("P365D", "P1Y"),
            ("PT1S", "PT1.5S"),
            ("P9Y", "P9000Y"),
        ] {
            assert!(is_shorter(&duration(one), &duration(other)), "{one} {other}");
            assert!(!is_shorter(&duration(other), &duration(one)), "{other} {one}");
        }
        for (one, other) in [("P31D", "P1M"), ("PT24H", "P1D"), ("P8000Y", "P9000Y")] {
            assert!(!is_shorter(&duration(one), &duration(other)), "{one} {other}");
        }
    }

    #[test]
    fn a_grace_alone_is_no_rule() {
        let defaults = RetentionDefaults {
            delete_grace: Some(duration("P7D")),
            ..RetentionDefaults::default()
        };
        assert!(!defaults.has_rules());
        let defaults = RetentionDefaults {
            keep_versions: Some(3),
            ..defaults
        };
        assert!(defaults.has_rules());
    }
}
