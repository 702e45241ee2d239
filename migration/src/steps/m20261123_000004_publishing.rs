//! What publishers leave besides manifests: idempotency records and watermarks; and the retention policies.

use super::Step;

pub(super) const STEP: Step = Step {
    name: "m20261123_000004_publishing",
    up: &[UP],
    down: &["drop table retention_policies;\ndrop table watermarks;\ndrop table idempotency_records;\n"],
};

const UP: &str = "
create table idempotency_records (
    dataset_id uuid not null,
    key text collate \"C\" not null,
    operation text not null,
    request_hash text not null,
    version integer,
    skipped jsonb not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    constraint idempotency_records_pkey primary key (dataset_id, key),
    constraint idempotency_records_key_check check (length(key) between 1 and 255),
    constraint idempotency_records_request_hash_check check (length(request_hash) = 64),
    constraint idempotency_records_skipped_check check (jsonb_typeof(skipped) = 'array'),
    constraint idempotency_records_dataset_fkey foreign key (dataset_id) references datasets (id),
    constraint idempotency_records_manifest_fkey foreign key (dataset_id, version)
        references manifests (dataset_id, version)
);
create index idempotency_records_expires_at_idx on idempotency_records (expires_at);
create table watermarks (
    dataset_id uuid not null,
    source text collate \"C\" not null,
    sealed_through timestamptz not null,
    fencing_token bigint,
    records bigint not null,
    version integer,
    updated_at timestamptz not null,
    constraint watermarks_pkey primary key (dataset_id, source),
    constraint watermarks_source_check check (length(source) between 1 and 255),
    constraint watermarks_records_check check (records >= 0),
    constraint watermarks_dataset_fkey foreign key (dataset_id) references datasets (id),
    constraint watermarks_manifest_fkey foreign key (dataset_id, version) references manifests (dataset_id, version)
);
create table retention_policies (
    dataset_id uuid not null,
    mode text not null,
    max_age text,
    max_total_bytes bigint,
    keep_versions integer,
    max_version_age text,
    delete_grace text,
    cold_storage_after text,
    cold_storage_target_id uuid,
    metadata jsonb not null,
    revision integer not null,
    updated_at timestamptz not null,
    updated_by text,
    constraint retention_policies_pkey primary key (dataset_id),
    constraint retention_policies_mode_check check (mode in ('time', 'size', 'hybrid')),
    constraint retention_policies_max_total_bytes_check check (max_total_bytes >= 0),
    constraint retention_policies_keep_versions_check check (keep_versions >= 1),
    constraint retention_policies_cold_storage_check check (
        (cold_storage_after is null) = (cold_storage_target_id is null)
    ),
    constraint retention_policies_metadata_check check (jsonb_typeof(metadata) = 'object'),
    constraint retention_policies_revision_check check (revision >= 1),
    constraint retention_policies_dataset_fkey foreign key (dataset_id) references datasets (id),
    constraint retention_policies_cold_storage_target_fkey foreign key (cold_storage_target_id)
        references storage_targets (id)
);
";
