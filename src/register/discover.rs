//! From the paths that were named to the files to register, with their format and their path under the root.
//!
//! Owns walking directories and telling formats apart. Reads no more of a file than its first bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use timestore_entity::enums::FileFormat;

use super::fault::{Fault, Faults};
use super::file_format::{Extension, extension, sniff};
use super::hive;

/// A file to register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundFile {
    /// Where it lies, symbolic links resolved.
    pub path: PathBuf,
    /// Its path under the root, separated by slashes.
    pub relative: String,
    /// Its format, as its first bytes tell it.
    pub format: FileFormat,
}

/// What the named paths hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// The directory that the storage target points at, symbolic links resolved.
    pub root: PathBuf,
    /// The files by path, each once.
    pub files: Vec<FoundFile>,
    /// How many files were passed over in directories: hidden ones, markers, other kinds.
    pub ignored: usize,
}

/// Finds the Parquet and DuckDB files that `paths` name or contain.
///
/// Directories are walked recursively; names that begin with `.` or `_` and other kinds of files are passed over there,
/// while a file that is named itself must be one of the two formats. Symbolic links are resolved first, so that links
/// neither loop nor lead out of the root, and a file that is reached twice counts once.
///
/// # Errors
///
/// Every fault of every path: what is missing, empty, unreadable, misnamed or outside the root.
pub fn discover(paths: &[PathBuf], explicit_root: Option<&Path>) -> Result<Discovery, Faults> {
    let root = root(paths, explicit_root)?;
    let mut walk = Walk::default();
    for path in paths {
        walk.named(path);
    }
    let mut files = Vec::with_capacity(walk.files.len());
    for (path, format) in walk.files {
        match relative(&path, &root) {
            Ok(relative) => files.push(FoundFile {
                path,
                relative,
                format,
            }),
            Err(fault) => walk.faults.push(fault),
        }
    }
    if !walk.faults.is_empty() {
        return Err(Faults(walk.faults));
    }
    Ok(Discovery {
        root,
        files,
        ignored: walk.ignored,
    })
}

/// The directory that the storage target of `paths` points at: `explicit` if given, else the one directory, else the
/// directory that all paths have in common, in either case above any `key=value` folders, which belong to the paths.
///
/// # Errors
///
/// When a path does not exist, the root is no directory, or the paths have nothing in common.
pub fn root(paths: &[PathBuf], explicit: Option<&Path>) -> Result<PathBuf, Faults> {
    if let Some(explicit) = explicit {
        let root = canonical(explicit)?;
        return match root.is_dir() {
            true => Ok(root),
            false => Err(Fault::file(explicit, "expected the root to be a directory").into()),
        };
    }
    let mut faults = Vec::new();
    let mut common: Option<PathBuf> = None;
    for path in paths {
        let directory = match canonical(path) {
            Ok(path) if path.is_dir() => path,
            Ok(path) => path.parent().map(Path::to_owned).unwrap_or(path),
            Err(fault) => {
                faults.push(fault);
                continue;
            }
        };
        common = Some(match common {
            None => directory,
            Some(common) => shared(&common, &directory),
        });
    }
    if !faults.is_empty() {
        return Err(Faults(faults));
    }
    let mut root = common.ok_or(Fault::NoPaths)?;
    while root
        .file_name()
        .and_then(|name| name.to_str())
        .is_some_and(hive::is_key_folder)
    {
        root.pop();
    }
    match root.parent() {
        None => Err(Fault::NoCommonRoot.into()),
        Some(_) => Ok(root),
    }
}

fn canonical(path: &Path) -> Result<PathBuf, Fault> {
    fs::canonicalize(path).map_err(|error| Fault::io(path, error))
}

fn shared(one: &Path, other: &Path) -> PathBuf {
    one.components()
        .zip(other.components())
        .take_while(|(one, other)| one == other)
        .map(|(component, _)| component)
        .collect()
}

fn relative(path: &Path, root: &Path) -> Result<String, Fault> {
    let relative = path.strip_prefix(root).map_err(|_| Fault::OutsideRoot {
        path: path.to_owned(),
        root: root.to_owned(),
    })?;
    let mut parts = Vec::new();
    for component in relative.components() {
        match component {
            Component::Normal(part) => match part.to_str() {
                Some(part) => parts.push(part),
                None => return Err(Fault::file(path, "expected a path of utf-8 text")),
            },
            _ => {
                return Err(Fault::file(path, "expected a path without special components"));
            }
        }
    }
    Ok(parts.join("/"))
}

#[derive(Default)]
struct Walk {
    files: BTreeMap<PathBuf, FileFormat>,
    visited: BTreeSet<PathBuf>,
    ignored: usize,
    faults: Vec<Fault>,
}

impl Walk {
    fn named(&mut self, path: &Path) {
        let outcome = canonical(path).and_then(|canonical| {
            if canonical.is_dir() {
                let (files, ignored, faults) = (self.files.len(), self.ignored, self.faults.len());
                let fresh = !self.visited.contains(&canonical);
                self.directory(&canonical);
                if fresh
                    && self.files.len() == files
                    && self.faults.len() == faults
                    && !self.covers(&canonical)
                {
                    let ignored = self.ignored - ignored;
                    return Err(Fault::EmptyDirectory {
                        path: path.to_owned(),
                        ignored,
                    });
                }
                Ok(())
            } else {
                // The name that was given may be a link with a telling extension.
                let extension = extension(path).or_else(|| extension(&canonical));
                let extension = extension.ok_or_else(|| {
                    Fault::file(
                        path,
                        "expected a file named .parquet, .parq, .pq, .duckdb, .ddb or .db",
                    )
                })?;
                let format = sniff(&canonical, extension)?;
                self.files.insert(canonical, format);
                Ok(())
            }
        });
        if let Err(fault) = outcome {
            self.faults.push(fault);
        }
    }

    fn covers(&self, directory: &Path) -> bool {
        self.files.keys().any(|file| file.starts_with(directory))
    }

    fn directory(&mut self, directory: &Path) {
        // A queue rather than recursion: the depth is whatever the disk holds.
        let mut queue = vec![directory.to_owned()];
        while let Some(directory) = queue.pop() {
            if !self.visited.insert(directory.clone()) {
                continue;
            }
            let entries = match fs::read_dir(&directory) {
                Ok(entries) => entries,
                Err(error) => {
                    self.faults.push(Fault::io(&directory, error));
                    continue;
                }
            };
            for entry in entries {
                let outcome = entry
                    .map_err(|error| Fault::io(&directory, error))
                    .and_then(|entry| self.entry(&entry.path()));
                match outcome {
                    Ok(Some(directory)) => queue.push(directory),
                    Ok(None) => {}
                    Err(fault) => self.faults.push(fault),
                }
            }
        }
    }

    /// Takes or ignores one entry of a directory; a directory is handed back to be walked.
    fn entry(&mut self, entry: &Path) -> Result<Option<PathBuf>, Fault> {
        let hidden = entry
            .file_name()
            .is_some_and(|name| matches!(name.as_encoded_bytes().first(), Some(b'.' | b'_')));
        if hidden {
            self.ignored += 1;
            return Ok(None);
        }
        let Some(extension) = extension(entry) else {
            // A link that leads nowhere is no directory either.
            if entry.is_dir() {
                return canonical(entry).map(Some);
            }
            self.ignored += 1;
            return Ok(None);
        };
        let path = canonical(entry)?;
        if path.is_dir() {
            return Ok(Some(path));
        }
        match sniff(&path, extension) {
            Ok(format) => {
                self.files.insert(path, format);
            }
            // Many programs name their files so.
            Err(Fault::File { .. }) if extension == Extension::Db => self.ignored += 1,
            Err(fault) => return Err(fault),
        }
        Ok(None)
    }
}

#[cfg(test)]
#[path = "discover_tests.rs"]
mod tests;
