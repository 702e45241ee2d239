//! Where files lie: the path below the base of a storage target, and the two joined. See [`super::base`] for the base.
//!
//! Nothing here looks at a file system. A path that passes cannot leave its base, however a reader decodes
//! it.

use std::fmt::Write as _;

const MAX_PATH: usize = 1_024;

/// The path of a file below its storage target: at most 1,024 bytes, segments separated by `/`, none of them
/// empty, `.` or `..`, not even when percent-encoded.
///
/// The path is taken literally: `%20` in it is three characters, not a blank.
pub fn file_path(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > MAX_PATH {
        return Err(format!("expected 1 to {MAX_PATH} bytes"));
    }
    if text.contains("://") {
        return Err("expected a path below the storage target, not a URI".to_owned());
    }
    let drive = text.as_bytes();
    if text.starts_with('/') || (drive.len() > 1 && drive[0].is_ascii_alphabetic() && drive[1] == b':') {
        return Err("expected a path relative to the storage target".to_owned());
    }
    if text.contains('\\') {
        return Err("expected / between segments, not \\".to_owned());
    }
    segments(text)?;
    Ok(text.to_owned())
}

/// Refuses segments that are empty, `.` or `..`, and control characters, however often they are
/// percent-encoded.
pub(super) fn segments(path: &str) -> Result<(), String> {
    if path.split('/').any(str::is_empty) {
        return Err("expected no empty segments, and no slash at the end".to_owned());
    }
    let mut bytes = path.as_bytes().to_vec();
    loop {
        if bytes
            .split(|byte| matches!(byte, b'/' | b'\\'))
            .any(|segment| segment == b"." || segment == b"..")
        {
            return Err("expected no segment . or .., not even percent-encoded".to_owned());
        }
        if String::from_utf8_lossy(&bytes).chars().any(char::is_control) {
            return Err("expected no control characters, not even percent-encoded".to_owned());
        }
        let decoded = percent_decoded(&bytes);
        if decoded.len() == bytes.len() {
            return Ok(());
        }
        bytes = decoded;
    }
}

/// What percent-encoded `text` stands for, if that is UTF-8. A `%` without two hexadecimal digits stays.
///
/// The opposite of what [`join_uri`] does to a path: a base that is a URI names a directory or key in this form.
pub fn uri_decoded(text: &str) -> Option<String> {
    String::from_utf8(percent_decoded(text.as_bytes())).ok()
}

fn percent_decoded(bytes: &[u8]) -> Vec<u8> {
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = (bytes[at] == b'%')
            .then(|| digit(at + 1).zip(digit(at + 2)))
            .flatten();
        match pair.and_then(|(high, low)| u8::try_from(high << 4 | low).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    decoded
}

/// The file at `path` below `base`, both as their checks answer them.
///
/// Below a plain directory it is a plain path. Below a URI it is a URI: the path is taken literally, so that
/// every byte that RFC 3986 does not allow in a segment, and `%` itself, is percent-encoded; whoever decodes
/// the URI once has the path again. Letters, digits and `- . _ ~ ! $ & ' ( ) * + , ; = : @` stay.
pub fn join_uri(base: &str, path: &str) -> String {
    let base = base.trim_end_matches('/');
    // The base of a plain directory begins with a slash; that of the root is nothing but one.
    if base.is_empty() || base.starts_with('/') {
        return format!("{base}/{path}");
    }
    // `file:///` has lost its root.
    let base = if base == "file:" { "file://" } else { base };
    format!("{base}/{}", uri_encoded(path))
}

/// Literal `path` as it is written in a URI; the opposite of [`uri_decoded`].
pub(super) fn uri_encoded(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_below_the_target_are_kept_as_they_are() {
        let paths = [
            "a",
            "a/b.parquet",
            "day=2024-01-01/hour=03/part-0.parquet",
            "a b/ü.parquet",
            "...",
            "a/..b/c..",
            "city=a%2Fb/x",
            "100%/x",
            "%zz",
            "ab:c/d",
            ".hidden",
            "t=10:00/x",
        ];
        for path in paths {
            assert_eq!(file_path(path), Ok(path.to_owned()));
        }
        assert!(file_path(&"a".repeat(1_024)).is_ok());
    }

    #[test]
    fn paths_that_could_lead_elsewhere_are_refused() {
        let paths = [
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            ".",
            "..",
            "./a",
            "a/../b",
            "a/..",
            "../a",
            "C:/a",
            "c:a",
            "s3://b/a",
            "file:///a",
            "a\\b",
            "..\\a",
            "a\0",
            "a\nb",
            "%2e%2e/a",
            "a/%2E./b",
            ".%2e",
            "%2e",
            "%252e%252e/a",
            "a%2f..%2fb",
            "a%2F%2e%2e",
            "..%5ca",
            "a%00",
            "a%0Ab",
            "a%2500",
            "\u{85}",
        ];
        for path in paths {
            let error = file_path(path).expect_err(path);
            assert!(error.starts_with("expected"), "{path}: {error}");
        }
        assert!(file_path(&"a".repeat(1_025)).is_err());
    }

    #[test]
    fn paths_are_encoded_below_uris_only() {
        let path = "day=2024-01-01/a b+ü#?%20.parquet";
        let encoded = "day=2024-01-01/a%20b+%C3%BC%23%3F%2520.parquet";
        assert_eq!(join_uri("/data", path), format!("/data/{path}"));
        assert_eq!(
            join_uri("s3://bucket/x", path),
            format!("s3://bucket/x/{encoded}")
        );
        assert_eq!(join_uri("file:///", "a"), "file:///a");
        assert_eq!(join_uri("/", "a"), "/a");
        assert_eq!(join_uri("https://host", "a"), "https://host/a");
    }

    proptest! {
        #[test]
        fn a_uri_decodes_to_the_path(path in "\\PC{1,40}") {
            let uri = join_uri("s3://bucket", &path);
            prop_assert!(uri.is_ascii());
            prop_assert_eq!(percent_decoded(&uri.as_bytes()["s3://bucket/".len()..]), path.as_bytes());
        }

        #[test]
        fn what_passes_stays_below_its_base(path in "([./a\\\\]|%2e|%2f|%25|%5c){1,12}") {
            if file_path(&path).is_ok() {
                let mut decoded = path.clone().into_bytes();
                for _ in 0..12 {
                    let depth = decoded.split(|byte| b"/\\".contains(byte)).all(|segment| segment != b"..");
                    prop_assert!(depth, "{}", path);
                    decoded = percent_decoded(&decoded);
                }
            }
        }
    }
}
