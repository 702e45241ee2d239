-- Publishes one file: locks the dataset's head, takes the next version from it, and writes what a publish leaves behind, which is
-- the manifest, the file, the head, an audit event and a change.
\set n random(0, 525599)
with head as (
    select head.*, dataset.slug, dataset.default_storage_target_id
    from timestore.datasets as dataset
    join timestore.dataset_heads as head on head.dataset_id = dataset.id
    where dataset.slug = :slug
    for update of head
), file as (
    select gen_random_uuid() as id, 'sql/' || gen_random_uuid() || '.parquet' as file_path,
        timestamptz '2045-01-01 UTC' + :n * interval '1 minute' as start_time,
        timestamptz '2045-01-01 UTC' + :n * interval '1 minute' + interval '59 seconds' as end_time
), manifest as (
    insert into timestore.manifests (
        dataset_id, version, operation, schema_version, parent_version, added_count, removed_count, partition_count,
        total_rows, total_bytes, start_time, end_time, summary, metadata, created_at, published_at)
    select head.dataset_id, head.latest_version + 1, 'append', nullif(head.latest_schema_version, 0),
        nullif(head.latest_version, 0), 1, 0, head.partition_count + 1, head.total_rows + 600, head.total_bytes + 1048576,
        least(head.start_time, file.start_time), greatest(head.end_time, file.end_time), '{}', '{}', now(),
        greatest(now(), head.last_published_at + interval '1 microsecond')
    from head, file
    returning *
), added as (
    insert into timestore.partitions (
        dataset_id, id, storage_target_id, file_path, file_format, file_size_bytes, row_count, start_time, end_time,
        span_class, partition_key, checksum, column_statistics, metadata, schema_version, added_version)
    select manifest.dataset_id, file.id, head.default_storage_target_id, file.file_path, 'parquet', 1048576, 600,
        file.start_time, file.end_time, 6, '{"region": "eu"}',
        lpad('9e3779b97f4a7c15', 71, '0'),
        '{"value": {"min": 0, "max": 100, "nullCount": 0, "rowCount": 600}}', '{}', manifest.schema_version,
        manifest.version
    from file, head, manifest
), advanced as (
    update timestore.dataset_heads as old
    set latest_version = manifest.version, partition_count = manifest.partition_count, total_rows = manifest.total_rows,
        total_bytes = manifest.total_bytes, start_time = manifest.start_time, end_time = manifest.end_time,
        span_classes = old.span_classes | 64, last_published_at = manifest.published_at
    from manifest where old.dataset_id = manifest.dataset_id
), trail as (
    select manifest.dataset_id, head.slug, manifest.version, manifest.published_at, jsonb_build_object(
        'slug', head.slug, 'version', manifest.version, 'operation', 'APPEND', 'schemaVersion', manifest.schema_version,
        'addedCount', 1, 'removedCount', 0, 'partitionCount', manifest.partition_count) as detail
    from manifest, head
), audited as (
    insert into timestore.audit_events (id, scopes, action, outcome, dataset_id, dataset_slug, detail, occurred_at)
    select gen_random_uuid(), '["timestore.admin"]', 'publishManifest', 'success', dataset_id, slug, detail, published_at
    from trail
), changed as (
    insert into timestore.changes (kind, dataset_id, version, payload, occurred_at)
    select 'manifest_published', dataset_id, version, detail, published_at from trail
)
select version, published_at, partition_count from manifest;
