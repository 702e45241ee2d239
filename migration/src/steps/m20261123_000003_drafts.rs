//! Drafts of manifests, and what is staged in them.

use super::Step;

pub(super) const STEP: Step = Step {
    name: "m20261123_000003_drafts",
    up: &[UP],
    down: &["drop table staged_removals;\ndrop table staged_partitions;\ndrop table manifest_drafts;\n"],
};

const UP: &str = "
create table manifest_drafts (
    dataset_id uuid not null,
    id uuid not null,
    operation text not null,
    schema_version integer,
    schema_fields jsonb,
    expected_version integer,
    added_count integer not null,
    removed_count integer not null,
    summary jsonb not null,
    metadata jsonb not null,
    created_by text,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    published_version integer,
    constraint manifest_drafts_pkey primary key (dataset_id, id),
    constraint manifest_drafts_operation_check check (operation in ('append', 'replace', 'delete', 'compact')),
    constraint manifest_drafts_schema_check check (schema_version is null or schema_fields is null),
    constraint manifest_drafts_schema_fields_check check (jsonb_typeof(schema_fields) = 'array'),
    constraint manifest_drafts_expected_version_check check (expected_version >= 0),
    constraint manifest_drafts_counts_check check (added_count >= 0 and removed_count >= 0),
    constraint manifest_drafts_summary_check check (jsonb_typeof(summary) = 'object'),
    constraint manifest_drafts_metadata_check check (jsonb_typeof(metadata) = 'object'),
    constraint manifest_drafts_dataset_fkey foreign key (dataset_id) references datasets (id),
    constraint manifest_drafts_schema_version_fkey foreign key (dataset_id, schema_version)
        references schema_versions (dataset_id, version),
    constraint manifest_drafts_published_fkey foreign key (dataset_id, published_version)
        references manifests (dataset_id, version)
);
create index manifest_drafts_expires_at_idx on manifest_drafts (expires_at);
create table staged_partitions (
    dataset_id uuid not null,
    draft_id uuid not null,
    id uuid not null,
    skip_duplicate boolean not null,
    storage_target_id uuid not null,
    file_path text collate \"C\" not null,
    file_format text not null,
    file_size_bytes bigint not null,
    row_count bigint not null,
    start_time timestamptz not null,
    end_time timestamptz not null,
    span_class smallint not null,
    partition_key jsonb not null,
    checksum text,
    column_statistics jsonb,
    bloom_filters jsonb,
    ingestion_signature text collate \"C\",
    metadata jsonb not null,
    constraint staged_partitions_pkey primary key (dataset_id, draft_id, id),
    constraint staged_partitions_path_key unique (dataset_id, draft_id, storage_target_id, file_path),
    constraint staged_partitions_signature_key unique (dataset_id, draft_id, ingestion_signature),
    constraint staged_partitions_file_path_check check (file_path <> ''),
    constraint staged_partitions_file_format_check check (file_format in ('duckdb', 'parquet')),
    constraint staged_partitions_file_size_bytes_check check (file_size_bytes >= 0),
    constraint staged_partitions_row_count_check check (row_count >= 0),
    constraint staged_partitions_time_check check (start_time <= end_time),
    constraint staged_partitions_span_class_check check (span_class between 0 and 62),
    constraint staged_partitions_draft_fkey foreign key (dataset_id, draft_id)
        references manifest_drafts (dataset_id, id) on delete cascade,
    constraint staged_partitions_storage_target_fkey foreign key (storage_target_id) references storage_targets (id)
);
create table staged_removals (
    dataset_id uuid not null,
    draft_id uuid not null,
    partition_id uuid not null,
    constraint staged_removals_pkey primary key (dataset_id, draft_id, partition_id),
    constraint staged_removals_draft_fkey foreign key (dataset_id, draft_id)
        references manifest_drafts (dataset_id, id) on delete cascade,
    constraint staged_removals_partition_fkey foreign key (dataset_id, partition_id)
        references partitions (dataset_id, id)
);
";
