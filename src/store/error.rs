//! What can go wrong in the store: refusals, which a caller can expect and react to, and failures, which it cannot.

use sea_orm::{DbErr, FromQueryResult, RuntimeErr, sqlx};
use timestore_entity::Timestamp;

use crate::model::compatibility::{Plan, Reason};

/// What the store answers.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Why the store did not do as it was asked. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The request cannot be granted as it is.
    #[error("{0}")]
    Refused(Refusal),
    /// The caller has none of these scopes, any one of which would do.
    #[error("one of these scopes is needed: {}", .0.join(", "))]
    Forbidden(Vec<String>),
    /// The history of the version has expired.
    #[error("version {version} has expired; the oldest one available is {oldest}")]
    Expired {
        /// The version that was asked for.
        version: i32,
        /// The oldest one that can still be read.
        oldest: i32,
    },
    /// Changes that a reader of the feed has not seen are there no more.
    #[error(
        "changes after this cursor have been cleared away: read the catalog anew, and follow its changes from now on"
    )]
    ChangesCleared,
    /// The database cannot be reached, or cannot take writes; the same request may do better later.
    #[error("the database is unavailable")]
    Unavailable(#[source] DbErr),
    /// Anything else that the database says.
    #[error("the database failed")]
    Database(#[source] DbErr),
    /// The catalog holds something that it must not.
    #[error("the catalog is inconsistent: {0}")]
    Inconsistent(String),
}

/// All that is wrong with a request, at once.
#[derive(Clone, Debug, Default, PartialEq, thiserror::Error)]
#[error("{}", .0.iter().map(Fault::to_string).collect::<Vec<_>>().join("; "))]
pub struct Refusal(pub Vec<Fault>);

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}: {message}", path.join("."))]
pub struct Fault {
    /// Where in the request, outermost first: names of fields and indexes of lists, such as `add.3.filePath`.
    pub path: Vec<String>,
    /// What was expected.
    pub message: String,
    /// What a program needs in order to react.
    pub kind: FaultKind,
}

/// The kinds of faults.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultKind {
    /// A value that can never be right.
    InvalidInput,
    /// Something named in the request does not exist.
    NotFound,
    /// Something else already has the name.
    AlreadyExists,
    /// The dataset has moved on from the expected version.
    VersionConflict {
        /// Where it is now.
        current_version: i32,
        /// Who published that version.
        published_by: Option<String>,
        /// When.
        published_at: Option<Timestamp>,
        /// Whether the same request would be granted with the current version expected.
        rebasable: bool,
    },
    /// Files are there already, or twice in the request.
    DuplicatePartitions {
        /// Which.
        duplicates: Vec<Duplicate>,
    },
    /// Files named for removal are not live.
    PartitionsNotLive {
        /// Which.
        partitions: Vec<NotLive>,
        /// Whether the rest of the request could be granted without them.
        rebasable: bool,
    },
    /// The dataset is archived.
    DatasetInactive,
    /// Snapshots pin versions of the dataset, so that it cannot be deleted.
    DatasetPinned {
        /// The first of them, by name.
        snapshots: Vec<Pin>,
    },
    /// The fields cannot follow the dataset's.
    SchemaIncompatible {
        /// Why not.
        reasons: Vec<Reason>,
        /// What to do instead.
        plan: Plan,
    },
    /// The record has been changed since the expected revision.
    RevisionConflict {
        /// Its revision now.
        revision: i32,
    },
    /// The idempotency key was used for another request.
    IdempotencyMismatch,
    /// A publisher with a higher fencing token has taken over.
    FencedOut {
        /// The highest token seen.
        fencing_token: i64,
    },
}

/// A file that is there already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// Where in the list of additions; none for a file staged earlier.
    pub index: Option<usize>,
    /// Its path.
    pub file_path: String,
    /// What it has in common with which other file.
    pub reason: String,
    /// Whether it can be left out, since its like stays; not so while the catalog deletes the file at its path.
    pub can_skip: bool,
}

/// A file that cannot be removed, since it is not live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotLive {
    /// Its path, where it ever existed.
    pub file_path: Option<String>,
    /// The version that removed it.
    pub removed_version: Option<i32>,
    /// Who published that version.
    pub removed_by: Option<String>,
}

/// A snapshot that pins a version.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Pin {
    /// Its name.
    pub name: String,
    /// The version.
    pub version: i32,
    /// When it stops pinning.
    pub expires_at: Option<Timestamp>,
}

impl Fault {
    /// A fault at `path`.
    pub fn new(path: &[&str], kind: FaultKind, message: impl Into<String>) -> Self {
        Self {
            path: path.iter().map(|&part| part.to_owned()).collect(),
            message: message.into(),
            kind,
        }
    }

    /// A value at `path` that can never be right.
    pub fn invalid(path: &[&str], message: impl Into<String>) -> Self {
        Self::new(path, FaultKind::InvalidInput, message)
    }

    /// A name at `path` that names nothing.
    pub fn not_found(path: &[&str], message: impl Into<String>) -> Self {
        Self::new(path, FaultKind::NotFound, message)
    }

    /// The same fault, seen from further out.
    #[must_use]
    pub fn within(mut self, outer: &[&str]) -> Self {
        self.path.splice(0..0, outer.iter().map(|&part| part.to_owned()));
        self
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        Self::Refused(Refusal(vec![fault]))
    }
}

impl From<Vec<Fault>> for StoreError {
    fn from(faults: Vec<Fault>) -> Self {
        Self::Refused(Refusal(faults))
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        if is_unavailable(&error) {
            Self::Unavailable(error)
        } else {
            Self::Database(error)
        }
    }
}

/// Whether the same statement may do better later: the connection is lost or none was to be had, the server shuts down or is
/// out of room, the database is locked, full or read-only.
fn is_unavailable(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            match &**error {
                sqlx::Error::Io(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed => true,
                sqlx::Error::Database(error) => error.code().is_some_and(|code| is_passing(&code)),
                _ => false,
            }
        }
        _ => false,
    }
}

/// Whether an SQLSTATE of PostgreSQL, or an extended result code of SQLite, speaks of a passing state of the server.
fn is_passing(code: &str) -> bool {
    match code.parse::<u32>() {
        // SQLite, by primary code: BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN. PostgreSQL's numeric codes have five digits.
        Ok(number) if code.len() < 5 => matches!(number & 0xff, 5 | 6 | 8 | 10 | 13 | 14),
        _ => {
            // Connection exceptions, insufficient resources, operator intervention; read-only transaction, lock timeout.
            code.starts_with("08")
                || code.starts_with("53")
                || code.starts_with("57")
                || code == "25006"
                || code == "55P03"
        }
    }
}
