//! SeaORM entities of the schema `timestore`: one file a table, columns and relations only.
//!
//! Nothing here queries. The tables themselves, with their keys, checks and indexes, are made by `timestore-migration`;
//! what may be written to them, and when, is the business of the gateway's `store`.

pub mod api_token;
pub mod audit_event;
pub mod change;
pub mod cleared_changes;
pub mod dataset;
pub mod dataset_head;
pub mod enums;
pub mod file_removal;
pub mod idempotency_record;
pub mod ids;
pub mod lease;
pub mod lifecycle_run;
pub mod manifest;
pub mod manifest_draft;
pub mod partition;
pub mod retention_policy;
pub mod schema_version;
pub mod snapshot;
pub mod staged_partition;
pub mod staged_removal;
pub mod storage_target;
pub mod watermark;

/// An instant in UTC, kept to the microsecond.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
