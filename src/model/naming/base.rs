//! The base of a storage target, in one spelling, however it was written. See [`super::place()`] for what it stands for.

use std::net::Ipv6Addr;

use timestore_entity::enums::StorageKind;

use super::location::{segments, uri_decoded, uri_encoded};

const MAX_BASE: usize = 2_048;

/// The base of a storage target, in the one spelling that it has.
///
/// | kind | base |
/// |---|---|
/// | local | an absolute path, which is taken literally, or `file:///…` |
/// | s3 | `s3://bucket/…` |
/// | gcs | `gs://bucket/…` |
/// | azure_blob | `az://container/…`, `abfs://` or `abfss://container@account…/…`, `https://account…/container/…` |
/// | http | `http://` or `https://host[:port]/…` |
///
/// Schemes and hosts are in lower case, buckets and containers as they are; a port is left out where it is the scheme's own, a
/// slash at the end, and `localhost` before a file. In the path, what [`super::join_uri`] leaves as it is stands for itself, and the
/// rest is percent-encoded; but behind http what may be encoded stays so, since servers may tell it apart.
///
/// Credentials, a query (where signatures and tokens go) and a fragment are refused, as are segments that are
/// empty, `.` or `..`.
pub fn base_uri(kind: StorageKind, text: &str) -> Result<String, String> {
    let too_long = || format!("expected 1 to {MAX_BASE} bytes");
    if text.is_empty() || text.len() > MAX_BASE {
        return Err(too_long());
    }
    if text.contains('\\') || text.chars().any(char::is_control) {
        return Err("expected no backslashes and no control characters".to_owned());
    }
    if kind == StorageKind::Local && text.starts_with('/') {
        return rooted("", text, str::to_owned);
    }
    let (scheme, rest) = split_scheme(kind, text)?;
    if rest.contains(['?', '#']) {
        return Err(
            "expected no query and no fragment: signatures and tokens belong with the credentials".to_owned(),
        );
    }
    if rest.contains(char::is_whitespace) {
        return Err("expected no blanks in a URI".to_owned());
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let authority = match kind {
        StorageKind::Local if authority.is_empty() || authority.eq_ignore_ascii_case("localhost") => {
            String::new()
        }
        StorageKind::Local => return Err("expected file:/// followed by an absolute path".to_owned()),
        _ => canonical_authority(&scheme, authority)?,
    };
    let literal = uri_decoded(path).ok_or("expected a path that is UTF-8 when percent-decoded")?;
    if literal.contains('\\') {
        return Err("expected no backslashes, not even percent-encoded".to_owned());
    }
    let base = format!("{scheme}://{authority}");
    let base = match kind {
        StorageKind::Http => rooted(&base, path, web_path)?,
        _ => rooted(&base, &literal, uri_encoded)?,
    };
    if base.len() > MAX_BASE {
        return Err(too_long());
    }
    Ok(base)
}

fn split_scheme(kind: StorageKind, text: &str) -> Result<(String, &str), String> {
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
    if schemes.contains(&scheme.as_str()) {
        Ok((scheme, rest))
    } else {
        Err(expected())
    }
}

/// A path of the web in one spelling: of what is percent-encoded, only letters, digits and `- . _ ~` are decoded (RFC 3986, 6.2.2).
fn web_path(path: &str) -> String {
    let mut written = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        written.push_str(&uri_encoded(before));
        let digits = after
            .get(..2)
            .filter(|pair| pair.bytes().all(|byte| byte.is_ascii_hexdigit()));
        match digits.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                written.push(char::from(byte));
            }
            _ => {
                written.push('%');
                written.push_str(&digits.map_or_else(|| "25".to_owned(), str::to_ascii_uppercase));
            }
        }
        rest = &after[digits.map_or(0, str::len)..];
    }
    written + &uri_encoded(rest)
}

/// The base and a path that begins with a slash, or is empty, as `written` writes it.
fn rooted(base: &str, path: &str, written: impl Fn(&str) -> String) -> Result<String, String> {
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
    Ok(format!("{base}{}", written(inner)))
}

fn canonical_authority(scheme: &str, authority: &str) -> Result<String, String> {
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
        .filter(|_| is_web)
        .map(str::parse::<Ipv6Addr>);
    let port = port.map(str::parse::<u16>);
    let name = match address {
        Some(Ok(address)) => Some(format!("[{address}]")),
        Some(Err(_)) => None,
        // A dot at the end says that the name is whole.
        None if is_web => Some(name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()),
        None if container.is_some() => Some(name.to_ascii_lowercase()),
        None => Some(name.to_owned()),
    };
    let is_host = name
        .as_deref()
        .filter(|name| matches!(address, Some(Ok(_))) || plain(name));
    match (is_host, port.transpose(), container.is_none_or(plain)) {
        (Some(name), Ok(port), true) => {
            let own = if scheme == "http" { 80 } else { 443 };
            let port = port.filter(|port| *port != own);
            let container = container.map_or_else(String::new, |container| format!("{container}@"));
            let port = port.map_or_else(String::new, |port| format!(":{port}"));
            Ok(format!("{container}{name}{port}"))
        }
        _ => {
            let what = if is_web { "host" } else { "bucket or container" };
            Err(format!("expected the name of a {what} after {scheme}://"))
        }
    }
}

fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        // A colon within brackets is part of an IPv6 address.
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_has_one_spelling() {
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
            (Local, "/data/100%/a%62", "/data/100%/a%62"),
            (Local, "file:///data/a%62", "file:///data/ab"),
            (Local, "file://LocalHost/data/", "file:///data"),
            (Local, "file:///100%/%zz", "file:///100%25/%25zz"),
            (Local, "file:///a%2fb%2F", "file:///a/b"),
            (Local, "file:///%c3%bc\"<>", "file:///%C3%BC%22%3C%3E"),
            (Local, "file:///ü", "file:///%C3%BC"),
            (Local, "file:///a%2520b", "file:///a%2520b"),
            (S3, "s3://Bucket/%41/%7e%20%3f", "s3://Bucket/A/~%20%3F"),
            (Gcs, "GS://bucket/a%2Bb+c", "gs://bucket/a+b+c"),
            (AzureBlob, "az://Container/%61", "az://Container/a"),
            (
                AzureBlob,
                "ABFSS://c@Account.DFS.core.windows.net/%61",
                "abfss://c@account.dfs.core.windows.net/a",
            ),
            (
                AzureBlob,
                "https://Account.blob.core.windows.net:443/c/A",
                "https://account.blob.core.windows.net/c/A",
            ),
            (Http, "HTTP://Host.Example.:80/A/", "http://host.example/A"),
            (Http, "https://host:0443", "https://host"),
            (Http, "https://host:80/%7Euser", "https://host:80/~user"),
            (
                Http,
                "https://host/a%2fb%2B+%zz%é",
                "https://host/a%2Fb%2B+%25zz%25%C3%A9",
            ),
            (Http, "https://[0:0::0:1]:443/a", "https://[::1]/a"),
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
            (Local, "file:///data/%2E/a"),
            (Local, "file:///a%2F%2Fb"),
            (Local, "file:///a%5Cb"),
            (Local, "file:///%ff"),
            (Local, "file://localhost"),
            (Local, "file://localhost:80/a"),
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
            (Http, "https://host:/a"),
            (Http, "https://./a"),
            (Http, "ftp://host"),
        ];
        for (kind, text) in bases {
            let error = base_uri(kind, text).expect_err(text);
            assert!(error.starts_with("expected"), "{text}: {error}");
        }
    }
}
