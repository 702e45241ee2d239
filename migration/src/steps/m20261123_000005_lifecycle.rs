//! Files on their way out, and the runs of the worker that sees them off.

use super::Step;

pub(super) const STEP: Step = Step {
    name: "m20261123_000005_lifecycle",
    up: &[UP],
    down: &["drop table lifecycle_runs;\ndrop table file_removals;\n"],
};

pub(super) const UP: &str = "
create table file_removals (
    dataset_id uuid not null,
    partition_id uuid not null,
    storage_target_id uuid not null,
    file_path text not null,
    file_size_bytes bigint not null,
    due_at timestamptz not null,
    lease_owner text,
    leased_until timestamptz,
    attempts integer not null,
    error text,
    done_at timestamptz,
    constraint file_removals_pkey primary key (dataset_id, partition_id),
    constraint file_removals_file_path_check check (file_path <> ''),
    constraint file_removals_file_size_bytes_check check (file_size_bytes >= 0),
    constraint file_removals_lease_check check ((lease_owner is null) = (leased_until is null)),
    constraint file_removals_attempts_check check (attempts >= 0),
    constraint file_removals_dataset_fkey foreign key (dataset_id) references datasets (id),
    constraint file_removals_storage_target_fkey foreign key (storage_target_id) references storage_targets (id)
);
create index file_removals_due_idx on file_removals (due_at) where done_at is null;
create index file_removals_path_idx on file_removals (dataset_id, storage_target_id, file_path) where done_at is null;
create table lifecycle_runs (
    id uuid not null,
    dataset_id uuid,
    kind text not null,
    trigger text not null,
    status text not null,
    attempts integer not null,
    counters jsonb not null,
    error text,
    created_at timestamptz not null,
    started_at timestamptz,
    finished_at timestamptz,
    constraint lifecycle_runs_pkey primary key (id),
    constraint lifecycle_runs_kind_check check (kind <> ''),
    constraint lifecycle_runs_trigger_check check (trigger <> ''),
    constraint lifecycle_runs_status_check check (status in ('queued', 'running', 'completed', 'failed', 'skipped')),
    constraint lifecycle_runs_attempts_check check (attempts >= 0),
    constraint lifecycle_runs_counters_check check (jsonb_typeof(counters) = 'object'),
    constraint lifecycle_runs_dataset_fkey foreign key (dataset_id) references datasets (id)
);
create index lifecycle_runs_created_at_idx on lifecycle_runs (created_at, id);
";
