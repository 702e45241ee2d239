//! Hive-style `key=value` folders: what all rows of a file have in common, told by its path.
//!
//! Owns the reading of relative paths into partition keys. Never looks into files.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// How Hive spells a null in a folder name.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// Whether a folder name has the form `key=value`.
pub fn is_key_folder(name: &str) -> bool {
    name.find('=').is_some_and(|at| at > 0)
}

/// The partition key of a file, from the folders of its relative path (slash-separated; the file name takes no part).
///
/// Keys and values are percent-decoded. A value is a number only when it is an integer in canonical spelling that fits
/// 64 bits (`7`, `-3`, not `07` or `+7` or `7.0`), null when it is Hive's default partition, and else a string:
/// `month=2010-01` stays `"2010-01"`.
///
/// # Errors
///
/// Says what is wrong with a key that occurs twice, or with one that is not UTF-8 once decoded.
pub fn partition_key(relative: &str) -> Result<Map<String, Value>, String> {
    let mut key = Map::new();
    let mut folders = relative.split('/').collect::<Vec<_>>();
    folders.pop();
    for folder in folders.into_iter().filter(|folder| is_key_folder(folder)) {
        let Some((name, value)) = folder.split_once('=') else {
            continue;
        };
        let name = decode(name)?;
        if key.contains_key(&name) {
            return Err(format!(
                "expected each partition key once in the path, found '{name}' twice"
            ));
        }
        key.insert(name, typed(&decode(value)?));
    }
    Ok(key)
}

/// Gives each key one type over all files: numbers become strings again where another file has a string.
///
/// `hour=09` and `hour=10` side by side would otherwise be a string and a number, and comparing like with like would
/// find neither when asked for the other.
pub fn unify<'a>(keys: impl IntoIterator<Item = &'a mut Map<String, Value>>) {
    let mut keys = keys.into_iter().collect::<Vec<_>>();
    let text = keys
        .iter()
        .flat_map(|key| key.iter())
        .filter(|(_, value)| value.is_string())
        .map(|(name, _)| name.clone())
        .collect::<BTreeSet<_>>();
    for (name, value) in keys.iter_mut().flat_map(|key| key.iter_mut()) {
        if value.is_number() && text.contains(name) {
            *value = Value::String(value.to_string());
        }
    }
}

fn typed(text: &str) -> Value {
    if text == NULL {
        return Value::Null;
    }
    match text.parse::<i64>() {
        Ok(number) if number.to_string() == text => Value::from(number),
        _ => Value::String(text.to_owned()),
    }
}

/// Percent-decodes; a `%` that two hexadecimal digits do not follow stays as it is.
fn decode(text: &str) -> Result<String, String> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = bytes
            .get(at + 1..at + 3)
            .filter(|digits| bytes[at] == b'%' && digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(escaped.unwrap_or(bytes[at]));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    match String::from_utf8(decoded) {
        Ok(decoded) if !decoded.contains('\0') => Ok(decoded),
        _ => Err(format!(
            "expected utf-8 text without nul in the folder names, found '{text}'"
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(relative: &str) -> Value {
        Value::Object(partition_key(relative).expect("a partition key"))
    }

    #[test]
    fn folders_become_keys_and_the_file_name_does_not() {
        assert_eq!(
            key("x/city=san_francisco/month=2010-01/a=b.parquet"),
            json!({"city": "san_francisco", "month": "2010-01"})
        );
        assert_eq!(key("plain/part-0.parquet"), json!({}));
        assert_eq!(key("=x/f"), json!({}));
    }

    #[test]
    fn only_canonical_integers_become_numbers() {
        assert_eq!(
            key("a=7/b=-3/c=07/d=+7/e=7.0/f=true/g=9223372036854775808/h=/i=0/j=-0/f.pq"),
            json!({"a": 7, "b": -3, "c": "07", "d": "+7", "e": "7.0", "f": "true", "g": "9223372036854775808",
                   "h": "", "i": 0, "j": "-0"})
        );
    }

    #[test]
    fn values_are_decoded_and_the_default_partition_is_null() {
        assert_eq!(
            key("city=San%20Jos%C3%A9/share=100%/x%3Dy=a=b/n=__HIVE_DEFAULT_PARTITION__/f"),
            json!({"city": "San José", "share": "100%", "x=y": "a=b", "n": null})
        );
    }

    #[test]
    fn a_key_twice_or_text_that_is_not_utf_8_is_an_error() {
        assert!(partition_key("a=1/a=2/f").is_err_and(|error| error.contains("'a' twice")));
        assert!(
            partition_key("a=%FF/f").is_err_and(|error| error.contains("a=%FF") || error.contains("%FF"))
        );
        assert!(partition_key("a=%00/f").is_err());
    }

    #[test]
    fn a_key_has_one_type_over_all_files() {
        let mut keys =
            ["hour=09/year=2010/f", "hour=10/year=2011/f"].map(|path| partition_key(path).expect("a key"));
        unify(&mut keys);
        assert_eq!(
            keys.map(Value::Object),
            [
                json!({"hour": "09", "year": 2010}),
                json!({"hour": "10", "year": 2011})
            ]
        );
    }
}
