//! JSON written by hand into a buffer: the shapes that answers are made of.

use async_graphql::resolver_utils::EnumType;
use async_graphql::{Response, Value};
use chrono::{Datelike, Timelike};
use serde::Serialize;
use serde_json::Value as Json;
use timestore_entity::Timestamp;

use crate::graphql::id::GlobalId;

/// JSON under construction.
#[derive(Debug, Default)]
pub struct JsonWriter(Vec<u8>);

impl JsonWriter {
    /// For about so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Text that is JSON already.
    pub fn raw(&mut self, json: &[u8]) {
        self.0.extend_from_slice(json);
    }

    /// Anything that serialises.
    pub fn value(&mut self, value: &(impl Serialize + ?Sized)) {
        // Writing to memory does not fail, and maps have text for keys.
        drop(serde_json::to_writer(&mut self.0, value));
    }

    /// A text.
    pub fn text(&mut self, text: &str) {
        let is_special = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
        // Without an end before the end, so that it is done for many bytes at once.
        if text.bytes().fold(false, |any, byte| any | is_special(byte)) {
            return self.value(text);
        }
        self.0.reserve(text.len() + 2);
        self.raw(b"\"");
        self.raw(text.as_bytes());
        self.raw(b"\"");
    }

    /// Any JSON.
    pub fn json(&mut self, json: &Json) {
        match json {
            Json::String(text) => self.text(text),
            Json::Array(values) => self.list(values, Self::json),
            Json::Object(fields) => {
                self.fields(
                    fields.iter().map(|(name, value)| (name.as_str(), value)),
                    Self::json,
                );
            }
            leaf => self.value(leaf),
        }
    }

    /// What there may be, and null where it is not.
    pub fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            Some(value) => write(self, value),
            None => self.raw(b"null"),
        }
    }

    /// A `BigInt`: a decimal string.
    pub fn big_int(&mut self, number: i64) {
        self.raw(b"\"");
        self.value(&number);
        self.raw(b"\"");
    }

    /// A `DateTime`: RFC 3339 in UTC, with microseconds, in the years 0001 to 9999.
    pub fn instant(&mut self, instant: Timestamp) {
        let mut text = *b"\"0000-00-00T00:00:00.000000Z\"";
        // Each field of an instant itself would be converted from UTC to UTC first.
        let (date, time) = (instant.naive_utc().date(), instant.naive_utc().time());
        let fields = [
            (1, 4, date.year().unsigned_abs()),
            (6, 2, date.month()),
            (9, 2, date.day()),
            (12, 2, time.hour()),
            (15, 2, time.minute()),
            (18, 2, time.second()),
            (21, 6, instant.timestamp_subsec_micros()),
        ];
        for (start, length, mut number) in fields {
            for digit in text[start..start + length].iter_mut().rev() {
                *digit += (number % 10) as u8;
                number /= 10;
            }
        }
        self.raw(&text);
    }

    /// A global id.
    pub fn id(&mut self, id: GlobalId) {
        self.raw(b"\"");
        id.write(&mut self.0);
        self.raw(b"\"");
    }

    /// A value of a closed set, as the API spells it.
    pub fn one_of<T: EnumType>(&mut self, value: T) {
        let known = T::items().iter().find(|item| item.value == value);
        self.text(known.map_or("", |item| item.name));
    }

    /// A value that async-graphql resolved, with what was written before in its place.
    pub fn resolved(&mut self, value: &Value) {
        match value {
            Value::Binary(json) => self.raw(json),
            Value::List(values) => self.list(values, Self::resolved),
            Value::Object(fields) => {
                self.fields(
                    fields.iter().map(|(name, value)| (name.as_str(), value)),
                    Self::resolved,
                );
            }
            Value::String(text) => self.text(text),
            leaf => self.value(leaf),
        }
    }

    /// An object.
    fn fields<'n, T>(&mut self, fields: impl Iterator<Item = (&'n str, T)>, write: impl Fn(&mut Self, T)) {
        self.raw(b"{");
        for (index, (name, value)) in fields.enumerate() {
            if index > 0 {
                self.raw(b",");
            }
            self.text(name);
            self.raw(b":");
            write(self, value);
        }
        self.raw(b"}");
    }

    /// A list.
    pub fn list<T>(&mut self, items: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut Self, T)) {
        self.raw(b"[");
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.raw(b",");
            }
            write(self, item);
        }
        self.raw(b"]");
    }

    /// An answer: its errors where it has any, so that readers see them first, its data and its extensions.
    pub fn response(&mut self, response: &Response) {
        self.raw(b"{");
        if !response.errors.is_empty() {
            self.raw(b"\"errors\":");
            self.value(&response.errors);
            self.raw(b",");
        }
        self.raw(b"\"data\":");
        self.resolved(&response.data);
        if !response.extensions.is_empty() {
            self.raw(b",\"extensions\":");
            self.value(&response.extensions);
        }
        self.raw(b"}");
    }
}

/// An answer as JSON. Its data may hold parts that are JSON already, so that nothing else can write it.
pub fn to_json(response: &Response) -> Vec<u8> {
    let mut json = JsonWriter(Vec::with_capacity(length(&response.data) + 256));
    json.response(response);
    json.into_bytes()
}

/// How long what was written before is, and about how long the rest will be, in bytes.
pub fn length(value: &Value) -> usize {
    match value {
        Value::Binary(json) => json.len(),
        Value::List(values) => values.iter().map(|value| length(value) + 1).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| name.len() + length(value) + 4)
            .sum(),
        _ => 32,
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::{ScalarType, ServerError};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::graphql::scalar::{BigInt, DateTime};
    use crate::model::span::{EARLIEST, LATEST};

    fn written(write: impl FnOnce(&mut JsonWriter)) -> serde_json::Value {
        let mut json = JsonWriter::default();
        write(&mut json);
        serde_json::from_slice(&json.into_bytes()).unwrap()
    }

    proptest! {
        #[test]
        fn scalars_are_written_as_they_are_resolved(
            number: i64,
            micros in EARLIEST.timestamp_micros()..=LATEST.timestamp_micros(),
        ) {
            let instant = Timestamp::from_timestamp_micros(micros).unwrap();
            prop_assert_eq!(written(|json| json.big_int(number)), BigInt(number).to_value().into_json().unwrap());
            prop_assert_eq!(written(|json| json.instant(instant)), DateTime(instant).to_value().into_json().unwrap());
        }

        #[test]
        fn texts_are_written_as_they_are(text: String, name: String, number: f64) {
            let json = json!({ name: [text.clone(), null, { "a\u{7}b": number }], text.clone(): {} });
            prop_assert_eq!(written(|writer| writer.json(&json)), json);
            prop_assert_eq!(written(|writer| writer.text(&text)), json!(text));
        }

        #[test]
        fn a_response_is_written_as_async_graphql_would(text: String, name: String, number: i64, failed: bool) {
            let data = json!({ "a": [{ name: text.clone() }, null, number, 1.5, true], "b": {} });
            let mut response = Response::new(Value::from_json(data).unwrap());
            if failed {
                response.errors.push(ServerError::new(text, None));
                response = response.extension("x", Value::from(number));
            }
            prop_assert_eq!(
                written(|json| json.response(&response)),
                serde_json::to_value(&response).unwrap()
            );
        }
    }

    #[test]
    fn what_is_json_already_is_spliced_in() {
        let data = Value::List(vec![Value::Binary(b"{\"a\":1}".as_slice().into()), Value::Null]);
        assert_eq!(written(|json| json.resolved(&data)), json!([{ "a": 1 }, null]));
    }
}
