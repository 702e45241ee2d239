//! Why files could not be reached, in the terms of whoever has to repair it. No message holds a secret.

use std::time::Duration;

/// Why the storage did not do as it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// The target's base URI is none for its kind.
    #[error("base URI: {0}")]
    BaseUri(String),
    /// The target's configuration is not understood.
    #[error("{0}")]
    Config(String),
    /// A variable that should hold credentials is not set.
    #[error("credentials: the environment variable {0} is not set")]
    MissingVariable(String),
    /// Credentials are there and cannot be used.
    #[error("credentials: {0}")]
    Credentials(String),
    /// The kind of storage cannot do this.
    #[error("{0}")]
    Unsupported(&'static str),
    /// The path is none that the catalog would hold.
    #[error("path: {0}")]
    Path(String),
    /// The path leads out of the target's base.
    #[error("a symbolic link leads {0:?} out of the base of its storage target")]
    Outside(String),
    /// The storage does not let these credentials do it.
    #[error("access denied: {0}")]
    Denied(String),
    /// The storage understands the request and will refuse it again: there is no such bucket, or the region is wrong.
    #[error("{0}")]
    Refused(String),
    /// No answer came in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The storage cannot be reached, is overloaded, or fails.
    #[error("{0}")]
    Unavailable(String),
}

impl StorageError {
    /// Whether the same call may do better later, without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Timeout(_) | Self::Unavailable(_))
    }
}
