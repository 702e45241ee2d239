//! The life of a file after its last version: removals that outlive their dataset, runs that can be asked for and cancelled,
//! leases, and what the audit trail is searched by.

use super::{Step, m20261123_000005_lifecycle};

pub(super) const STEP: Step = Step {
    name: "m20261124_000007_file_life",
    up: &[UP],
    // The two tables as they were; neither was written to before this step.
    down: &[DOWN, m20261123_000005_lifecycle::UP],
};

const UP: &str = "
drop table lifecycle_runs;
drop table file_removals;
create table file_removals (
    dataset_id uuid not null,
    partition_id uuid not null,
    storage_target_id uuid not null,
    file_path text collate \"C\" not null,
    file_size_bytes bigint not null,
    queued_at timestamptz not null,
    due_at timestamptz not null,
    lease_id uuid,
    lease_owner text,
    attempts integer not null,
    error text,
    dead_at timestamptz,
    done_at timestamptz,
    outcome text,
    constraint file_removals_pkey primary key (dataset_id, partition_id),
    constraint file_removals_file_path_check check (file_path <> ''),
    constraint file_removals_file_size_bytes_check check (file_size_bytes >= 0),
    constraint file_removals_lease_check check ((lease_id is null) = (lease_owner is null)),
    constraint file_removals_attempts_check check (attempts >= 0),
    constraint file_removals_end_check check (dead_at is null or done_at is null),
    constraint file_removals_outcome_check check (
        (outcome is null) = (done_at is null) and outcome in ('deleted', 'missing', 'kept')
    ),
    constraint file_removals_storage_target_fkey foreign key (storage_target_id) references storage_targets (id)
);
create index file_removals_due_idx on file_removals (due_at, dataset_id, partition_id)
    where done_at is null and dead_at is null;
create index file_removals_path_idx on file_removals (storage_target_id, file_path) where done_at is null;
create index file_removals_done_at_idx on file_removals (done_at) where done_at is not null;
create table lifecycle_runs (
    id uuid not null,
    dataset_id uuid,
    kind text not null,
    trigger text not null,
    requested_by text,
    status text not null,
    attempts integer not null,
    counters jsonb not null,
    error text,
    worker text,
    created_at timestamptz not null,
    started_at timestamptz,
    heartbeat_at timestamptz,
    cancelled_at timestamptz,
    finished_at timestamptz,
    constraint lifecycle_runs_pkey primary key (id),
    constraint lifecycle_runs_kind_check check (kind in ('retention', 'history', 'removal', 'housekeeping')),
    constraint lifecycle_runs_trigger_check check (trigger in ('schedule', 'request', 'command')),
    constraint lifecycle_runs_status_check check (status in ('queued', 'running', 'completed', 'failed', 'skipped')),
    constraint lifecycle_runs_attempts_check check (attempts >= 0),
    constraint lifecycle_runs_counters_check check (jsonb_typeof(counters) = 'object'),
    constraint lifecycle_runs_finished_at_check check (
        (finished_at is null) = (status in ('queued', 'running'))
    )
);
create index lifecycle_runs_created_at_idx on lifecycle_runs (created_at, id);
create index lifecycle_runs_open_idx on lifecycle_runs (status, created_at, id) where finished_at is null;
create table leases (
    name text not null,
    id uuid not null,
    holder text not null,
    acquired_at timestamptz not null,
    expires_at timestamptz not null,
    constraint leases_pkey primary key (name),
    constraint leases_name_check check (name <> '')
);
alter table manifests add column swept_at timestamptz;
create index manifests_kept_idx on manifests (dataset_id, version) where expired_at is null;
create index manifests_unswept_idx on manifests (dataset_id, version)
    where expired_at is not null and swept_at is null;
create index staged_removals_partition_idx on staged_removals (dataset_id, partition_id);
create index audit_events_dataset_slug_idx on audit_events (dataset_slug, occurred_at, id);
";

const DOWN: &str = "
drop index audit_events_dataset_slug_idx;
drop index staged_removals_partition_idx;
drop index manifests_unswept_idx;
drop index manifests_kept_idx;
alter table manifests drop column swept_at;
drop table leases;
drop table lifecycle_runs;
drop table file_removals;
";
