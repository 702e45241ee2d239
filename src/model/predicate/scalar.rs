//! Values of predicates, keys and statistics, and how they compare: like with like.
//!
//! Nothing here knows of files.

use std::cmp::Ordering;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde_json::{Number, Value};

/// A value that a predicate compares with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scalar {
    /// Text. RFC 3339 dates and date-times are compared as times, a date being its midnight in UTC.
    String(String),
    /// A number.
    Number(Number),
    /// True or false; false comes first.
    Boolean(bool),
    /// Null, which equals only null and has no order.
    Null,
}

impl Scalar {
    /// The value of a JSON scalar; arrays and objects are refused.
    pub fn from_json(value: &Value) -> Result<Self, String> {
        match value {
            Value::Null => Ok(Self::Null),
            Value::Bool(boolean) => Ok(Self::Boolean(*boolean)),
            Value::Number(number) => Ok(Self::Number(number.clone())),
            Value::String(text) => Ok(Self::String(text.clone())),
            Value::Array(_) => Err("expected a string, number, boolean or null, not an array".to_owned()),
            Value::Object(_) => Err("expected a string, number, boolean or null, not an object".to_owned()),
        }
    }

    pub(super) fn view(&self) -> View<'_> {
        match self {
            Self::Null => View::Null,
            Self::Boolean(boolean) => View::Boolean(*boolean),
            Self::Number(number) => View::Number(number),
            Self::String(text) => View::text(text),
        }
    }
}

/// Whether predicates compare this text as a time.
pub(in crate::model) fn is_time(text: &str) -> bool {
    matches!(View::text(text), View::Time(_))
}

/// A value by what it compares with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum View<'a> {
    Time(DateTime<Utc>),
    Text(&'a str),
    Number(&'a Number),
    Boolean(bool),
    Null,
}

impl<'a> View<'a> {
    /// The view of a JSON scalar; none of arrays and objects.
    pub(super) fn of(value: &'a Value) -> Option<Self> {
        Some(match value {
            Value::Null => Self::Null,
            Value::Bool(boolean) => Self::Boolean(*boolean),
            Value::Number(number) => Self::Number(number),
            Value::String(text) => Self::text(text),
            Value::Array(_) | Value::Object(_) => return None,
        })
    }

    fn text(text: &'a str) -> Self {
        parse_time(text).map_or(Self::Text(text), Self::Time)
    }

    /// The order of two values of one kind. None where the kinds differ, where there is no order, and where
    /// it cannot be told.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Time(a), Self::Time(b)) => Some(a.cmp(b)),
            // UTF-8 sorts by code point.
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::Number(a), Self::Number(b)) => compare_numbers(a, b),
            (Self::Boolean(a), Self::Boolean(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    /// Whether the two could be equal: not where they are of one kind and differ, nor where one is null and
    /// the other is not, nor where one text is a time and the other is not.
    pub(super) fn may_equal(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Null, _)
            | (_, Self::Null)
            | (Self::Time(_), Self::Text(_))
            | (Self::Text(_), Self::Time(_)) => false,
            _ => self.compare(other).is_none_or(Ordering::is_eq),
        }
    }
}

/// From here on, doubles no longer tell neighbouring integers apart.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The order of two numbers. Integers of 64 bits are compared exactly with each other, and with doubles below
/// 2^53.
///
/// A double beyond that may stand for another number: JSON numbers that fit neither 64-bit integers nor
/// doubles have been rounded when they were read. Rounding keeps the order but may make numbers equal, so
/// that equality means nothing there.
fn compare_numbers(a: &Number, b: &Number) -> Option<Ordering> {
    if let (Some(a), Some(b)) = (integer(a), integer(b)) {
        return Some(a.cmp(&b));
    }
    let (a, b) = (a.as_f64()?, b.as_f64()?);
    a.partial_cmp(&b).filter(|order| order.is_ne() || a.abs() < EXACT)
}

fn integer(number: &Number) -> Option<i128> {
    number
        .as_i64()
        .map(i128::from)
        .or_else(|| number.as_u64().map(i128::from))
}

fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    let bytes = text.as_bytes();
    // Up to nine digits of a second; more would be cut off.
    if !(10..=35).contains(&bytes.len()) || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    if bytes.len() > 10 {
        return matches!(bytes[10], b'T' | b't')
            .then(|| DateTime::parse_from_rfc3339(text).ok())?
            .map(|time| time.to_utc());
    }
    let digits = |range: std::ops::Range<usize>| {
        let digits = &bytes[range];
        let all = digits.iter().all(u8::is_ascii_digit);
        all.then(|| {
            digits
                .iter()
                .fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
        })
    };
    let year = i32::try_from(digits(0..4)?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, digits(5..7)?, digits(8..10)?)?;
    Some(date.and_time(NaiveTime::MIN).and_utc())
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering::{Equal, Greater, Less};

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn order(a: Value, b: Value) -> Option<Ordering> {
        View::of(&a).unwrap().compare(&View::of(&b).unwrap())
    }

    #[test]
    fn large_integers_keep_every_digit() {
        assert_eq!(order(json!(i64::MAX), json!(i64::MAX as u64 + 1)), Some(Less));
        assert_eq!(
            order(json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_992_i64)),
            Some(Greater)
        );
        assert_eq!(order(json!(i64::MIN), json!(u64::MAX)), Some(Less));
    }

    #[test]
    fn integers_and_doubles_compare_as_numbers() {
        assert_eq!(order(json!(1), json!(1.0)), Some(Equal));
        assert_eq!(order(json!(0), json!(-0.0)), Some(Equal));
        assert_eq!(order(json!(1), json!(1.5)), Some(Less));
        assert_eq!(order(json!(-1), json!(-1.5)), Some(Greater));
        assert_eq!(order(json!(u64::MAX), json!(1e300)), Some(Less));
        // 2^53 + 1 rounds to 2^53: it cannot be told.
        assert_eq!(
            order(json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_992.0)),
            None
        );
        let beyond: Value = serde_json::from_str("[18446744073709551617, 18446744073709551616]").unwrap();
        assert_eq!(order(beyond[0].clone(), beyond[1].clone()), None);
    }

    #[test]
    fn dates_and_times_compare_as_times() {
        let cases = [
            ("2020-01-01", "2020-01-01T00:00:00Z", Equal),
            ("2020-01-01", "2020-01-01T00:00:00.000000001Z", Less),
            ("2020-01-01T00:00:00+02:00", "2019-12-31T22:00:00Z", Equal),
            ("2020-01-01T00:00:00.5Z", "2020-01-01T00:00:00Z", Greater),
            ("2020-01-01t00:00:00z", "2020-01-01T00:00:00-00:00", Equal),
            ("0000-01-01", "9999-12-31", Less),
        ];
        for (a, b, expected) in cases {
            assert_eq!(order(json!(a), json!(b)), Some(expected), "{a} {b}");
        }
        for text in [
            "2020-1-1",
            "2020-13-01",
            "2020-02-30",
            "+020-01-01",
            "2020-01-01T00:00:00",
            "2020-01-01 00:00:00Z",
            "2020-01-01T00:00:00.0000000001+00:00",
            "20200101",
            "2020-01-01Z",
            "12345-01-01",
            "",
        ] {
            assert!(!is_time(text), "{text}");
        }
    }

    #[test]
    fn other_text_compares_by_code_point() {
        assert_eq!(order(json!("a"), json!("B")), Some(Greater));
        assert_eq!(order(json!(""), json!("a")), Some(Less));
        // By UTF-16, as some languages sort, it would be the other way round.
        assert_eq!(order(json!("\u{ff5e}"), json!("\u{1f600}")), Some(Less));
    }

    #[test]
    fn unlike_values_have_no_order_and_texts_of_two_kinds_are_not_equal() {
        assert_eq!(order(json!("2020-01-01"), json!("2020")), None);
        assert_eq!(order(json!(1), json!("1")), None);
        let may_equal = |a: Value, b: Value| View::of(&a).unwrap().may_equal(&View::of(&b).unwrap());
        assert!(!may_equal(json!("2020-01-01"), json!("2020")));
        assert!(may_equal(json!(1), json!("1")) && may_equal(json!(true), json!("true")));
        assert!(may_equal(json!(null), json!(null)) && !may_equal(json!(null), json!(0)));
        assert!(Scalar::from_json(&json!([])).is_err() && Scalar::from_json(&json!({})).is_err());
    }

    proptest! {
        #[test]
        fn numbers_compare_exactly_or_not_at_all(a in any::<i64>(), bits in any::<u64>(), near in -3_i64..3) {
            for b in [f64::from_bits(bits), (a as f64) + near as f64, near as f64 + 0.5] {
                let Some(number) = Number::from_f64(b) else { continue };
                let whole = b.floor();
                // Within 64 bits, the whole part is exact as an i128.
                let exact = if whole >= 1e20 { Less } else if whole <= -1e20 { Greater } else {
                    i128::from(a).cmp(&(whole as i128)).then(if b > whole { Less } else { Equal })
                };
                let found = compare_numbers(&Number::from(a), &number);
                prop_assert!(found.is_none_or(|found| found == exact), "{} {}", a, b);
                prop_assert!(found.is_some() || b.abs() >= EXACT);
            }
        }
    }
}
