//! Scalars: what is read is printed as what is read again, to the same value and the same text.

use std::fmt::Debug;

use async_graphql::{ScalarType, Value};
use timestore_gateway::graphql::scalar::{BigInt, DateTime, Duration, Json};

/// Reads the bytes as a string, and as JSON.
pub fn check(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        check_value(&Value::from(text));
    }
    if let Ok(json) = serde_json::from_slice(bytes)
        && let Ok(value) = Value::from_json(json)
    {
        check_value(&value);
    }
}

fn check_value(value: &Value) {
    check_scalar::<BigInt>(value);
    check_scalar::<DateTime>(value);
    check_scalar::<Duration>(value);
    check_scalar::<Json>(value);
}

fn check_scalar<T: ScalarType + Debug + PartialEq>(value: &Value) {
    let read = T::parse(value.clone()).ok();
    assert_eq!(T::is_valid(value), read.is_some(), "{value}");
    let Some(read) = read else { return };
    let printed = read.to_value();
    let again = T::parse(printed.clone()).unwrap_or_else(|error| panic!("{printed}: {error:?}"));
    assert_eq!(again, read, "{value} is printed as {printed}");
    assert_eq!(again.to_value(), printed, "{value}");
}
