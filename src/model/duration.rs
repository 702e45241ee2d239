//! Durations as ISO 8601 writes them, and what lies so long before or after an instant.
//!
//! No clock: the instant is a parameter.

use std::fmt;
use std::str::FromStr;

use chrono::{Months, TimeDelta};
use timestore_entity::Timestamp;

use super::span::{EARLIEST, LATEST};

/// The longest text that is read as a duration.
const MAX_LENGTH: usize = 64;

/// The parts before and after the `T`, in the order in which they must come, and what one of them is worth.
const DATE_PARTS: [(char, Worth); 4] = [
    ('Y', Worth::Months(12)),
    ('M', Worth::Months(1)),
    ('W', Worth::Micros(7 * DAY)),
    ('D', Worth::Micros(DAY)),
];
const TIME_PARTS: [(char, Worth); 3] = [
    ('H', Worth::Micros(3_600 * SECOND)),
    ('M', Worth::Micros(60 * SECOND)),
    ('S', Worth::Micros(SECOND)),
];

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

#[derive(Clone, Copy)]
enum Worth {
    Months(u32),
    Micros(i64),
}

/// A duration that is not negative, such as `P30D`, `P1Y6M` or `PT1H30M0.5S`.
///
/// Months, which differ in length, are kept apart from what has a length of its own; a day is 24 hours. It is
/// written as it was read, but for leading and trailing zeros and parts that are zero: `PT24H` stays `PT24H`,
/// and is not equal to `P1D`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct IsoDuration {
    /// Years, months, weeks and days.
    date: [u32; 4],
    /// Hours and minutes in whole numbers, seconds in microseconds.
    time: [i64; 3],
    months: u32,
    micros: i64,
}

impl IsoDuration {
    /// So many days.
    pub const fn days(days: u16) -> Self {
        Self {
            date: [0, 0, 0, days as u32],
            time: [0; 3],
            months: 0,
            micros: days as i64 * DAY,
        }
    }

    /// The years and months, in months.
    pub fn months(&self) -> u32 {
        self.months
    }

    /// Everything but the years and months, in microseconds.
    pub fn micros(&self) -> i64 {
        self.micros
    }

    /// Whether it is no time at all.
    pub fn is_zero(&self) -> bool {
        self.months == 0 && self.micros == 0
    }

    /// The instant so long before `time`: first the months by the calendar, a day that the month lacks
    /// becoming its last, then the rest. None before the year 0001.
    pub fn before(&self, time: Timestamp) -> Option<Timestamp> {
        let before = time
            .checked_sub_months(Months::new(self.months))?
            .checked_sub_signed(TimeDelta::microseconds(self.micros))?;
        (before >= EARLIEST).then_some(before)
    }

    /// The instant so long after `time`, by the same rules. None after the year 9999.
    pub fn after(&self, time: Timestamp) -> Option<Timestamp> {
        self.times_after(1, time)
    }

    /// The instant `times` such durations after `time`. The months are counted at once, so that monthly steps
    /// from a 31st come back to the 31st. None after the year 9999.
    pub fn times_after(&self, times: u32, time: Timestamp) -> Option<Timestamp> {
        let after = time
            .checked_add_months(Months::new(self.months.checked_mul(times)?))?
            .checked_add_signed(TimeDelta::microseconds(self.micros.checked_mul(times.into())?))?;
        (after <= LATEST).then_some(after)
    }

    /// Adds `count` whole parts, with a fraction in microseconds, to the total.
    fn add(&mut self, worth: Worth, count: u32, fraction: i64) -> Option<()> {
        match worth {
            Worth::Months(months) => self.months = months.checked_mul(count)?.checked_add(self.months)?,
            Worth::Micros(micros) => {
                self.micros = micros
                    .checked_mul(count.into())?
                    .checked_add(fraction)?
                    .checked_add(self.micros)?;
            }
        }
        Some(())
    }
}

impl FromStr for IsoDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() > MAX_LENGTH {
            return Err(format!("expected a duration of at most {MAX_LENGTH} characters"));
        }
        if text.starts_with(['-', '+']) {
            return Err("expected a duration without a sign".to_owned());
        }
        let Some(parts) = text.strip_prefix('P') else {
            return Err("expected an ISO 8601 duration such as P30D or PT1H".to_owned());
        };
        let (date, time) = parts
            .split_once('T')
            .map_or((parts, None), |(date, time)| (date, Some(time)));
        if time.is_some_and(str::is_empty) || (date.is_empty() && time.is_none()) {
            return Err("expected a number with its unit, as in P30D or PT1H".to_owned());
        }
        let mut duration = Self::default();
        read_parts(date, &DATE_PARTS, |index, worth, count, _| {
            duration.date[index] = count;
            duration.add(worth, count, 0)
        })?;
        read_parts(
            time.unwrap_or_default(),
            &TIME_PARTS,
            |index, worth, count, fraction| {
                duration.time[index] = if index == 2 {
                    i64::from(count) * SECOND + fraction
                } else {
                    count.into()
                };
                duration.add(worth, count, fraction)
            },
        )?;
        Ok(duration)
    }
}

/// Shows `each` the parts of `text`: index, worth, whole number, and fraction in microseconds. `each` gives
/// up with None.
fn read_parts(
    mut text: &str,
    parts: &[(char, Worth)],
    mut each: impl FnMut(usize, Worth, u32, i64) -> Option<()>,
) -> Result<(), String> {
    let mut next = 0;
    while !text.is_empty() {
        let end = text
            .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',')))
            .unwrap_or(text.len());
        let (number, rest) = text.split_at(end);
        let Some(unit) = rest.chars().next() else {
            return Err(format!("expected a unit after {number}"));
        };
        let Some(index) = parts[next..].iter().position(|part| part.0 == unit) else {
            let known: String = parts.iter().map(|part| part.0).collect();
            return Err(format!(
                "expected the units {known}, each at most once and in this order, not {unit:?}"
            ));
        };
        let (index, worth) = (next + index, parts[next + index].1);
        let (count, fraction) = read_number(number, unit)?;
        each(index, worth, count, fraction).ok_or("expected a shorter duration")?;
        next = index + 1;
        text = &rest[unit.len_utf8()..];
    }
    Ok(())
}

fn read_number(number: &str, unit: char) -> Result<(u32, i64), String> {
    let (whole, fraction) = number.split_once(['.', ',']).unwrap_or((number, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return Err(format!("expected a number before {unit}, not {number:?}"));
    }
    let significant = fraction.trim_end_matches('0');
    if unit != 'S' && !significant.is_empty() {
        return Err(format!(
            "expected a whole number before {unit}, since only seconds have fractions"
        ));
    }
    if significant.len() > 6 {
        return Err("expected whole microseconds".to_owned());
    }
    let micros = format!("{significant:0<6}")
        .parse()
        .map_err(|_| "expected whole microseconds".to_owned())?;
    let whole = whole
        .parse()
        .map_err(|_| format!("expected at most {} before {unit}", u32::MAX))?;
    Ok((whole, micros))
}

impl fmt::Display for IsoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("PT0S");
        }
        f.write_str("P")?;
        for ((unit, _), count) in DATE_PARTS.iter().zip(self.date).filter(|(_, count)| *count > 0) {
            write!(f, "{count}{unit}")?;
        }
        let [hours, minutes, seconds] = self.time;
        if self.time != [0; 3] {
            f.write_str("T")?;
        }
        if hours > 0 {
            write!(f, "{hours}H")?;
        }
        if minutes > 0 {
            write!(f, "{minutes}M")?;
        }
        match (seconds / SECOND, seconds % SECOND) {
            (0, 0) => Ok(()),
            (whole, 0) => write!(f, "{whole}S"),
            (whole, fraction) => write!(f, "{whole}.{}S", format!("{fraction:06}").trim_end_matches('0')),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn duration(text: &str) -> IsoDuration {
        text.parse().unwrap()
    }

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn durations_are_read_and_written_as_they_were() {
        for text in [
            "P30D",
            "P1Y6M",
            "P2W3D",
            "PT24H",
            "PT90M",
            "P1DT2H3M4.5S",
            "PT0.000001S",
            "P12M",
            "PT0S",
        ] {
            assert_eq!(duration(text).to_string(), text);
        }
        for (text, written) in [
            ("P0Y1D", "P1D"),
            ("PT1,50S", "PT1.5S"),
            ("P0D", "PT0S"),
            ("P007D", "P7D"),
        ] {
            assert_eq!(duration(text).to_string(), written);
        }
        assert_eq!(
            (duration("P1Y2M3W").months(), duration("P1W").micros()),
            (14, 604_800_000_000)
        );
        assert_eq!(IsoDuration::days(30), duration("P30D"));
        assert!(duration("P0D").is_zero() && !duration("PT0.1S").is_zero());
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        let long = format!("P{}1D", "0".repeat(64));
        let texts = [
            "",
            "P",
            "PT",
            "P1DT",
            "1D",
            "P1",
            "-P1D",
            "P-1D",
            "+P1D",
            "p1d",
            "P1D1Y",
            "P1D1D",
            "P1H",
            "PT1D",
            "P1.5D",
            "P.D",
            "PT1.S",
            "PT.5S",
            "PT1.0000001S",
            "P1.2.3D",
            "P1D\0",
            "P\u{661}D",
            "P1D ",
            " P1D",
            "P4294967296D",
            "PT1T1S",
            "P99999999999999999999Y",
            "P4294967295W",
            "P4294967295Y",
            "PD",
            "P1é",
            &long,
        ];
        for text in texts {
            let error = text.parse::<IsoDuration>().expect_err(text);
            assert!(error.starts_with("expected"), "{text}: {error}");
        }
    }

    #[test]
    fn months_follow_the_calendar() {
        let cases = [
            ("2024-03-31T12:00:00Z", "P1M", "2024-02-29T12:00:00Z"),
            ("2024-02-29T00:00:00Z", "P1Y", "2023-02-28T00:00:00Z"),
            ("2024-03-31T00:00:00Z", "P1M1DT1S", "2024-02-27T23:59:59Z"),
            (
                "2024-01-01T00:00:00Z",
                "PT0.000001S",
                "2023-12-31T23:59:59.999999Z",
            ),
        ];
        for (from, text, before) in cases {
            assert_eq!(duration(text).before(time(from)), Some(time(before)), "{text}");
        }
        let steps = (1..4).map(|n| {
            duration("P1M")
                .times_after(n, time("2023-01-31T00:00:00Z"))
                .unwrap()
                .to_rfc3339()
        });
        assert_eq!(
            steps.map(|text| text[..10].to_owned()).collect::<Vec<_>>(),
            ["2023-02-28", "2023-03-31", "2023-04-30"]
        );
    }

    #[test]
    fn what_lies_outside_the_catalog_is_none() {
        let start = time("0001-01-01T00:00:00Z");
        assert_eq!(duration("PT0S").before(start), Some(start));
        assert_eq!(duration("PT0.000001S").before(start), None);
        assert_eq!(duration("P300000000Y").before(start), None);
        assert_eq!(duration("P9999Y").after(start), None);
        assert_eq!(duration("P357913941Y").times_after(u32::MAX, start), None);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_as_the_same(
            date in "([0-9]{1,4}Y)?([0-9]{1,4}M)?([0-9]{1,4}W)?[0-9]{1,6}D",
            time in "(T[0-9]{1,5}H([0-9]{1,4}M)?([0-9]{1,5}(\\.[0-9]{1,6})?S)?)?",
        ) {
            let read = duration(&format!("P{date}{time}"));
            prop_assert_eq!(duration(&read.to_string()), read);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[PT0-9YMWDHS.,]{0,40}") {
            if let Ok(read) = text.parse::<IsoDuration>() {
                prop_assert_eq!(duration(&read.to_string()), read);
                read.before(LATEST);
                read.after(EARLIEST);
            }
        }
    }
}
