//! The place that the base of a storage target stands for, so that targets which share files are told by comparing texts.
//!
//! Nothing here looks at a file system or asks a name server: links, and two names of one server, are two places.

use serde_json::Value as Json;
use timestore_entity::enums::StorageKind;

use super::location::uri_decoded;

/// The place that a base in its one spelling stands for, with a slash at its end and nothing percent-encoded. A file lies at the
/// place of its target with its path behind it: where two places are equal, or one begins with the other, targets share files.
///
/// Blobs are the same by whichever address of their account they are reached. The account of `az://` is that of the target's
/// configuration; where that has none either, it is not known.
pub fn place(kind: StorageKind, base: &str, config: &Json) -> String {
    if base.starts_with('/') {
        return directory("file://", base);
    }
    let (scheme, rest) = base.split_once("://").unwrap_or(("", base));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    // What has its one spelling is UTF-8 when decoded.
    let path = uri_decoded(path).unwrap_or_else(|| path.to_owned());
    match kind {
        StorageKind::AzureBlob => {
            let (container, host, path) = if scheme == "https" {
                let inner = path.trim_start_matches('/');
                let (container, path) = inner.split_at(inner.find('/').unwrap_or(inner.len()));
                (container, Some(authority), path)
            } else {
                let (container, host) = match authority.split_once('@') {
                    Some((container, host)) => (container, Some(host)),
                    None => (authority, None),
                };
                (container, host, &*path)
            };
            let account = host.and_then(|host| host.split('.').next());
            let account = account.or_else(|| config.get("account")?.as_str().map(str::trim));
            let account = account.map_or_else(String::new, |account| format!("@{}", account.to_lowercase()));
            directory(&format!("az://{container}{account}"), path)
        }
        StorageKind::Http => directory(&format!("http://{authority}"), &path),
        _ => directory(&format!("{scheme}://{authority}"), &path),
    }
}

fn directory(base: &str, path: &str) -> String {
    format!("{base}{}/", path.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::location::uri_encoded;
    use super::super::{base_uri, join_uri};
    use super::*;

    #[test]
    fn a_place_is_what_spellings_have_in_common() {
        use StorageKind::{AzureBlob, Gcs, Http, Local, S3};
        let none = json!({});
        let account = json!({ "account": " Account " });
        let places = [
            (Local, "/", &none, "file:///"),
            (Local, "file:///", &none, "file:///"),
            (Local, "/a%62", &none, "file:///a%62/"),
            (Local, "file:///a%2562", &none, "file:///a%62/"),
            (Local, "/a:/b?", &none, "file:///a:/b?/"),
            (Local, "file:///%61%20b/", &none, "file:///a b/"),
            (S3, "s3://bucket", &none, "s3://bucket/"),
            (S3, "s3://bucket/a%23", &none, "s3://bucket/a#/"),
            (Gcs, "gs://bucket/a", &none, "gs://bucket/a/"),
            (AzureBlob, "az://c/a", &none, "az://c/a/"),
            (AzureBlob, "az://c/a", &account, "az://c@account/a/"),
            (AzureBlob, "abfs://c/a", &account, "az://c@account/a/"),
            (
                AzureBlob,
                "abfss://c@account.dfs.core.windows.net/a",
                &none,
                "az://c@account/a/",
            ),
            (
                AzureBlob,
                "https://account.blob.core.windows.net/c/a",
                &none,
                "az://c@account/a/",
            ),
            (
                AzureBlob,
                "https://account.blob.core.windows.net/c",
                &none,
                "az://c@account/",
            ),
            (Http, "https://host/a%20b", &none, "http://host/a b/"),
            (Http, "http://host:80", &none, "http://host/"),
            (Http, "https://host/a%2Bb", &none, "http://host/a+b/"),
        ];
        for (kind, base, config, expected) in places {
            let base = base_uri(kind, base).expect(base);
            assert_eq!(place(kind, &base, config), expected, "{base}");
        }
    }

    proptest! {
        #[test]
        fn the_one_spelling_is_found_at_once_and_keeps_the_place(path in "(/[a-z ~%?#\"ü%20%2f%41]{1,6}){1,4}") {
            let literal = format!("/data{path}");
            if let Ok(plain) = base_uri(StorageKind::Local, &literal) {
                let uri = format!("file://{}", uri_encoded(&literal));
                let base = base_uri(StorageKind::Local, &uri).expect("what is right as a path is right as a URI");
                prop_assert_eq!(base_uri(StorageKind::Local, &base), Ok(base.clone()));
                let config = json!({});
                prop_assert_eq!(place(StorageKind::Local, &plain, &config), place(StorageKind::Local, &base, &config));
                prop_assert!(join_uri(&base, "a").is_ascii());
            }
        }
    }
}
