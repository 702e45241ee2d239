//! The closed sets of values, as the API spells them.

use async_graphql::Enum;
use timestore_entity::enums;

/// Whether a dataset takes publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "enums::DatasetStatus")]
pub enum DatasetStatus {
    /// It takes publishes.
    Active,
    /// It is archived: hidden from lists unless asked for, and closed to publishes. Its versions can still be read.
    Inactive,
}

/// The format of a partition file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "enums::FileFormat")]
pub enum FileFormat {
    /// A DuckDB database file.
    Duckdb,
    /// An Apache Parquet file.
    Parquet,
}

/// The type of a field, as a reader sees it. `Field.nativeType` may say it more precisely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "enums::FieldType")]
pub enum FieldType {
    /// An instant, or a local date with time.
    Timestamp,
    /// A calendar date.
    Date,
    /// A time of day.
    Time,
    /// Text.
    String,
    /// A floating-point number of 64 bits or fewer.
    Double,
    /// A whole number of 64 bits or fewer.
    Integer,
    /// An exact decimal number.
    Decimal,
    /// True or false.
    Boolean,
    /// Bytes.
    Binary,
    /// A sequence of values of one type.
    List,
    /// Named values of different types.
    Struct,
    /// Keys, each with a value.
    Map,
}

/// The kind of place that holds files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "enums::StorageKind")]
pub enum StorageKind {
    /// A directory of a file system.
    Local,
    /// Amazon S3, or a service that speaks its protocol.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    AzureBlob,
    /// Any HTTP server, for reading.
    Http,
}

/// What a manifest did to its dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "enums::ManifestOperation")]
pub enum ManifestOperation {
    /// Added files, removed none.
    Append,
    /// Removed the named files and added others in their place.
    Replace,
    /// Removed the named files, added none.
    Delete,
    /// Rewrote the named files as others with the same rows.
    Compact,
    /// Dropped the files that the retention policy no longer keeps.
    Retention,
    /// Brought back the content of an earlier version.
    Rollback,
    /// Named the same rows under another target or path.
    Relocate,
}

/// Where a version stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ManifestStatus {
    /// It is the current version of its dataset.
    Published,
    /// A later version has taken its place. Its files can still be listed.
    Superseded,
    /// Its history has expired: its files can no longer be listed.
    Expired,
}

/// What to do with a file that is there already: the same path on the same target, or the same ingestion signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::store::publish::DuplicatePolicy")]
pub enum DuplicatePolicy {
    /// Refuse the whole request, listing every duplicate.
    Reject,
    /// Publish the rest, and say what was skipped.
    Skip,
}

/// Which changes of its fields a dataset accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "enums::CompatibilityMode")]
pub enum CompatibilityMode {
    /// Identical, additive and widening changes only.
    Additive,
    /// Any change.
    None,
}

/// What decides that a file may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "enums::RetentionMode")]
pub enum RetentionMode {
    /// Its age.
    Time,
    /// The size of the dataset.
    Size,
    /// Either of the two.
    Hybrid,
}

/// Where the retention rules of a dataset come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::store::retention_policy::PolicySource")]
pub enum RetentionPolicySource {
    /// Its own policy.
    Dataset,
    /// The default of the gateway.
    Default,
    /// Neither: no rule applies, and everything is kept.
    None,
}

/// What became of a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum CommitState {
    /// It was committed.
    Committed,
    /// No publish with this key was committed, and none is under way: nothing of it will ever appear.
    NotSeen,
    /// The key was used, and has been forgotten since: whether the publish was committed can no longer be told.
    Expired,
}

/// How an audited action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "enums::AuditOutcome")]
pub enum AuditOutcome {
    /// It was done.
    Success,
    /// It was refused, and changed nothing.
    Refused,
}

/// What happened to the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "enums::ChangeKind")]
pub enum ChangeKind {
    /// A storage target was created or changed.
    StorageTargetUpserted,
    /// A dataset was created.
    DatasetCreated,
    /// A dataset was changed.
    DatasetUpdated,
    /// A dataset was archived.
    DatasetArchived,
    /// A schema version was added to a dataset.
    SchemaVersionCreated,
    /// A manifest was published.
    ManifestPublished,
    /// A watermark moved without a manifest.
    WatermarkAdvanced,
    /// A snapshot was created.
    SnapshotCreated,
    /// A snapshot was deleted.
    SnapshotDeleted,
    /// A retention policy was set.
    RetentionPolicySet,
    /// A retention policy was cleared.
    RetentionPolicyCleared,
    /// Old versions of a dataset expired: they can no longer be read.
    ManifestsExpired,
    /// Files that no version needs any more were deleted.
    FilesRemoved,
    /// A dataset was deleted for good.
    DatasetDeleted,
}

/// Where the removal of a file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::store::file_removal::FileRemovalState")]
pub enum FileRemovalState {
    /// It waits for its grace, or for a pause after a failure, to end.
    Waiting,
    /// The next worker gets it.
    Due,
    /// A worker has it.
    Claimed,
    /// It was given up, after too many failures or one that is permanent.
    Dead,
    /// It was settled.
    Done,
}

/// How the removal of a file was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "enums::RemovalOutcome")]
pub enum FileRemovalOutcome {
    /// It was deleted.
    Deleted,
    /// It was not there.
    Missing,
    /// It stays: a version needs it again.
    Kept,
}

/// The order of a list of datasets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
pub enum DatasetOrder {
    /// By slug, from a to z.
    #[default]
    SlugAsc,
    /// By slug, from z to a.
    SlugDesc,
}

/// What a lifecycle run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "enums::RunKind")]
pub enum LifecycleRunKind {
    /// Applies the retention policies.
    Retention,
    /// Expires old versions, and queues the files that no version needs any more.
    History,
    /// Deletes the queued files that are due from their storage targets.
    Removal,
    /// Clears away what has served: drafts and idempotency keys past their time, settled removals, ended runs, old audit events.
    Housekeeping,
}

/// What started a lifecycle run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "enums::RunTrigger")]
pub enum LifecycleRunTrigger {
    /// The schedule of the gateways.
    Schedule,
    /// `triggerLifecycleRun`.
    Request,
    /// The command line.
    Command,
}

/// Where a lifecycle run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "enums::RunStatus")]
pub enum LifecycleRunStatus {
    /// It waits for a gateway that keeps the lifecycle schedule.
    Queued,
    /// A worker is at it.
    Running,
    /// It is done.
    Completed,
    /// Something went wrong; what could be done was.
    Failed,
    /// It was cancelled, or its dataset is archived or gone.
    Skipped,
}
