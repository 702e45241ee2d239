//! What names, texts, paths and JSON values from callers must look like.
//!
//! Each check answers the value as the catalog keeps it, or what was expected instead. Whether a name is
//! taken is for the store to say.

mod base;
mod json;
mod location;
mod place;
mod secrets;

use timestore_entity::Timestamp;

pub use self::base::base_uri;
pub use self::json::{json_object, json_object_within};
pub use self::location::{file_path, join_uri, uri_decoded};
pub use self::place::place;
pub use self::secrets::config_secrets;
use super::span::{EARLIEST, LATEST};

/// A dataset's slug in lower case: 3 to 120 of `a-z 0-9 - _ .`, beginning and ending with a letter or digit.
pub fn slug(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let bytes = text.as_bytes();
    if !(3..=120).contains(&bytes.len()) || !bytes.iter().copied().all(allowed) {
        return Err("expected 3 to 120 letters a to z, digits, hyphens, underscores and dots".to_owned());
    }
    let ends = [bytes.first(), bytes.last()];
    if !ends.into_iter().flatten().all(u8::is_ascii_alphanumeric) || text.contains("..") {
        return Err("expected a letter or digit at both ends, and no two dots in a row".to_owned());
    }
    Ok(text.to_ascii_lowercase())
}

/// A name for people: 1 to 200 characters on one line, without blanks around it.
pub fn display_name(text: &str) -> Result<String, String> {
    line(text.trim(), 200)
}

/// A storage target's name: 1 to 120 characters on one line, without blanks around it.
pub fn target_name(text: &str) -> Result<String, String> {
    line(text.trim(), 120)
}

/// A snapshot's name: 1 to 120 characters on one line, without blanks around it.
pub fn snapshot_name(text: &str) -> Result<String, String> {
    line(text.trim(), 120)
}

/// The name by which a source of rows goes: 1 to 120 characters on one line. It is an identifier: blanks
/// around it are refused.
pub fn source(text: &str) -> Result<String, String> {
    identifier(text, 120)
}

/// An opaque text that identifies a file's content, such as a checksum or an ingestion signature: 1 to 255
/// characters on one line. Blanks around it are refused.
pub fn token(text: &str) -> Result<String, String> {
    identifier(text, 255)
}

/// An idempotency key: 1 to 255 visible characters.
pub fn idempotency_key(text: &str) -> Result<String, String> {
    if text.contains(char::is_whitespace) {
        return Err("expected 1 to 255 visible characters, no blanks".to_owned());
    }
    identifier(text, 255)
}

/// A description: at most 10,000 characters, none of them NUL.
pub fn description(text: &str) -> Result<String, String> {
    if text.chars().nth(10_000).is_some() || text.contains('\0') {
        return Err("expected at most 10000 characters, none of them NUL".to_owned());
    }
    Ok(text.to_owned())
}

/// A scope, such as `timestore:read`: 1 to 120 of letters, digits and `: . _ * - /`.
pub fn scope(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b":._*-/".contains(&byte);
    if !(1..=120).contains(&text.len()) || !text.bytes().all(allowed) {
        return Err("expected 1 to 120 letters, digits and : . _ * - /".to_owned());
    }
    Ok(text.to_owned())
}

/// An instant that the catalog holds as it is: in the years 0001 to 9999, in whole microseconds.
pub fn time(time: Timestamp) -> Result<Timestamp, String> {
    if !(EARLIEST..=LATEST).contains(&time) {
        // The last second of 9999 may have more digits; it is refused for them too.
        return Err("expected an instant in the years 0001 to 9999, in whole microseconds".to_owned());
    }
    let nanos = time.timestamp_subsec_nanos();
    // A leap second is told by more than a second's nanoseconds.
    if !nanos.is_multiple_of(1_000) || nanos >= 1_000_000_000 {
        return Err("expected an instant in whole microseconds, without leap second".to_owned());
    }
    Ok(time)
}

fn identifier(text: &str, most: usize) -> Result<String, String> {
    if text.trim() != text {
        return Err("expected no blanks at the ends".to_owned());
    }
    line(text, most)
}

fn line(text: &str, most: usize) -> Result<String, String> {
    if text.is_empty() || text.chars().nth(most).is_some() {
        return Err(format!("expected 1 to {most} characters"));
    }
    if text.chars().any(char::is_control) {
        return Err("expected no control characters".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_kept_in_lower_case() {
        assert_eq!(
            slug("Weather.Hourly_v2-eu"),
            Ok("weather.hourly_v2-eu".to_owned())
        );
        assert!(slug("a1b").is_ok() && slug(&"a".repeat(120)).is_ok());
        let wrong = [
            "",
            "ab",
            "-ab",
            "ab-",
            ".ab",
            "a..b",
            "a b",
            "über",
            "a/b",
            "a\0b",
            "ab\n",
            &"a".repeat(121),
        ];
        assert!(wrong.into_iter().all(|text| slug(text).is_err()));
    }

    #[test]
    fn names_lose_the_blanks_around_them() {
        assert_eq!(
            display_name(" Weather, hourly \n"),
            Ok("Weather, hourly".to_owned())
        );
        assert!(target_name(&"é".repeat(120)).is_ok() && target_name(&"é".repeat(121)).is_err());
        assert!(snapshot_name("q3 audit").is_ok());
        assert!(
            ["", "  ", "a\nb", "a\0"]
                .into_iter()
                .all(|text| snapshot_name(text).is_err())
        );
        assert!(display_name(&"a".repeat(200)).is_ok() && display_name(&"a".repeat(201)).is_err());
    }

    #[test]
    fn identifiers_are_kept_as_they_are_or_refused() {
        assert!(source("sensor gateway 7").is_ok() && source(" x").is_err() && source("").is_err());
        assert!(
            token(&"0".repeat(255)).is_ok() && token(&"0".repeat(256)).is_err() && token("a\tb").is_err()
        );
        assert!(idempotency_key("run-2024/01:é").is_ok());
        assert!(
            ["", "a b", "a\u{a0}b", "a\0", &"a".repeat(256)]
                .into_iter()
                .all(|text| idempotency_key(text).is_err())
        );
    }

    #[test]
    fn descriptions_may_have_lines_but_no_nul() {
        assert!(
            description("").is_ok()
                && description("a\n\tb").is_ok()
                && description(&"é".repeat(10_000)).is_ok()
        );
        assert!(description("a\0").is_err() && description(&"a".repeat(10_001)).is_err());
    }

    #[test]
    fn scopes_are_plain() {
        assert!(
            ["timestore:read", "team/a-b_c.*", "*"]
                .into_iter()
                .all(|text| scope(text).is_ok())
        );
        assert!(
            ["", "a b", "a,b", "é", &"a".repeat(121)]
                .into_iter()
                .all(|text| scope(text).is_err())
        );
    }

    #[test]
    fn times_are_whole_microseconds_of_four_digit_years() {
        let check = |text: &str| time(text.parse().unwrap());
        assert!(check("2024-01-01T00:00:00.123456Z").is_ok());
        assert!(check("0001-01-01T00:00:00Z").is_ok() && check("9999-12-31T23:59:59.999999Z").is_ok());
        assert!(check("0000-12-31T23:59:59Z").is_err() && check("+10000-01-01T00:00:00Z").is_err());
        assert!(check("2024-01-01T00:00:00.1234567Z").is_err() && check("2016-12-31T23:59:60Z").is_err());
    }
}
