//! Where the files lie: the directory, and the storage target that stands for it.
//!
//! Owns finding the two to agree. Changes nothing.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::catalog::Catalog;
use super::command::RegisterOptions;
use super::discover;
use super::endpoint::Endpoint;
use super::error::RegisterError;
use super::fault::Fault;

/// A directory and its storage target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The name of the storage target.
    pub(super) target: String,
    /// The directory that file paths are relative to.
    pub(super) root: PathBuf,
    /// The directory as a URI.
    pub(super) base_uri: String,
    /// Whether the storage target exists.
    pub(super) exists: bool,
}

/// The place of the files that `options` name. Where the target exists already, its directory is the root of all files
/// below it, so that some files of a directory can be registered after the others.
pub(super) async fn find(
    catalog: &Catalog<'_, impl Endpoint>,
    options: &RegisterOptions,
) -> Result<Place, RegisterError> {
    let root = discover::root(&options.paths, options.root.as_deref())?;
    let wanted = file_uri(&root)?;
    let target = match &options.storage_target {
        Some(name) => name.trim().to_owned(),
        None => format!("{}-files", options.dataset),
    };
    let Some(base_uri) = catalog.target_base(&target).await? else {
        return Ok(Place {
            target,
            root,
            base_uri: wanted,
            exists: false,
        });
    };
    let above = match options.root {
        Some(_) => 1,
        None => root.components().count(),
    };
    let found = root
        .ancestors()
        .take(above)
        .find(|directory| stands_for(&base_uri, directory))
        .map(Path::to_owned);
    match found {
        Some(root) => Ok(Place {
            target,
            root,
            base_uri,
            exists: true,
        }),
        None => Err(RegisterError::TargetElsewhere {
            name: target,
            base_uri,
            wanted,
        }),
    }
}

/// Whether a local target's base, a URI or a plain path, is `directory`.
fn stands_for(base_uri: &str, directory: &Path) -> bool {
    let plain = |text: &str| text.trim_end_matches('/').to_owned();
    let given = plain(base_uri);
    file_uri(directory).is_ok_and(|uri| plain(&uri) == given)
        || base_uri.starts_with('/') && directory.to_str().is_some_and(|path| plain(path) == given)
}

/// A directory as a URI: every byte that RFC 3986 does not allow in a path is percent-encoded.
fn file_uri(directory: &Path) -> Result<String, Fault> {
    let path = directory
        .to_str()
        .ok_or_else(|| Fault::file(directory, "expected a path of utf-8 text"))?;
    let mut uri = "file://".to_owned();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_a_uri_or_a_plain_path() {
        let directory = Path::new("/data/a b/ü");
        assert_eq!(file_uri(directory).expect("a uri"), "file:///data/a%20b/%C3%BC");
        for base in [
            "file:///data/a%20b/%C3%BC",
            "file:///data/a%20b/%C3%BC/",
            "/data/a b/ü",
            "/data/a b/ü/",
        ] {
            assert!(stands_for(base, directory), "{base}");
        }
        for base in ["file:///data", "s3://data/a b/ü", "/data/a b", ""] {
            assert!(!stands_for(base, directory), "{base}");
        }
        assert!(stands_for("file:///", Path::new("/")) && stands_for("/", Path::new("/")));
    }
}
