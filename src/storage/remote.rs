//! Files behind the `object_store` crate: S3, Google Cloud Storage, Azure Blob Storage and plain HTTP.
//!
//! Paths are joined here and parsed by nobody: a key is the base's path, a slash, and the catalog's path as it stands.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future;
use futures_util::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig};

use super::failure::{self, Absent};
use super::{Deleted, StorageError, StoredFile};
use crate::model::naming;

/// The files below one prefix of one store.
#[derive(Clone)]
pub(super) struct RemoteFiles {
    store: Arc<dyn ObjectStore>,
    prefix: String,
    read_only: bool,
}

impl RemoteFiles {
    /// The files below `prefix`, which is literal and has no slash at its ends.
    pub(super) fn new(store: impl ObjectStore, prefix: String) -> Result<Self, StorageError> {
        Path::parse(&prefix).map_err(|_| {
            StorageError::BaseUri(
                "expected a path without empty segments, even when percent-encoded".to_owned(),
            )
        })?;
        Ok(Self {
            store: Arc::new(store),
            prefix,
            read_only: false,
        })
    }

    /// Files that can be looked at one by one, and neither listed nor deleted.
    pub(super) fn read_only(self) -> Self {
        Self {
            read_only: true,
            ..self
        }
    }

    pub(super) async fn delete(&self, path: &str, timeout: Duration) -> Result<Deleted, StorageError> {
        if self.read_only {
            return Err(StorageError::Unsupported(
                "files behind http are only read: they cannot be deleted",
            ));
        }
        let key = self.key(path)?;
        match within(timeout, self.store.delete(&key)).await? {
            Ok(()) => Ok(Deleted::Gone),
            Err(error) => match failure::absent(&error) {
                Some(Absent::File) => Ok(Deleted::Missing),
                Some(Absent::Container) | None => Err(failure::storage_error(&error)),
            },
        }
    }

    pub(super) async fn head(
        &self,
        path: String,
        timeout: Duration,
    ) -> Result<Option<StoredFile>, StorageError> {
        let key = self.key(&path)?;
        match within(timeout, self.store.head(&key)).await? {
            Ok(found) => Ok(Some(stored(path, &found))),
            // An answer to HEAD has no body that could say what is missing.
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failure::storage_error(&error)),
        }
    }

    pub(super) fn list(&self, timeout: Duration) -> BoxStream<'static, Result<StoredFile, StorageError>> {
        if self.read_only {
            let error = StorageError::Unsupported("files behind http cannot be listed");
            return stream::once(future::err(error)).boxed();
        }
        let prefix = match Path::parse(&self.prefix) {
            Ok(prefix) => prefix,
            Err(error) => {
                return stream::once(future::err(StorageError::BaseUri(error.to_string()))).boxed();
            }
        };
        let files = self.clone();
        let listed = self.store.list(Some(&prefix));
        stream::unfold(Some(listed), move |listed| async move {
            let mut listed = listed?;
            match within(timeout, listed.next()).await {
                Ok(None) => None,
                Ok(Some(Ok(found))) => Some((Ok(found), Some(listed))),
                Ok(Some(Err(error))) => Some((Err(failure::storage_error(&error)), None)),
                Err(error) => Some((Err(error), None)),
            }
        })
        // Tools that imitate directories leave an empty object with the name of the base itself.
        .filter_map(move |found| {
            future::ready(match found {
                Ok(found) => files.below(&found).map(Ok),
                Err(error) => Some(Err(error)),
            })
        })
        .boxed()
    }

    fn key(&self, path: &str) -> Result<Path, StorageError> {
        let key = match self.prefix.as_str() {
            "" => path.to_owned(),
            prefix => format!("{prefix}/{path}"),
        };
        Path::parse(key).map_err(|error| StorageError::Path(error.to_string()))
    }

    fn below(&self, found: &ObjectMeta) -> Option<StoredFile> {
        let key = found.location.as_ref();
        let path = match self.prefix.as_str() {
            "" => key,
            prefix => key.strip_prefix(prefix)?.strip_prefix('/')?,
        };
        (!path.is_empty()).then(|| stored(path.to_owned(), found))
    }
}

impl fmt::Debug for RemoteFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The store has the credentials in it.
        f.debug_struct("RemoteFiles")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

fn stored(path: String, found: &ObjectMeta) -> StoredFile {
    StoredFile {
        path,
        bytes: found.size,
        modified: found.last_modified,
    }
}

/// What `work` comes to; after `timeout` it is dropped, and with it its requests and retries.
async fn within<T>(timeout: Duration, work: impl Future<Output = T>) -> Result<T, StorageError> {
    tokio::time::timeout(timeout, work)
        .await
        .map_err(|_| StorageError::Timeout(timeout))
}

/// A few retries, for what passes within seconds. Whoever calls has a longer breath, and a queue.
pub(super) fn retries() -> RetryConfig {
    RetryConfig {
        max_retries: 2,
        retry_timeout: Duration::from_secs(30),
        ..RetryConfig::default()
    }
}

/// Says which cryptography TLS uses. Clients of `object_store` take the process's choice; it is the one that all others here
/// have been built with, so whoever came first has chosen the same.
pub(super) fn choose_cryptography() {
    drop(rustls::crypto::ring::default_provider().install_default());
}

/// The authority and the literal path of a base that is a URI, as [`naming::base_uri`] has passed it.
pub(super) fn split_base(base: &str) -> Result<(&str, String), StorageError> {
    let (_, rest) = base
        .split_once("://")
        .ok_or_else(|| StorageError::BaseUri("expected a URI".to_owned()))?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let path = naming::uri_decoded(path).ok_or_else(|| {
        StorageError::BaseUri("expected a path that is UTF-8 when percent-decoded".to_owned())
    })?;
    Ok((authority, path))
}
