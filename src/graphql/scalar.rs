//! Scalars: 64-bit integers, instants, durations and JSON.
//!
//! Validation refuses a value that a scalar cannot read, with the path to it; [`expectation`] says what would have been right.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{DateTime as ChronoDateTime, SecondsFormat, Timelike, Utc};
use serde::Deserialize;
use timestore_entity::Timestamp;

use crate::model::duration::IsoDuration;
use crate::model::span::{EARLIEST, LATEST};

/// A 64-bit integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BigInt(pub i64);

/// An instant in UTC, to the microsecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTime(pub Timestamp);

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duration(pub IsoDuration);

/// Any JSON value.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Json(pub serde_json::Value);

/// What the scalar of this name reads, in words.
pub fn expectation(scalar: &str) -> Option<&'static str> {
    Some(match scalar {
        "BigInt" => {
            "an integer from -9223372036854775808 to 9223372036854775807, as a decimal string or a JSON integer"
        }
        "DateTime" => {
            "an RFC 3339 date and time with an offset, such as 2026-01-31T12:00:00Z, in the years 0001 to 9999 and no finer \
             than a microsecond"
        }
        "Duration" => "an ISO 8601 duration that is not negative, such as P30D or PT1H30M",
        "JSON" => "a JSON value whose numbers fit in 64 bits",
        "Int" => "an integer from -2147483648 to 2147483647",
        _ => return None,
    })
}

fn refuse<T: async_graphql::InputType>(scalar: &str) -> InputValueError<T> {
    InputValueError::custom(format!("expected {}", expectation(scalar).unwrap_or(scalar)))
}

/// A 64-bit integer, written as a decimal string, since JSON numbers lose digits beyond 2^53 in many readers. Input may be a
/// decimal string or a JSON integer, from -9223372036854775808 to 9223372036854775807.
#[Scalar(
    name = "BigInt",
    specified_by_url = "https://scalars.graphql.org/apollographql/bigint.html"
)]
impl ScalarType for BigInt {
    fn parse(value: Value) -> InputValueResult<Self> {
        let number = match &value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => parse_integer(text),
            _ => None,
        };
        number.map(Self).ok_or_else(|| refuse("BigInt"))
    }

    fn is_valid(value: &Value) -> bool {
        Self::parse(value.clone()).is_ok()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// A decimal integer: digits, with a minus sign where negative, and nothing else.
fn parse_integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// An instant as RFC 3339 writes it. Output is in UTC with six digits of a second, such as `2026-01-31T12:00:00.000000Z`.
/// Input may have any offset; years are 0001 to 9999, and nothing may be finer than a microsecond.
#[Scalar(
    name = "DateTime",
    specified_by_url = "https://scalars.graphql.org/andimarek/date-time.html"
)]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let instant = match &value {
            Value::String(text) => parse_instant(text),
            _ => None,
        };
        instant.map(Self).ok_or_else(|| refuse("DateTime"))
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::String(text) if parse_instant(text).is_some())
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

fn parse_instant(text: &str) -> Option<Timestamp> {
    // Chrono takes a space for the `T`, and keeps only nine digits of a second.
    if !text.is_ascii() || !(20..=64).contains(&text.len()) || !matches!(text.as_bytes()[10], b'T' | b't') {
        return None;
    }
    let mut fraction = text[19..]
        .strip_prefix('.')
        .unwrap_or("")
        .bytes()
        .take_while(u8::is_ascii_digit);
    if fraction.by_ref().skip(6).any(|digit| digit != b'0') {
        return None;
    }
    let instant = ChronoDateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc);
    // A leap second has no place in UTC with microseconds since the epoch.
    let in_range = instant.nanosecond() < 1_000_000_000 && (EARLIEST..=LATEST).contains(&instant);
    in_range.then_some(instant)
}

/// A span of time as ISO 8601 writes it, such as `P30D`, `P1Y6M` or `PT1H30M`. Never negative; a day is 24 hours, months follow
/// the calendar.
#[Scalar(
    name = "Duration",
    specified_by_url = "https://www.iso.org/iso-8601-date-and-time-format.html"
)]
impl ScalarType for Duration {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => text.parse().map(Self).map_err(InputValueError::custom),
            _ => Err(refuse("Duration")),
        }
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::String(text) if text.parse::<IsoDuration>().is_ok())
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// Any JSON value: an object, a list, a string, a number, a boolean or null. Whole numbers that do not fit in 64 bits are refused
/// rather than rounded.
#[Scalar(name = "JSON", specified_by_url = "https://www.rfc-editor.org/rfc/rfc8259")]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        value.into_json().map(Self).map_err(|_| refuse("JSON"))
    }

    fn to_value(&self) -> Value {
        to_value(&self.0)
    }
}

/// A JSON value as the executor has it.
pub fn to_value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(boolean) => Value::Boolean(*boolean),
        serde_json::Value::Number(number) => Value::Number(number.clone()),
        serde_json::Value::String(text) => Value::String(text.clone()),
        serde_json::Value::Array(values) => Value::List(values.iter().map(to_value).collect()),
        serde_json::Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, value)| (async_graphql::Name::new(name), to_value(value)))
                .collect(),
        ),
    }
}

impl From<serde_json::Value> for Json {
    fn from(value: serde_json::Value) -> Self {
        Self(value)
    }
}

impl From<Timestamp> for DateTime {
    fn from(instant: Timestamp) -> Self {
        Self(instant)
    }
}

impl From<i64> for BigInt {
    fn from(number: i64) -> Self {
        Self(number)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read<T: ScalarType>(value: serde_json::Value) -> Option<T> {
        let value = Value::from_json(value).unwrap();
        let parsed = T::parse(value.clone()).ok();
        assert_eq!(T::is_valid(&value), parsed.is_some(), "{value}");
        parsed
    }

    #[test]
    fn big_integers_are_strings_or_integers_within_64_bits() {
        assert_eq!(read(json!("9223372036854775807")), Some(BigInt(i64::MAX)));
        assert_eq!(
            read(json!(-9_223_372_036_854_775_808_i64)),
            Some(BigInt(i64::MIN))
        );
        assert_eq!(read(json!("007")), Some(BigInt(7)));
        for wrong in [
            json!("9223372036854775808"),
            json!(u64::MAX),
            json!(1.0),
            json!("1.0"),
            json!("+1"),
            json!(" 1"),
            json!(""),
            json!("-"),
            json!("0x1"),
            json!(true),
            json!(null),
        ] {
            assert_eq!(read::<BigInt>(wrong.clone()), None, "{wrong}");
        }
        let message = format!("{:?}", BigInt::parse(Value::from("x")).unwrap_err());
        assert!(message.contains("9223372036854775807"), "{message}");
    }

    #[test]
    fn instants_are_rfc_3339_to_the_microsecond() {
        let written = |text: &str| read::<DateTime>(json!(text)).map(|instant| instant.to_value());
        let same = |text: &str| Some(Value::from(text));
        assert_eq!(
            written("2026-01-31T12:00:00Z"),
            same("2026-01-31T12:00:00.000000Z")
        );
        assert_eq!(
            written("2026-01-31t12:00:00.5z"),
            same("2026-01-31T12:00:00.500000Z")
        );
        assert_eq!(
            written("2026-01-31T12:00:00.123456000+02:00"),
            same("2026-01-31T10:00:00.123456Z")
        );
        assert_eq!(
            written("0001-01-01T00:00:00Z"),
            same("0001-01-01T00:00:00.000000Z")
        );
        assert_eq!(
            written("9999-12-31T23:59:59.999999Z"),
            same("9999-12-31T23:59:59.999999Z")
        );
        for wrong in [
            "2026-01-31T12:00:00.1234567Z",
            "2026-01-31T12:00:00.1234560000001Z",
            "2026-01-31T12:00:00",
            "2026-01-31 12:00:00Z",
            "2026-01-31",
            "2026-02-30T12:00:00Z",
            "2026-12-31T23:59:60Z",
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            "0000-01-01T00:00:00Z",
            "10000-01-01T00:00:00Z",
            "2026-01-31T12:00:00é",
            "éééééééééééééééé",
            "2026-01-31T12:00:0é0Z",
            "2026-01-31T12:00:00.1é",
            "",
        ] {
            assert_eq!(written(wrong), None, "{wrong}");
        }
        assert_eq!(read::<DateTime>(json!(1_700_000_000)), None);
    }

    #[test]
    fn durations_are_iso_8601() {
        assert_eq!(
            read::<Duration>(json!("P30D")).map(|duration| duration.to_value()),
            Some(Value::from("P30D"))
        );
        assert_eq!(read::<Duration>(json!("-P30D")), None);
        assert_eq!(read::<Duration>(json!(30)), None);
    }

    #[test]
    fn json_comes_back_as_it_was() {
        for value in [
            json!(u64::MAX),
            json!(i64::MIN),
            json!(1.5),
            json!(1e300),
            json!({"a": [1, null, "x"]}),
        ] {
            assert_eq!(read::<Json>(value.clone()), Some(Json(value.clone())));
            assert_eq!(Json(value.clone()).to_value().into_json().unwrap(), value);
        }
    }

    proptest! {
        #[test]
        fn any_integer_comes_back(number: i64) {
            prop_assert_eq!(BigInt::parse(BigInt(number).to_value()).unwrap(), BigInt(number));
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let value = Value::from(text);
            prop_assert_eq!(DateTime::is_valid(&value), DateTime::parse(value.clone()).is_ok());
            prop_assert_eq!(BigInt::is_valid(&value), BigInt::parse(value).is_ok());
        }
    }
}
