//! Storage targets, datasets, their heads and their schema versions.

use super::Step;

pub(super) const STEP: Step = Step {
    name: "m20261123_000001_datasets",
    up: &[UP],
    down: &[
        "drop table schema_versions;\ndrop table dataset_heads;\ndrop table datasets;\ndrop table storage_targets;\n",
    ],
};

const UP: &str = "
create table storage_targets (
    id uuid not null,
    name text collate \"C\" not null,
    kind text not null,
    base_uri text not null,
    description text,
    config jsonb not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint storage_targets_pkey primary key (id),
    constraint storage_targets_name_key unique (name),
    constraint storage_targets_name_check check (length(name) between 1 and 120),
    constraint storage_targets_kind_check check (kind in ('local', 's3', 'gcs', 'azure_blob', 'http')),
    constraint storage_targets_base_uri_check check (base_uri <> ''),
    constraint storage_targets_config_check check (jsonb_typeof(config) = 'object')
);
create table datasets (
    id uuid not null,
    slug text collate \"C\" not null,
    name text not null,
    description text,
    status text not null,
    write_format text not null,
    default_storage_target_id uuid,
    compatibility text not null,
    read_scopes jsonb,
    write_scopes jsonb,
    metadata jsonb not null,
    revision integer not null,
    archive_reason text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint datasets_pkey primary key (id),
    constraint datasets_slug_key unique (slug),
    constraint datasets_slug_check check (length(slug) between 3 and 120 and slug = lower(slug)),
    constraint datasets_name_check check (length(name) between 1 and 200),
    constraint datasets_status_check check (status in ('active', 'inactive')),
    constraint datasets_write_format_check check (write_format in ('duckdb', 'parquet')),
    constraint datasets_compatibility_check check (compatibility in ('additive', 'none')),
    constraint datasets_read_scopes_check check (jsonb_typeof(read_scopes) = 'array'),
    constraint datasets_write_scopes_check check (jsonb_typeof(write_scopes) = 'array'),
    constraint datasets_metadata_check check (jsonb_typeof(metadata) = 'object'),
    constraint datasets_revision_check check (revision >= 1),
    constraint datasets_default_storage_target_fkey foreign key (default_storage_target_id)
        references storage_targets (id)
);
create index datasets_default_storage_target_idx on datasets (default_storage_target_id, slug);
create table dataset_heads (
    dataset_id uuid not null,
    latest_version integer not null,
    latest_schema_version integer not null,
    partition_count integer not null,
    total_rows bigint not null,
    total_bytes bigint not null,
    start_time timestamptz,
    end_time timestamptz,
    span_classes bigint not null,
    last_published_at timestamptz,
    constraint dataset_heads_pkey primary key (dataset_id),
    constraint dataset_heads_latest_version_check check (latest_version >= 0),
    constraint dataset_heads_latest_schema_version_check check (latest_schema_version >= 0),
    constraint dataset_heads_totals_check check (partition_count >= 0 and total_rows >= 0 and total_bytes >= 0),
    constraint dataset_heads_bounds_check check (
        (partition_count = 0) = (start_time is null) and (start_time is null) = (end_time is null)
        and (start_time is null or start_time <= end_time)
    ),
    constraint dataset_heads_last_published_at_check check ((latest_version = 0) = (last_published_at is null)),
    constraint dataset_heads_dataset_fkey foreign key (dataset_id) references datasets (id)
);
-- postgres: the head is updated by every publish; free room on its page keeps those updates off the index
alter table dataset_heads set (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
create table schema_versions (
    dataset_id uuid not null,
    version integer not null,
    fields jsonb not null,
    description text,
    checksum text not null,
    created_by text,
    created_at timestamptz not null,
    constraint schema_versions_pkey primary key (dataset_id, version),
    constraint schema_versions_checksum_key unique (dataset_id, checksum),
    constraint schema_versions_version_check check (version >= 1),
    constraint schema_versions_fields_check check (jsonb_typeof(fields) = 'array'),
    constraint schema_versions_checksum_check check (length(checksum) = 64),
    constraint schema_versions_dataset_fkey foreign key (dataset_id) references datasets (id)
);
";
