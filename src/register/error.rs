//! What can keep files from being registered, once they are read.
//!
//! Owns the wording of what the catalog refuses, and what to do about it. See [`fault`](super::fault) for the files.

use std::fmt;

use serde::Deserialize;

use super::endpoint::EndpointError;
use super::fault::{Fault, Faults};

/// How many files or refusals are named; more are counted.
const NAMED: usize = 20;

/// Why files were not registered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The files are not fit to be registered.
    #[error(transparent)]
    Files(#[from] Faults),
    /// The catalog could not be asked.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The storage target stands for another directory.
    #[error(
        "storage target '{name}' stands for {base_uri}, but the files lie in {wanted}: \
         name another one with --storage-target"
    )]
    TargetElsewhere {
        /// Its name.
        name: String,
        /// What it stands for.
        base_uri: String,
        /// Where the files lie.
        wanted: String,
    },
    /// Files are registered with another content.
    #[error(
        "{} registered with another content: pass --replace to replace them, or register them under other names\n{}",
        count(.0), list(.0)
    )]
    Changed(Vec<String>),
    /// Files are live, but not in the time range that was read from them, or somebody has registered them just now.
    #[error(
        "{} live already, with another time range or since a moment ago: \
         run again, and if it stays so pass --replace to replace them\n{}",
        count(.0), list(.0)
    )]
    AlreadyLive(Vec<String>),
    /// The catalog refused a change.
    #[error("{what} was refused\n{}", list(.errors))]
    Refused {
        /// What was asked for.
        what: String,
        /// All that is wrong with it.
        errors: Vec<UserError>,
    },
}

/// A reason to refuse a change.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserError {
    /// The name of its type in the API.
    pub kind: String,
    /// What was expected.
    pub message: String,
    /// Where in the request.
    pub path: Option<Vec<String>>,
    /// The file that it speaks of.
    #[serde(skip)]
    pub file: Option<String>,
    /// Where it speaks of duplicates: which.
    #[serde(default)]
    pub(super) duplicates: Vec<FilePath>,
    /// Where it speaks of fields: why they do not fit.
    #[serde(default)]
    pub(super) reasons: Vec<Reason>,
}

/// Why fields do not fit.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Reason {
    pub(super) message: String,
}

/// A file, by its path.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FilePath {
    pub(super) file_path: String,
}

impl UserError {
    /// Whether files are there already.
    pub(super) fn is_duplicate(&self) -> bool {
        self.kind == "DuplicatePartitions"
    }

    /// Whether the name is taken.
    pub(super) fn is_taken(&self) -> bool {
        self.kind == "AlreadyExists"
    }

    /// The index in the list of additions that it speaks of.
    pub(super) fn index(&self) -> Option<usize> {
        let mut path = self.path.iter().flatten().skip_while(|part| *part != "add");
        path.nth(1)?.parse().ok()
    }
}

impl fmt::Display for UserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.as_deref().unwrap_or_default();
        // The argument's name means nothing to who did not write the request.
        let path = match path {
            [input, inner @ ..] if input == "input" => inner.join("."),
            path => path.join("."),
        };
        match (&self.file, path.is_empty()) {
            (Some(file), _) => write!(f, "{path} ({file}): ")?,
            (None, false) => write!(f, "{path}: ")?,
            (None, true) => {}
        }
        f.write_str(&self.message)?;
        let files = self.duplicates.iter().map(|file| &file.file_path);
        let details = files.chain(self.reasons.iter().map(|reason| &reason.message));
        let details = details.collect::<Vec<_>>();
        match details.is_empty() {
            true => Ok(()),
            false => write!(f, "\n{}", list(&details)),
        }
    }
}

impl From<Fault> for RegisterError {
    fn from(fault: Fault) -> Self {
        Self::Files(fault.into())
    }
}

fn count(files: &[String]) -> String {
    match files.len() {
        1 => "1 file is".to_owned(),
        many => format!("{many} files are"),
    }
}

fn list(items: &[impl fmt::Display]) -> String {
    let mut lines = items
        .iter()
        .take(NAMED)
        .map(|item| format!("  {}", item.to_string().replace('\n', "\n  ")))
        .collect::<Vec<_>>();
    if items.len() > NAMED {
        lines.push(format!("  … and {} more", items.len() - NAMED));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_twenty_files_are_named() {
        let files = (1..=25).map(|n| format!("{n}.parquet")).collect::<Vec<_>>();
        let told = RegisterError::Changed(files).to_string();
        assert!(
            told.starts_with("25 files are registered with another content: pass --replace"),
            "{told}"
        );
        assert_eq!(told.lines().count(), 22);
        assert!(told.ends_with("20.parquet\n  … and 5 more"), "{told}");
    }

    #[test]
    fn a_refusal_says_where_and_why() {
        let error = serde_json::json!({
            "kind": "SchemaIncompatible",
            "message": "the fields cannot follow schema version 2",
            "path": ["input", "schema", "fields"],
            "reasons": [{"message": "column 'x' is gone"}],
        });
        let error: UserError = serde_json::from_value(error).expect("a user error");
        let told = RegisterError::Refused {
            what: "publishing".to_owned(),
            errors: vec![error],
        }
        .to_string();
        assert_eq!(
            told,
            "publishing was refused\n  schema.fields: the fields cannot follow schema version 2\n    column 'x' is gone"
        );
    }
}
