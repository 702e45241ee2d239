//! Files on a local disk, or on one that is mounted like it.
//!
//! Done without `object_store`, whose local store refuses names such as `part#1`, follows symbolic links out of its
//! base, and takes a base that is not there for a file that is not there. Here a delete never leaves the base: the
//! directory of a file must lie below it once all links are resolved, and a link that stands for a file is deleted itself,
//! not what it points at. Whoever may replace directories by links while a delete runs is trusted not to. Directories that
//! a delete leaves empty stay: a publisher may be about to write into them.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::settings::Settings;
use super::{Deleted, StorageError, StoredFile};
use crate::model::naming;

/// How many listed files wait to be taken.
const PAGE: usize = 256;

/// The files below a directory.
#[derive(Clone, Debug)]
pub(super) struct LocalFiles {
    base: PathBuf,
}

pub(super) fn open(base: &str, settings: Settings) -> Result<LocalFiles, StorageError> {
    settings.finish()?;
    let base = match base.strip_prefix("file://") {
        None => base.to_owned(),
        Some(path) => naming::uri_decoded(path).ok_or_else(|| {
            StorageError::BaseUri("expected a path that is UTF-8 when percent-decoded".to_owned())
        })?,
    };
    Ok(LocalFiles { base: base.into() })
}

impl LocalFiles {
    pub(super) async fn delete(&self, path: String, timeout: Duration) -> Result<Deleted, StorageError> {
        let base = self.base.clone();
        within(timeout, move |limit| {
            let Some(file) = resolved(&base, &path)? else {
                return Ok(Deleted::Missing);
            };
            limit.check()?;
            match fs::remove_file(&file) {
                Ok(()) => Ok(Deleted::Gone),
                Err(error) if is_absence(&error) => Ok(Deleted::Missing),
                // Systems differ in what they say to this.
                Err(_) if file.is_dir() => Err(StorageError::Refused(format!("{path:?} is a directory"))),
                Err(error) => Err(disk_error(&error, &file)),
            }
        })
        .await
    }

    pub(super) async fn head(
        &self,
        path: String,
        timeout: Duration,
    ) -> Result<Option<StoredFile>, StorageError> {
        let base = self.base.clone();
        within(timeout, move |_| match resolved(&base, &path)? {
            None => Ok(None),
            Some(file) => stored(path, &file),
        })
        .await
    }

    pub(super) fn list(&self, timeout: Duration) -> BoxStream<'static, Result<StoredFile, StorageError>> {
        let base = self.base.clone();
        let (sender, receiver) = mpsc::channel(PAGE);
        let start = move || {
            spawn_blocking(move || {
                // Sending fails when the stream was dropped, and then nobody listens.
                let walked = directory(&base)
                    .and_then(|base| walk(&base, |file| sender.blocking_send(Ok(file)).is_ok()));
                if let Err(error) = walked {
                    drop(sender.blocking_send(Err(error)));
                }
            });
        };
        stream::unfold(
            (Some(start), Some(receiver)),
            move |(start, receiver)| async move {
                let mut receiver = receiver?;
                if let Some(start) = start {
                    start();
                }
                match tokio::time::timeout(timeout, receiver.recv()).await {
                    Ok(None) => None,
                    Ok(Some(Ok(file))) => Some((Ok(file), (None, Some(receiver)))),
                    Ok(Some(Err(error))) => Some((Err(error), (None, None))),
                    Err(_) => Some((Err(StorageError::Timeout(timeout)), (None, None))),
                }
            },
        )
        .boxed()
    }
}

/// Where the file at `path` is or would be, once the links of its directory are resolved; `None` when there is no such
/// directory.
fn resolved(base: &Path, path: &str) -> Result<Option<PathBuf>, StorageError> {
    let base = directory(base)?;
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    let unresolved = base.join(parent);
    let parent = match fs::canonicalize(&unresolved) {
        Ok(parent) => parent,
        Err(error) if is_absence(&error) => return Ok(None),
        Err(error) => return Err(disk_error(&error, &unresolved)),
    };
    if !parent.starts_with(&base) {
        return Err(StorageError::Outside(path.to_owned()));
    }
    Ok(Some(parent.join(name)))
}

/// The base, links resolved. That it is not there says nothing about the files: its file system may not be mounted.
fn directory(base: &Path) -> Result<PathBuf, StorageError> {
    match fs::canonicalize(base) {
        Ok(found) if found.is_dir() => Ok(found),
        Ok(_) => Err(StorageError::Refused(format!(
            "{} is not a directory",
            base.display()
        ))),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(StorageError::Unavailable(format!(
            "the directory {} is not there; is its file system mounted?",
            base.display()
        ))),
        Err(error) => Err(disk_error(&error, base)),
    }
}

/// Gives the files below `base` to `take` until it says no more. Links to files count as files; links to directories are
/// passed over, since they may lead out of the base or back into it.
fn walk(base: &Path, mut take: impl FnMut(StoredFile) -> bool) -> Result<(), StorageError> {
    let mut open = vec![(String::new(), read_directory(base)?)];
    while let Some((above, entries)) = open.last_mut() {
        let Some(entry) = entries.as_mut().and_then(Iterator::next) else {
            open.pop();
            continue;
        };
        let entry = entry.map_err(|error| disk_error(&error, base))?;
        let Ok(name) = entry.file_name().into_string() else {
            tracing::warn!(file.path = %entry.path().display(), "a name that is not UTF-8 is left out");
            continue;
        };
        let path = format!("{above}{name}");
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open.push((format!("{path}/"), read_directory(&entry.path())?));
        } else if let Some(file) = stored(path, &entry.path())?
            && !take(file)
        {
            return Ok(());
        }
    }
    Ok(())
}

/// The entries of a directory; `None` when it has just gone.
fn read_directory(path: &Path) -> Result<Option<fs::ReadDir>, StorageError> {
    match fs::read_dir(path) {
        Ok(entries) => Ok(Some(entries)),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(disk_error(&error, path)),
    }
}

/// What the disk knows of a file; `None` when there is none, or something else.
fn stored(path: String, file: &Path) -> Result<Option<StoredFile>, StorageError> {
    let found = match fs::metadata(file) {
        Ok(found) if found.is_file() => found,
        Ok(_) => return Ok(None),
        Err(error) if is_absence(&error) => return Ok(None),
        Err(error) => return Err(disk_error(&error, file)),
    };
    let modified = found.modified().map_err(|error| disk_error(&error, file))?;
    Ok(Some(StoredFile {
        path,
        bytes: found.len(),
        modified: modified.into(),
    }))
}

/// Whether a file, or a directory above it, is not there, or cannot even be.
fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename
    )
}

fn disk_error(error: &io::Error, path: &Path) -> StorageError {
    let said = format!("{}: {error}", path.display());
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => StorageError::Denied(said),
        _ => StorageError::Unavailable(said),
    }
}

/// How long blocking work may go on.
struct Limit {
    timeout: Duration,
    end: Option<Instant>,
}

impl Limit {
    fn check(&self) -> Result<(), StorageError> {
        match self.end {
            Some(end) if Instant::now() >= end => Err(StorageError::Timeout(self.timeout)),
            _ => Ok(()),
        }
    }
}

/// Runs `work` where it may block. A call of the operating system cannot be abandoned, so that work looks at its limit
/// itself before it changes anything: what waited too long for a thread changes nothing.
async fn within<T: Send + 'static>(
    timeout: Duration,
    work: impl FnOnce(&Limit) -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    let end = Instant::now().checked_add(timeout);
    let task = spawn_blocking(move || work(&Limit { timeout, end }));
    match tokio::time::timeout(timeout, task).await {
        Err(_) => Err(StorageError::Timeout(timeout)),
        Ok(Err(error)) => Err(StorageError::Unavailable(format!(
            "the work was cut short: {error}"
        ))),
        Ok(Ok(done)) => done,
    }
}
