//! Where files lie: the base of a storage target, the path below it, and the two joined.
//!
//! Nothing here looks at a file system. A path that passes cannot leave its base, however a reader decodes
//! it.

use std::fmt::Write as _;

use timestore_entity::enums::StorageKind;

const MAX_PATH: usize = 1_024;
const MAX_BASE: usize = 2_048;

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

/// The base of a storage target, without a slash at its end.
///
/// | kind | base |
/// |---|---|
/// | local | an absolute path, or `file:///…` |
/// | s3 | `s3://bucket/…` |
/// | gcs | `gs://bucket/…` |
/// | azure_blob | `az://container/…`, `abfs://` or `abfss://container@account…/…`, `https://account…/container/…` |
/// | http | `http://` or `https://host[:port]/…` |
///
/// Credentials, a query (where signatures and tokens go) and a fragment are refused, as are segments that are
/// empty, `.` or `..`.
pub fn base_uri(kind: StorageKind, text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > MAX_BASE {
        return Err(format!("expected 1 to {MAX_BASE} bytes"));
    }
    if text.contains('\\') || text.chars().any(char::is_control) {
        return Err("expected no backslashes and no control characters".to_owned());
    }
    if kind == StorageKind::Local && text.starts_with('/') {
        return rooted("", text);
    }
    let schemes: &[&str] = match kind {
        StorageKind::Local => &["file"],
        StorageKind::S3 => &["s3"],
        StorageKind::Gcs => &["gs"],
        StorageKind::AzureBlob => &["az", "abfs", "abfss", "https"],
        StorageKind::Http => &["http", "https"],
    };
    let expected = || match kind {
        StorageKind::Local => "expected an absolute path, or file:///".to_owned(),
        _ => format!("expected a URI beginning with {}://", schemes.join(":// or ")),
    };
    let (scheme, rest) = text.split_once("://").ok_or_else(expected)?;
    let scheme = scheme.to_ascii_lowercase();
    if !schemes.contains(&scheme.as_str()) {
        return Err(expected());
    }
    if rest.contains(['?', '#']) {
        return Err(
            "expected no query and no fragment: signatures and tokens belong with the credentials".to_owned(),
        );
    }
    if rest.contains(char::is_whitespace) {
        return Err("expected no blanks in a URI".to_owned());
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if kind == StorageKind::Local && !authority.is_empty() {
        return Err("expected file:/// followed by an absolute path".to_owned());
    }
    if kind != StorageKind::Local {
        check_authority(&scheme, authority)?;
    }
    rooted(&format!("{scheme}://{authority}"), path)
}

/// The base and a path that begins with a slash, or is empty.
fn rooted(base: &str, path: &str) -> Result<String, String> {
    let inner = path.trim_end_matches('/');
    if inner.is_empty() {
        // The root of a file system is a slash and nothing else.
        let is_file_system = base.is_empty() || base == "file://";
        return if is_file_system && path.is_empty() {
            Err("expected an absolute path".to_owned())
        } else {
            Ok(if is_file_system {
                format!("{base}/")
            } else {
                base.to_owned()
            })
        };
    }
    segments(inner.strip_prefix('/').unwrap_or(inner))?;
    Ok(format!("{base}{inner}"))
}

fn check_authority(scheme: &str, authority: &str) -> Result<(), String> {
    let is_abfs = scheme.starts_with("abfs");
    let (container, host) = match authority.rsplit_once('@') {
        Some((container, host)) if is_abfs && !container.contains([':', '@']) => (Some(container), host),
        Some(_) => return Err("expected no credentials in a URI".to_owned()),
        None => (None, authority),
    };
    let is_web = scheme.starts_with("http");
    let plain = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    };
    let (name, port) = if is_web { split_port(host) } else { (host, None) };
    let address = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .filter(|_| is_web);
    let is_host = address.map_or_else(
        || plain(name),
        |address| address.parse::<std::net::Ipv6Addr>().is_ok(),
    );
    if !is_host || port.is_some_and(|port| port.parse::<u16>().is_err()) || !container.is_none_or(plain) {
        let what = if is_web { "host" } else { "bucket or container" };
        return Err(format!("expected the name of a {what} after {scheme}://"));
    }
    Ok(())
}

fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        // A colon within brackets is part of an IPv6 address.
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    }
}

/// Refuses segments that are empty, `.` or `..`, and control characters, however often they are
/// percent-encoded.
fn segments(path: &str) -> Result<(), String> {
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
    let mut uri = String::with_capacity(base.len() + 1 + path.len());
    uri.push_str(base);
    uri.push('/');
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
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
    fn bases_lose_the_slash_at_their_end() {
        use StorageKind::{AzureBlob, Gcs, Http, Local, S3};
        let bases = [
            (Local, "/data", "/data"),
            (Local, "/data/x y//", "/data/x y"),
            (Local, "/", "/"),
            (Local, "file:///", "file:///"),
            (Local, "FILE:///data/", "file:///data"),
            (S3, "s3://bucket", "s3://bucket"),
            (S3, "S3://bucket/", "s3://bucket"),
            (S3, "s3://my.bucket/a/b/", "s3://my.bucket/a/b"),
            (Gcs, "gs://bucket/a", "gs://bucket/a"),
            (AzureBlob, "az://container/a", "az://container/a"),
            (
                AzureBlob,
                "abfss://c@account.dfs.core.windows.net/a/",
                "abfss://c@account.dfs.core.windows.net/a",
            ),
            (
                AzureBlob,
                "https://account.blob.core.windows.net/c",
                "https://account.blob.core.windows.net/c",
            ),
            (
                Http,
                "http://localhost:9000/files/",
                "http://localhost:9000/files",
            ),
            (Http, "https://[::1]:8443", "https://[::1]:8443"),
        ];
        for (kind, text, base) in bases {
            assert_eq!(base_uri(kind, text), Ok(base.to_owned()), "{text}");
            assert_eq!(base_uri(kind, base), Ok(base.to_owned()), "{text}");
        }
    }

    #[test]
    fn bases_of_another_kind_or_with_secrets_are_refused() {
        use StorageKind::{AzureBlob, Gcs, Http, Local, S3};
        let bases = [
            (Local, ""),
            (Local, "data"),
            (Local, "./data"),
            (Local, "~/data"),
            (Local, "C:\\data"),
            (Local, "/data/../etc"),
            (Local, "/data//x"),
            (Local, "/a\0"),
            (Local, "file://"),
            (Local, "file://host/data"),
            (Local, "file:///data/%2e%2e"),
            (Local, "s3://bucket"),
            (S3, "/data"),
            (S3, "s3:/bucket"),
            (S3, "s3://"),
            (S3, "s3:///a"),
            (S3, "gs://bucket"),
            (S3, "s3://key:secret@bucket/a"),
            (S3, "s3://key@bucket"),
            (S3, "s3://bucket?token=x"),
            (S3, "s3://bucket/a b"),
            (S3, "s3://bucket/../a"),
            (S3, "s3://bucket//a"),
            (S3, "s3://bucket:9000/a"),
            (Gcs, "gs://bucket/a#b"),
            (AzureBlob, "https://account.blob.core.windows.net/c?sig=x"),
            (AzureBlob, "abfss://c:pass@account/a"),
            (AzureBlob, "abfss://@account/a"),
            (AzureBlob, "http://account/c"),
            (Http, "https://user:pass@host/a"),
            (Http, "https://user@host/a"),
            (Http, "https://host:port/a"),
            (Http, "https://[::x]/a"),
            (Http, "ftp://host"),
        ];
        for (kind, text) in bases {
            let error = base_uri(kind, text).expect_err(text);
            assert!(error.starts_with("expected"), "{text}: {error}");
        }
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
