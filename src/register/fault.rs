//! What can be wrong with the files to register.
//!
//! Owns the wording. All faults of a run are collected and told together; a fault names its file and what was expected.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// One thing that keeps the files from being registered.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// No path was given.
    #[error("no path given: expected at least one file or directory to register")]
    NoPaths,
    /// A file or directory could not be read.
    #[error("{path}: cannot be read: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A directory holds nothing to register.
    #[error(
        "{path}: no parquet or duckdb file in this directory ({ignored} other {} ignored)",
        if *.ignored == 1 { "file" } else { "files" }
    )]
    EmptyDirectory {
        /// The directory.
        path: PathBuf,
        /// How many files of other kinds, or hidden ones, it holds.
        ignored: usize,
    },
    /// A file lies outside the directory that the storage target points at.
    #[error(
        "{path}: lies outside the root {root}: paths are kept relative to it, so choose a root above all files"
    )]
    OutsideRoot {
        /// The file, symbolic links resolved.
        path: PathBuf,
        /// The root.
        root: PathBuf,
    },
    /// The named files have no directory in common that could serve as root.
    #[error("the paths have no directory in common but the root of the file system: name one with --root")]
    NoCommonRoot,
    /// The file is not what it should be, or says too little.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What was expected, and what was found.
        reason: String,
    },
}

impl Fault {
    /// The file was read, and its content is not what was expected.
    pub fn file(path: &Path, reason: impl Into<String>) -> Self {
        Self::File {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }

    /// The system refused to read the file.
    pub fn io(path: &Path, source: io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}

/// How many faults are told; more are counted: a wrong time column is a fault of every file.
const TOLD: usize = 20;

/// Every fault of a run; never empty.
#[derive(Debug)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().take(TOLD).enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        match self.0.len().saturating_sub(TOLD) {
            0 => Ok(()),
            more => write!(f, "\n… and {more} more"),
        }
    }
}

impl std::error::Error for Faults {}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_one_a_line_and_name_their_files() {
        let faults = Faults(vec![
            Fault::file(Path::new("a.parquet"), "nothing to register: it has no rows"),
            Fault::EmptyDirectory {
                path: "empty".into(),
                ignored: 1,
            },
        ]);
        assert_eq!(
            faults.to_string(),
            "a.parquet: nothing to register: it has no rows\n\
             empty: no parquet or duckdb file in this directory (1 other file ignored)"
        );

        let many = (0..25)
            .map(|n| Fault::file(Path::new(&format!("{n}.parquet")), "no"))
            .collect();
        let told = Faults(many).to_string();
        assert_eq!(told.lines().count(), 21);
        assert!(told.ends_with("\n19.parquet: no\n… and 5 more"), "{told}");
    }
}
