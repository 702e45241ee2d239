//! Identifiers. Each is a UUIDv7 made by the application, in a type of its own so that they cannot be mixed up.

use sea_orm::prelude::Uuid;
use sea_orm::{DbErr, DeriveValueType, TryFromU64};
use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[doc = $doc:expr])* $name:ident) => {
        $(#[doc = $doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, DeriveValueType,
        )]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        // SeaORM asks every primary key for this; only auto-increment keys can answer.
        impl TryFromU64 for $name {
            fn try_from_u64(_: u64) -> Result<Self, DbErr> {
                Err(DbErr::ConvertFromU64(stringify!($name)))
            }
        }
    };
}

id!(
    /// A dataset.
    DatasetId
);
id!(
    /// A storage target.
    StorageTargetId
);
id!(
    /// A partition file, unique within its dataset.
    PartitionId
);
id!(
    /// A draft of a manifest, unique within its dataset.
    ManifestDraftId
);
id!(
    /// A snapshot, unique within its dataset.
    SnapshotId
);
id!(
    /// A run of the lifecycle worker.
    LifecycleRunId
);
id!(
    /// An audit event.
    AuditEventId
);
id!(
    /// An API token.
    ApiTokenId
);
id!(
    /// A claim on work that one worker at a time may do.
    LeaseId
);
