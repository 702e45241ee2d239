//! Span classes: powers of two that bound how long a file's rows span, so that overlap becomes a range scan
//! per class.
//!
//! Also the range of instants that the catalog holds. The queries that use the classes belong to the store.

use chrono::{DateTime, TimeDelta};
use timestore_entity::Timestamp;

/// The earliest instant that the catalog holds: the first of the year 0001.
pub const EARLIEST: Timestamp =
    DateTime::from_timestamp(-62_135_596_800, 0).expect("the year 0001 can be told");

/// The latest instant that the catalog holds: the last microsecond of the year 9999.
pub const LATEST: Timestamp =
    DateTime::from_timestamp(253_402_300_799, 999_999_000).expect("the year 9999 can be told");

const MICROS_PER_SECOND: u64 = 1_000_000;

/// The smallest class `c` from 0 with `end - start <= 2^c` seconds, to the microsecond. 0 where `end` is
/// before `start`.
///
/// What the catalog holds, from [`EARLIEST`] to [`LATEST`], fits class 39.
pub fn span_class(start: Timestamp, end: Timestamp) -> i16 {
    let micros = end.timestamp_micros().saturating_sub(start.timestamp_micros());
    let seconds = u64::try_from(micros).unwrap_or(0).div_ceil(MICROS_PER_SECOND);
    // The exponent of the next power of two is at most 44, since microseconds fit 63 bits.
    i16::try_from(seconds.next_power_of_two().trailing_zeros()).unwrap_or(i16::MAX)
}

/// The longest span of a class, in seconds.
pub fn span_seconds(class: i16) -> i64 {
    1 << class.clamp(0, 62)
}

/// The classes whose bits are set in `mask`, lowest first. The sign bit is no class.
pub fn classes(mask: i64) -> impl Iterator<Item = i16> {
    (0..63).filter(move |class| mask >> class & 1 == 1)
}

/// The earliest start of a file of a class that reaches `from`, no earlier than [`EARLIEST`].
pub fn lower_bound(from: Timestamp, class: i16) -> Timestamp {
    TimeDelta::try_seconds(span_seconds(class))
        .and_then(|span| from.checked_sub_signed(span))
        .map_or(EARLIEST, |bound| bound.max(EARLIEST))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(micros: i64) -> Timestamp {
        DateTime::from_timestamp_micros(micros).unwrap()
    }

    #[test]
    fn classes_change_right_after_a_power_of_two() {
        let cases = [
            (0, 0),
            (1, 0),
            (1_000_000, 0),
            (1_000_001, 1),
            (2_000_000, 1),
            (2_000_001, 2),
        ];
        for (micros, class) in cases {
            assert_eq!(span_class(at(7), at(7 + micros)), class, "{micros}");
        }
        assert_eq!(span_class(at(5), at(1)), 0);
        assert_eq!(span_class(EARLIEST, LATEST), 39);
        assert_eq!(span_class(at(0), at(3_600_000_000)), 12);
    }

    #[test]
    fn bits_become_classes() {
        assert_eq!(classes(0b1000_0000_0101).collect::<Vec<_>>(), [0, 2, 11]);
        assert_eq!(classes(0).count(), 0);
        assert_eq!(classes(-1).count(), 63);
    }

    #[test]
    fn bounds_stay_within_what_the_catalog_holds() {
        assert_eq!(lower_bound(EARLIEST, 0), EARLIEST);
        assert_eq!(lower_bound(LATEST, 62), EARLIEST);
        assert_eq!(lower_bound(at(10_000_000), 3), at(2_000_000));
        assert_eq!(EARLIEST.to_rfc3339(), "0001-01-01T00:00:00+00:00");
        assert_eq!(LATEST.to_rfc3339(), "9999-12-31T23:59:59.999999+00:00");
    }

    proptest! {
        #[test]
        fn a_class_is_the_smallest_that_fits(
            start in EARLIEST.timestamp_micros()..=LATEST.timestamp_micros(),
            end in EARLIEST.timestamp_micros()..=LATEST.timestamp_micros(),
        ) {
            let (start, end) = (start.min(end), start.max(end));
            let class = span_class(at(start), at(end));
            prop_assert!(end - start <= span_seconds(class) * 1_000_000);
            prop_assert!(class == 0 || end - start > span_seconds(class - 1) * 1_000_000);
        }

        #[test]
        fn a_file_that_reaches_an_instant_starts_no_earlier_than_the_bound(
            start in 0_i64..1 << 50,
            span in 0_i64..1 << 50,
            back in 0_i64..1 << 50,
        ) {
            let (end, from) = (start + span, start + span - back.min(span));
            prop_assert!(at(start) >= lower_bound(at(from), span_class(at(start), at(end))));
        }
    }
}
