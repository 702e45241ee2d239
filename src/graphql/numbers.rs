//! Numbers that a parser would round.
//!
//! Both parsers, of GraphQL and of JSON, turn an integer beyond 64 bits into a float. What was written can only be told from the
//! text.

use async_graphql::{Value as ConstValue, Variables};

/// An integer of a JSON or GraphQL text that does not fit in 64 bits, which a parser would round. Strings and comments are
/// skipped.
pub fn oversized_integer(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = skip_string(bytes, at),
            b'#' => {
                at += bytes[at..]
                    .iter()
                    .take_while(|&&byte| byte != b'\n' && byte != b'\r')
                    .count()
            }
            byte if byte.is_ascii_digit() || byte.is_ascii_alphabetic() || byte == b'_' || byte == b'-' => {
                let word =
                    |&byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'.');
                let end = at + bytes[at..].iter().take_while(|byte| word(byte)).count();
                let token = &text[at..end];
                let digits = token.strip_prefix('-').unwrap_or(token);
                let is_integer = digits.len() > 18 && digits.bytes().all(|byte| byte.is_ascii_digit());
                if is_integer && token.parse::<i64>().is_err() && token.parse::<u64>().is_err() {
                    return Some(token);
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    None
}

/// A number as an error names it: of a long one, how it begins.
pub fn shortened(number: &str) -> String {
    const LONGEST: usize = 40;
    match number.get(..LONGEST) {
        Some(beginning) if number.len() > LONGEST => format!("{beginning}…"),
        _ => number.to_owned(),
    }
}

/// How many wide integers are looked for.
const MAX_WIDE: usize = 5;

/// The paths to the first few integers of the variables that do not fit in 32 bits.
pub fn wide_integers(variables: &Variables) -> Vec<Vec<String>> {
    wide_within(variables.iter())
}

/// Those of the members of a list or an object. Nothing is allocated where there is none.
fn wide_within<'a, K: ToString>(members: impl Iterator<Item = (K, &'a ConstValue)>) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (key, value) in members {
        let within = match value {
            ConstValue::List(values) => wide_within(values.iter().enumerate()),
            ConstValue::Object(values) => wide_within(values.iter()),
            ConstValue::Number(number) if is_wide(number) => vec![Vec::new()],
            _ => continue,
        };
        let here = |path| [vec![key.to_string()], path].concat();
        found.extend(within.into_iter().map(here));
        if found.len() >= MAX_WIDE {
            found.truncate(MAX_WIDE);
            break;
        }
    }
    found
}

fn is_wide(number: &serde_json::Number) -> bool {
    number
        .as_i64()
        .is_some_and(|number| i32::try_from(number).is_err())
}

/// The index after the string, or block string, that begins at `at`.
pub(super) fn skip_string(bytes: &[u8], mut at: usize) -> usize {
    let block = bytes[at..].starts_with(b"\"\"\"");
    at += if block { 3 } else { 1 };
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if !block => at += 2,
            b'\\' if bytes[at..].starts_with(b"\\\"\"\"") => at += 4,
            b'"' if !block => return at + 1,
            b'"' if bytes[at..].starts_with(b"\"\"\"") => return at + 3,
            _ => at += 1,
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn integers_beyond_64_bits_are_found() {
        for (text, found) in [
            (r#"{"a": 18446744073709551616}"#, Some("18446744073709551616")),
            (r#"{"a": [-9223372036854775809]}"#, Some("-9223372036854775809")),
            (r#"{"a": 18446744073709551615, "b": -9223372036854775808}"#, None),
            (r#"{"a": "18446744073709551616", "b\"": "\\"}"#, None),
            (
                r#"{"a": 1e400, "b": 18446744073709551616.5, "c": 123456789012345678901e5}"#,
                None,
            ),
            ("{ a18446744073709551616 # 18446744073709551616\n }", None),
            (
                r#"{ a(b: """ "18446744073709551616 \""" 1""", c: 18446744073709551616) }"#,
                Some("18446744073709551616"),
            ),
            (r#"""#, None),
        ] {
            assert_eq!(oversized_integer(text), found, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_scanned(text: String) {
            let _ = oversized_integer(&text);
        }
    }
}
