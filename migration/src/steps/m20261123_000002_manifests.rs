//! Manifests, the partitions of their versions, and the snapshots that pin them.

use super::Step;

pub(super) const STEP: Step = Step {
    name: "m20261123_000002_manifests",
    up: &[UP],
    down: &["drop table snapshots;\ndrop table partitions;\ndrop table manifests;\n"],
};

const UP: &str = "
create table manifests (
    dataset_id uuid not null,
    version integer not null,
    operation text not null,
    schema_version integer,
    parent_version integer,
    added_count integer not null,
    removed_count integer not null,
    partition_count integer not null,
    total_rows bigint not null,
    total_bytes bigint not null,
    start_time timestamptz,
    end_time timestamptz,
    created_by text,
    summary jsonb not null,
    metadata jsonb not null,
    created_at timestamptz not null,
    published_at timestamptz not null,
    expired_at timestamptz,
    constraint manifests_pkey primary key (dataset_id, version),
    constraint manifests_published_at_key unique (dataset_id, published_at),
    constraint manifests_version_check check (version >= 1),
    constraint manifests_parent_version_check check (
        (version = 1 and parent_version is null) or (version > 1 and parent_version = version - 1)
    ),
    constraint manifests_operation_check check (
        operation in ('append', 'replace', 'delete', 'compact', 'retention', 'rollback', 'relocate')
    ),
    constraint manifests_counts_check check (added_count >= 0 and removed_count >= 0),
    constraint manifests_totals_check check (partition_count >= 0 and total_rows >= 0 and total_bytes >= 0),
    constraint manifests_bounds_check check (
        (partition_count = 0) = (start_time is null) and (start_time is null) = (end_time is null)
        and (start_time is null or start_time <= end_time)
    ),
    constraint manifests_summary_check check (jsonb_typeof(summary) = 'object'),
    constraint manifests_metadata_check check (jsonb_typeof(metadata) = 'object'),
    constraint manifests_dataset_fkey foreign key (dataset_id) references datasets (id),
    constraint manifests_schema_version_fkey foreign key (dataset_id, schema_version)
        references schema_versions (dataset_id, version),
    constraint manifests_parent_fkey foreign key (dataset_id, parent_version)
        references manifests (dataset_id, version)
);
create index manifests_schema_version_idx on manifests (dataset_id, schema_version, version);
create table partitions (
    dataset_id uuid not null,
    id uuid not null,
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
    schema_version integer,
    added_version integer not null,
    removed_version integer,
    constraint partitions_pkey primary key (dataset_id, id),
    constraint partitions_file_path_check check (file_path <> ''),
    constraint partitions_file_format_check check (file_format in ('duckdb', 'parquet')),
    constraint partitions_file_size_bytes_check check (file_size_bytes >= 0),
    constraint partitions_row_count_check check (row_count >= 0),
    constraint partitions_time_check check (start_time <= end_time),
    constraint partitions_span_class_check check (span_class between 0 and 62),
    constraint partitions_partition_key_check check (jsonb_typeof(partition_key) = 'object'),
    constraint partitions_metadata_check check (jsonb_typeof(metadata) = 'object'),
    constraint partitions_versions_check check (removed_version > added_version),
    constraint partitions_storage_target_fkey foreign key (storage_target_id) references storage_targets (id),
    constraint partitions_schema_version_fkey foreign key (dataset_id, schema_version)
        references schema_versions (dataset_id, version),
    constraint partitions_added_version_fkey foreign key (dataset_id, added_version)
        references manifests (dataset_id, version),
    constraint partitions_removed_version_fkey foreign key (dataset_id, removed_version)
        references manifests (dataset_id, version)
);
create unique index partitions_live_path_key on partitions (dataset_id, storage_target_id, file_path)
    where removed_version is null;
create unique index partitions_live_signature_key on partitions (dataset_id, ingestion_signature)
    where removed_version is null and ingestion_signature is not null;
create index partitions_live_window_idx on partitions (dataset_id, span_class, start_time, id)
    where removed_version is null;
create index partitions_removed_window_idx on partitions (dataset_id, span_class, start_time, id)
    where removed_version is not null;
create index partitions_removed_path_idx on partitions (dataset_id, storage_target_id, file_path)
    where removed_version is not null;
create index partitions_added_idx on partitions (dataset_id, added_version, start_time, id);
create index partitions_removed_idx on partitions (dataset_id, removed_version, start_time, id)
    where removed_version is not null;
create table snapshots (
    dataset_id uuid not null,
    id uuid not null,
    name text collate \"C\" not null,
    version integer not null,
    description text,
    created_by text,
    created_at timestamptz not null,
    expires_at timestamptz,
    constraint snapshots_pkey primary key (dataset_id, id),
    constraint snapshots_name_key unique (dataset_id, name),
    constraint snapshots_name_check check (length(name) between 1 and 120),
    constraint snapshots_manifest_fkey foreign key (dataset_id, version) references manifests (dataset_id, version)
);
create index snapshots_version_idx on snapshots (dataset_id, version);
";
