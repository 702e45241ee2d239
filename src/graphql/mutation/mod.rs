//! Mutations: a file a noun. Each has one `input` and one payload, calls one method of the store, and wraps what it returns.
//!
//! A payload holds the result, null when the request was refused, and `userErrors`: see [`super::user_error`].

mod api_token;
mod dataset;
mod dataset_delete;
mod draft;
mod file_removal;
mod lifecycle_run;
mod manifest;
mod partition;
mod published;
mod relocate;
mod retention;
mod retention_policy;
mod rollback;
mod schema_version;
mod snapshot;
mod storage_target;

use async_graphql::MergedObject;

pub use self::partition::PartitionInput;

/// Changes to the catalog. Each is one transaction, with its audit event and its entry in the change feed: all or nothing.
#[derive(Default, MergedObject)]
pub struct Mutation(
    storage_target::StorageTargetMutation,
    dataset::DatasetMutation,
    dataset_delete::DatasetDeleteMutation,
    schema_version::SchemaVersionMutation,
    manifest::ManifestMutation,
    draft::DraftMutation,
    rollback::RollbackMutation,
    retention_policy::RetentionPolicyMutation,
    retention::RetentionMutation,
    relocate::RelocateMutation,
    snapshot::SnapshotMutation,
    file_removal::FileRemovalMutation,
    lifecycle_run::LifecycleRunMutation,
    api_token::ApiTokenMutation,
);
