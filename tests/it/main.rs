//! The gateway from outside: one binary, one behaviour a file, on both databases.
#![expect(clippy::disallowed_methods, reason = "tests need names that nobody else has")]
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on stops, and says where"
)]

mod support;

mod access;
mod audit_event;
mod browser;
mod capacity;
mod changes;
mod clients;
mod cold_storage;
mod columns;
mod concurrency;
mod conflicts;
mod crash;
mod dataset;
mod dataset_delete;
mod dataset_delete_race;
mod datasets_together;
mod deploy;
mod doctor;
mod draft;
mod erd;
mod errors;
mod expiry;
mod federation;
mod feed_clients;
mod file_removal;
mod fuzz;
mod graphql_http;
mod history;
mod hostile;
mod housekeeping;
mod idempotency;
mod identity;
mod killed;
mod layering;
mod lease;
mod lifecycle;
mod lifecycle_run;
mod lifecycle_schedule;
mod limits;
mod listed;
mod metrics;
mod migrations;
mod node;
mod paging;
mod partitions;
mod persisted;
mod plain;
mod plans;
mod playground;
mod publish;
mod publish_at_once;
mod publish_many;
mod publish_together;
mod rate;
mod register;
mod relocate;
mod replica;
mod resilience;
mod retention;
mod retention_policy;
mod retention_preview;
mod rollback;
mod schema;
mod schema_version;
mod server;
mod snapshot;
mod statements;
mod storage;
mod storage_faults;
mod storage_links;
mod storage_place;
mod storage_target;
mod telemetry;
mod time_travel;
mod trail;
mod transport;
mod validation;
mod version_cache;
