//! The files of storage targets: listing, looking at and deleting them.
//!
//! Owns how a base URI, its configuration and the environment become access to files, and which failures can pass by
//! themselves. Knows nothing of the database or of GraphQL, and decides nothing about which files may go. What it is
//! given is a row of `storage_targets`; files are named as the catalog names them, relative to the base and literally.

mod azure;
mod connector;
mod environment;
mod error;
mod failure;
mod gcs;
mod http;
mod local;
#[cfg(test)]
mod open_tests;
mod remote;
mod s3;
mod settings;
mod variables;

use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use timestore_entity::Timestamp;
use timestore_entity::enums::StorageKind;
use timestore_entity::storage_target::Model as StorageTarget;

pub use self::environment::Environment;
pub use self::error::StorageError;
use self::local::LocalFiles;
use self::remote::RemoteFiles;
use self::settings::Settings;
use crate::model::naming;

/// Access to the files of one storage target. Cheap to clone; connections are kept between calls.
#[derive(Clone, Debug)]
pub struct TargetFiles(Files);

#[derive(Clone, Debug)]
enum Files {
    Local(LocalFiles),
    Remote(RemoteFiles),
}

/// What a delete found. Either way the file is not there any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// The file was deleted. S3 answers this for files that it never had, too: it does not tell.
    Gone,
    /// There was no such file.
    Missing,
}

/// A file as its storage knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// Its path relative to the base of the target, as the catalog writes it.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// When it was last written. An HTTP server that does not say makes this the beginning of 1970.
    pub modified: Timestamp,
}

impl TargetFiles {
    /// Reads the configuration of `target`, and takes its credentials from `environment`. Connects to nothing yet.
    ///
    /// # Errors
    ///
    /// When the base URI does not fit the kind, a setting is unknown or malformed, or credentials are missing or
    /// unreadable. All of these are permanent.
    pub fn open(target: &StorageTarget, environment: &Environment) -> Result<Self, StorageError> {
        let base = naming::base_uri(target.kind, &target.base_uri).map_err(StorageError::BaseUri)?;
        let settings = Settings::new(&target.config)?;
        Ok(Self(match target.kind {
            StorageKind::Local => Files::Local(local::open(&base, settings)?),
            StorageKind::S3 => Files::Remote(s3::open(&base, settings, environment)?),
            StorageKind::Gcs => Files::Remote(gcs::open(&base, settings, environment)?),
            StorageKind::AzureBlob => Files::Remote(azure::open(&base, settings, environment)?),
            StorageKind::Http => Files::Remote(http::open(&base, settings)?),
        }))
    }

    /// Deletes the file at `path`. It can be repeated: a file that is not there is no error.
    ///
    /// After `timeout` nothing more is begun, and what is under way is abandoned; a request that has reached the storage
    /// may still take effect there.
    ///
    /// # Errors
    ///
    /// When the file may still be there. [`StorageError::is_transient`] tells whether trying again can help.
    pub async fn delete(&self, path: &str, timeout: Duration) -> Result<Deleted, StorageError> {
        let path = naming::file_path(path).map_err(StorageError::Path)?;
        match &self.0 {
            Files::Local(files) => files.delete(path, timeout).await,
            Files::Remote(files) => files.delete(&path, timeout).await,
        }
    }

    /// Deletes the files at `paths`, `concurrency` at a time, each within `timeout`, and says what became of each as soon
    /// as that is known, in whatever order. Dropping the stream abandons the rest.
    pub fn delete_all(
        &self,
        paths: Vec<String>,
        concurrency: usize,
        timeout: Duration,
    ) -> BoxStream<'static, (String, Result<Deleted, StorageError>)> {
        let files = self.clone();
        stream::iter(paths)
            .map(move |path| {
                let files = files.clone();
                async move {
                    let deleted = files.delete(&path, timeout).await;
                    (path, deleted)
                }
            })
            .buffer_unordered(concurrency.max(1))
            .boxed()
    }

    /// What the storage knows of the file at `path`; `None` when there is no such file.
    ///
    /// # Errors
    ///
    /// When that cannot be told within `timeout`.
    pub async fn head(&self, path: &str, timeout: Duration) -> Result<Option<StoredFile>, StorageError> {
        let path = naming::file_path(path).map_err(StorageError::Path)?;
        match &self.0 {
            Files::Local(files) => files.head(path, timeout).await,
            Files::Remote(files) => files.head(path, timeout).await,
        }
    }

    /// All files below the base, in no particular order, read a page at a time and no faster than they are taken.
    /// `timeout` is how long the storage may take for the next one. The first error ends the stream.
    ///
    /// On a local disk these are the files whose names are UTF-8; links to files count, links to directories are not
    /// followed. On other storage a key that cannot be a path, such as `a//b`, ends the stream with an error.
    pub fn list(&self, timeout: Duration) -> BoxStream<'static, Result<StoredFile, StorageError>> {
        match &self.0 {
            Files::Local(files) => files.list(timeout),
            Files::Remote(files) => files.list(timeout),
        }
    }
}
