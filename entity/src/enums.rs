//! Closed sets of values. Stored as lower-case text under a CHECK, so that the database refuses what is not in the set.

use sea_orm::{DeriveActiveEnum, EnumIter};
use serde::{Deserialize, Serialize};

macro_rules! text_enum {
    ($(#[doc = $doc:expr])* $name:ident { $($(#[doc = $vdoc:expr])* $variant:ident = $text:literal,)+ }) => {
        $(#[doc = $doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
        )]
        #[sea_orm(rs_type = "String", db_type = "Text")]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[doc = $vdoc])* #[sea_orm(string_value = $text)] $variant,)+
        }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The text that the database stores.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

text_enum!(
    /// Where the files of a storage target lie.
    StorageKind {
        /// A directory of a file system.
        Local = "local",
        /// Amazon S3, or a service that speaks its protocol.
        S3 = "s3",
        /// Google Cloud Storage.
        Gcs = "gcs",
        /// Azure Blob Storage.
        AzureBlob = "azure_blob",
        /// Any HTTP server, for reading.
        Http = "http",
    }
);
text_enum!(
    /// Whether a dataset takes publishes.
    DatasetStatus {
        /// It does.
        Active = "active",
        /// It is archived: hidden from lists unless asked for, and closed to publishes.
        Inactive = "inactive",
    }
);
text_enum!(
    /// The format of a partition file.
    FileFormat {
        /// A DuckDB database file.
        Duckdb = "duckdb",
        /// An Apache Parquet file.
        Parquet = "parquet",
    }
);
text_enum!(
    /// Which changes of the fields a dataset accepts.
    CompatibilityMode {
        /// Identical, additive and widening changes only.
        Additive = "additive",
        /// Any change.
        None = "none",
    }
);
text_enum!(
    /// What a manifest did to its dataset.
    ManifestOperation {
        /// Added files, removed none.
        Append = "append",
        /// Removed the named files and added others in their place.
        Replace = "replace",
        /// Removed the named files, added none.
        Delete = "delete",
        /// Rewrote the named files as others with the same rows.
        Compact = "compact",
        /// Dropped the files that the retention policy no longer keeps.
        Retention = "retention",
        /// Brought back the content of an earlier version.
        Rollback = "rollback",
        /// Named the same rows under another target or path.
        Relocate = "relocate",
    }
);
text_enum!(
    /// The type of a field, as a reader sees it.
    FieldType {
        /// An instant or a local date with time.
        Timestamp = "timestamp",
        /// A calendar date.
        Date = "date",
        /// A time of day.
        Time = "time",
        /// Text.
        String = "string",
        /// A floating-point number of 64 bits or fewer.
        Double = "double",
        /// A whole number of 64 bits or fewer.
        Integer = "integer",
        /// An exact decimal number.
        Decimal = "decimal",
        /// True or false.
        Boolean = "boolean",
        /// Bytes.
        Binary = "binary",
        /// A sequence of values of one type.
        List = "list",
        /// Named values of different types.
        Struct = "struct",
        /// Keys, each with a value.
        Map = "map",
    }
);
text_enum!(
    /// What decides that a file may go.
    RetentionMode {
        /// Its age.
        Time = "time",
        /// The size of the dataset.
        Size = "size",
        /// Either of the two.
        Hybrid = "hybrid",
    }
);
text_enum!(
    /// How an audited action ended.
    AuditOutcome {
        /// It was done.
        Success = "success",
        /// It was refused.
        Refused = "refused",
    }
);
text_enum!(
    /// Where a lifecycle run stands.
    RunStatus {
        /// Waiting for a worker.
        Queued = "queued",
        /// A worker has it.
        Running = "running",
        /// It ended well.
        Completed = "completed",
        /// It ended with an error.
        Failed = "failed",
        /// It was cancelled, or its dataset is archived or gone.
        Skipped = "skipped",
    }
);
text_enum!(
    /// What a lifecycle run does.
    RunKind {
        /// Applies the retention policies.
        Retention = "retention",
        /// Expires old versions, and queues the files that no version needs any more.
        History = "history",
        /// Deletes queued files.
        Removal = "removal",
        /// Clears away what has served: drafts and keys past their time, old records of the trail.
        Housekeeping = "housekeeping",
    }
);
text_enum!(
    /// What started a lifecycle run.
    RunTrigger {
        /// The schedule of a gateway.
        Schedule = "schedule",
        /// A request to the API.
        Request = "request",
        /// The command line.
        Command = "command",
    }
);
text_enum!(
    /// How the removal of a file was settled.
    RemovalOutcome {
        /// It was deleted.
        Deleted = "deleted",
        /// It was not there.
        Missing = "missing",
        /// It stays: its path has come back to life.
        Kept = "kept",
    }
);
text_enum!(
    /// What happened to the catalog, as the change feed tells it.
    ChangeKind {
        /// A storage target was created or changed.
        StorageTargetUpserted = "storage_target_upserted",
        /// A dataset was created.
        DatasetCreated = "dataset_created",
        /// A dataset was changed.
        DatasetUpdated = "dataset_updated",
        /// A dataset was archived.
        DatasetArchived = "dataset_archived",
        /// A schema version was added to a dataset.
        SchemaVersionCreated = "schema_version_created",
        /// A manifest was published.
        ManifestPublished = "manifest_published",
        /// A watermark moved without a manifest.
        WatermarkAdvanced = "watermark_advanced",
        /// A snapshot was created.
        SnapshotCreated = "snapshot_created",
        /// A snapshot was deleted.
        SnapshotDeleted = "snapshot_deleted",
        /// A retention policy was set.
        RetentionPolicySet = "retention_policy_set",
        /// A retention policy was cleared.
        RetentionPolicyCleared = "retention_policy_cleared",
        /// Old versions of a dataset expired.
        ManifestsExpired = "manifests_expired",
        /// Files that no version needs any more were deleted.
        FilesRemoved = "files_removed",
        /// A dataset was deleted for good.
        DatasetDeleted = "dataset_deleted",
    }
);
