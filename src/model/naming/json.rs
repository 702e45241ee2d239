//! Which JSON values the catalog can hold.

use std::io;

use serde_json::Value;

/// How deep values may be nested.
const MAX_DEPTH: usize = 32;

const MAX_BYTES: usize = 64 << 10;

/// Free JSON of the API: an object without NUL characters, nested at most 32 deep, of at most 64 KiB.
pub fn json_object(value: &Value) -> Result<(), String> {
    json_object_within(value, MAX_BYTES)
}

/// The same, but of at most `most` bytes when written without blanks.
///
/// PostgreSQL's `jsonb` refuses NUL characters, so that they must not come so far.
pub fn json_object_within(value: &Value, most: usize) -> Result<(), String> {
    if !value.is_object() {
        return Err("expected an object".to_owned());
    }
    check(value, MAX_DEPTH)?;
    if serde_json::to_writer(Limit(most), value).is_err() {
        return Err(format!("expected at most {most} bytes of JSON"));
    }
    Ok(())
}

fn check(value: &Value, depth: usize) -> Result<(), String> {
    let text = |text: &str| {
        if text.contains('\0') {
            Err("expected no NUL characters".to_owned())
        } else {
            Ok(())
        }
    };
    let deeper = || {
        depth
            .checked_sub(1)
            .ok_or_else(|| format!("expected at most {MAX_DEPTH} levels"))
    };
    match value {
        Value::String(string) => text(string),
        Value::Array(values) => {
            let depth = deeper()?;
            values.iter().try_for_each(|value| check(value, depth))
        }
        Value::Object(members) => {
            let depth = deeper()?;
            members
                .iter()
                .try_for_each(|(key, value)| text(key).and_then(|()| check(value, depth)))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// Takes so many bytes, and keeps none.
struct Limit(usize);

impl io::Write for Limit {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self
            .0
            .checked_sub(bytes.len())
            .ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nested(levels: usize) -> Value {
        (1..levels).fold(json!({}), |inner, _| json!({ "a": inner }))
    }

    #[test]
    fn only_objects_are_taken() {
        assert_eq!(json_object(&json!({ "a": [1, null, { "b": "c" }] })), Ok(()));
        for value in [json!(null), json!([]), json!("{}"), json!(1)] {
            assert_eq!(json_object(&value), Err("expected an object".to_owned()));
        }
    }

    #[test]
    fn nul_characters_are_found_wherever_they_are() {
        for value in [
            json!({ "a\0": 1 }),
            json!({ "a": "\0" }),
            json!({ "a": [{ "b": ["c\0"] }] }),
        ] {
            assert_eq!(json_object(&value), Err("expected no NUL characters".to_owned()));
        }
        assert_eq!(json_object(&json!({ "a": "\\u0000" })), Ok(()));
    }

    #[test]
    fn depth_and_size_are_bounded() {
        assert_eq!(json_object(&nested(32)), Ok(()));
        assert!(json_object(&nested(33)).is_err());
        // {"a":"…"} has eight bytes around the text; the line feed is written as two.
        let sized = |bytes: usize| json!({ "a": format!("\n{}", "x".repeat(bytes - 10)) });
        assert_eq!(json_object(&sized(64 << 10)), Ok(()));
        assert!(json_object(&sized((64 << 10) + 1)).is_err());
        assert_eq!(json_object_within(&sized(100), 100), Ok(()));
        assert!(json_object_within(&sized(100), 99).is_err());
    }
}
