//! The columns of what is read most. Where a struct gets a column, it is missed here when the project is built.

use timestore_entity::dataset::Model as Dataset;
use timestore_entity::dataset_head::Model as DatasetHead;
use timestore_entity::manifest::Model as Manifest;
use timestore_entity::manifest_draft::Model as ManifestDraft;
use timestore_entity::partition::Model as Partition;
use timestore_entity::retention_policy::Model as RetentionPolicy;
use timestore_entity::schema_version::Model as SchemaVersion;
use timestore_entity::snapshot::Model as Snapshot;
use timestore_entity::storage_target::Model as StorageTarget;

use super::backend::by_place;

by_place!(StorageTarget {
    id,
    name,
    kind,
    base_uri,
    description,
    config,
    created_at,
    updated_at,
    place,
});

by_place!(Dataset {
    id,
    slug,
    name,
    description,
    status,
    write_format,
    default_storage_target_id,
    compatibility,
    read_scopes,
    write_scopes,
    metadata,
    revision,
    archive_reason,
    created_at,
    updated_at,
} always id, slug, read_scopes, write_scopes);

by_place!(DatasetHead {
    dataset_id,
    latest_version,
    latest_schema_version,
    partition_count,
    total_rows,
    total_bytes,
    start_time,
    end_time,
    span_classes,
    last_published_at,
    history_revision,
    key_names,
} always latest_version, latest_schema_version, history_revision);

by_place!(SchemaVersion {
    dataset_id,
    version,
    fields,
    description,
    checksum,
    created_by,
    created_at,
} always version);

by_place!(Manifest {
    dataset_id,
    version,
    operation,
    schema_version,
    parent_version,
    added_count,
    removed_count,
    partition_count,
    total_rows,
    total_bytes,
    start_time,
    end_time,
    created_by,
    summary,
    metadata,
    created_at,
    published_at,
    expired_at,
    swept_at,
    changed_start_time,
    changed_end_time,
} always version, partition_count, expired_at);

by_place!(ManifestDraft {
    dataset_id,
    id,
    operation,
    schema_version,
    schema_fields,
    expected_version,
    added_count,
    removed_count,
    summary,
    metadata,
    created_by,
    created_at,
    expires_at,
    published_version,
});

by_place!(Snapshot {
    dataset_id,
    id,
    name,
    version,
    description,
    created_by,
    created_at,
    expires_at,
});

by_place!(RetentionPolicy {
    dataset_id,
    mode,
    max_age,
    max_total_bytes,
    keep_versions,
    max_version_age,
    delete_grace,
    cold_storage_after,
    cold_storage_target_id,
    metadata,
    revision,
    updated_at,
    updated_by,
} always mode);

by_place!(Partition {
    dataset_id,
    id,
    storage_target_id,
    file_path,
    file_format,
    file_size_bytes,
    row_count,
    start_time,
    end_time,
    span_class,
    checksum,
    ingestion_signature,
    schema_version,
    added_version,
    removed_version,
    partition_key,
    column_statistics,
    bloom_filters,
    metadata,
} always id, start_time);
