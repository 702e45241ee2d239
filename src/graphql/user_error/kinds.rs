//! The concrete types of user errors: the fields of the interface, and what a program needs in order to react.

use async_graphql::SimpleObject;

use super::UserErrorCode;
use crate::graphql::compatibility::{CompatibilityPlan, CompatibilityReason};
use crate::graphql::scalar::{BigInt, DateTime};
use crate::store::error::{Duplicate, NotLive, Pin};

/// A type with the fields of the interface before its own, and a constructor that knows its code.
macro_rules! user_error {
    ($(#[$($doc:tt)*])* $name:ident { $($(#[$($field_doc:tt)*])* $field:ident: $ty:ty,)* }) => {
        $(#[$($doc)*])*
        #[derive(Clone, Debug, SimpleObject)]
        pub struct $name {
            /// What kind of error it is, for programs.
            pub code: UserErrorCode,
            /// What is wrong, for people.
            pub message: String,
            /// Where in the arguments, outermost first: names of fields and indexes of lists, such as
            /// `["input", "add", "3", "filePath"]`.
            pub path: Option<Vec<String>>,
            $($(#[$($field_doc)*])* pub $field: $ty,)*
        }

        impl $name {
            pub(super) fn new(path: Option<Vec<String>>, message: String, $($field: $ty),*) -> Self {
                Self { code: UserErrorCode::$name, message, path, $($field),* }
            }
        }
    };
}

user_error!(
    /// A value that can never be right, whatever the catalog holds.
    InvalidInput {}
);
user_error!(
    /// Something named in the request does not exist.
    NotFound {}
);
user_error!(
    /// Something else already has the name.
    AlreadyExists {}
);
user_error!(
    /// The dataset has moved on from the expected version.
    VersionConflict {
        /// The version that the dataset is at now; 0 before its first.
        current_version: i32,
        /// Who published that version; null where nobody is known or there is none.
        published_by: Option<String>,
        /// When that version was published; null where there is none.
        published_at: Option<DateTime>,
        /// Whether the same request would be granted now with the current version expected.
        rebasable: bool,
    }
);
user_error!(
    /// Files to add that are there already, or that occur twice in the request.
    DuplicatePartitions {
        /// All such files.
        duplicates: Vec<DuplicatePartition>,
    }
);
user_error!(
    /// Files to remove that are not part of the current version.
    PartitionsNotLive {
        /// All such files.
        partitions: Vec<NotLivePartition>,
        /// Whether the request would be granted now without them.
        rebasable: bool,
    }
);
user_error!(
    /// The dataset is archived, and takes no publishes.
    DatasetInactive {}
);
user_error!(
    /// Snapshots that have not run out pin versions of the dataset, so that it cannot be deleted.
    DatasetPinned {
        /// These snapshots, by name: the first 100.
        snapshots: Vec<PinningSnapshot>,
    }
);
user_error!(
    /// The fields cannot follow those of the dataset in its compatibility mode.
    SchemaIncompatible {
        /// Every difference that keeps them from it.
        reasons: Vec<CompatibilityReason>,
        /// What to do instead.
        plan: CompatibilityPlan,
    }
);
user_error!(
    /// The record was changed since the expected revision.
    RevisionConflict {
        /// The revision that it is at now.
        revision: i32,
    }
);
user_error!(
    /// The idempotency key was used for another request.
    IdempotencyMismatch {}
);
user_error!(
    /// A publisher of the same source with a higher fencing token has taken over.
    FencedOut {
        /// The highest token seen from the source.
        fencing_token: BigInt,
    }
);

/// A file that is there already, or that occurs twice in the request.
#[derive(Clone, Debug, SimpleObject)]
pub struct DuplicatePartition {
    /// The path of the file.
    pub file_path: String,
    /// What it has in common with which other file.
    pub reason: String,
    /// Its place in the list `add`, from 0; null for a file that was staged earlier.
    pub index: Option<i32>,
}

/// A file that cannot be removed, since it is not part of the current version.
#[derive(Clone, Debug, SimpleObject)]
pub struct NotLivePartition {
    /// The path of the file; null where none is known.
    pub file_path: Option<String>,
    /// The version that removed it; null where it was never there.
    pub removed_in: Option<i32>,
    /// Who published that version.
    pub removed_by: Option<String>,
}

/// A snapshot that pins a version.
#[derive(Clone, Debug, SimpleObject)]
pub struct PinningSnapshot {
    /// The name of the snapshot.
    pub name: String,
    /// The version that it pins.
    pub version: i32,
    /// When it stops pinning; null: never.
    pub expires_at: Option<DateTime>,
}

impl From<Duplicate> for DuplicatePartition {
    fn from(
        Duplicate {
            index,
            file_path,
            reason,
            can_skip: _,
        }: Duplicate,
    ) -> Self {
        Self {
            file_path,
            reason,
            index: index.and_then(|index| i32::try_from(index).ok()),
        }
    }
}

impl From<NotLive> for NotLivePartition {
    fn from(
        NotLive {
            file_path,
            removed_version,
            removed_by,
        }: NotLive,
    ) -> Self {
        Self {
            file_path,
            removed_in: removed_version,
            removed_by,
        }
    }
}

impl From<Pin> for PinningSnapshot {
    fn from(
        Pin {
            name,
            version,
            expires_at,
        }: Pin,
    ) -> Self {
        Self {
            name,
            version,
            expires_at: expires_at.map(Into::into),
        }
    }
}
