-- A dataset by slug, its latest three schema versions, the latest five manifests of each, the first twenty files of each of those.
--
-- The files of a version come from an index by span class and start time. The classes that the dataset uses are read from its
-- head, so that each is one ordered range scan, limited by itself. Of removed files only those are read that the version still had.
\set n random(1, :parameters) - 1
select json_build_object('dataset', json_build_object(
    'slug', dataset.slug, 'name', dataset.name, 'status', upper(dataset.status),
    'retentionPolicy', case when policy.dataset_id is not null then json_build_object(
        'mode', upper(policy.mode), 'maxAge', policy.max_age, 'deleteGrace', policy.delete_grace) end,
    'defaultStorageTarget', case when target.id is not null then json_build_object(
        'name', target.name, 'kind', upper(target.kind), 'baseUri', target.base_uri) end,
    'schemaVersions', json_build_object('nodes', schemas.nodes)))
from timestore.datasets as dataset
join timestore.dataset_heads as head on head.dataset_id = dataset.id
left join timestore.retention_policies as policy on policy.dataset_id = dataset.id
left join timestore.storage_targets as target on target.id = dataset.default_storage_target_id
cross join lateral (
    select coalesce(json_agg(json_build_object(
        'version', schema.version, 'fields', fields.list,
        'manifests', json_build_object('nodes', manifests.nodes)) order by schema.version desc), '[]') as nodes
    from (
        select version, fields from timestore.schema_versions
        where dataset_id = dataset.id order by version desc limit 3
    ) as schema
    cross join lateral (
        select json_agg(json_build_object(
            'name', field ->> 'name', 'type', upper(field ->> 'type'), 'nullable', field -> 'nullable',
            'unit', field ->> 'unit')) as list
        from jsonb_array_elements(schema.fields) as field
    ) as fields
    cross join lateral (
        select coalesce(json_agg(json_build_object(
            'version', manifest.version, 'operation', upper(manifest.operation), 'publishedAt', manifest.published_at,
            'partitionCount', manifest.partition_count, 'totalRows', manifest.total_rows::text,
            'totalBytes', manifest.total_bytes::text,
            'partitions', json_build_object('nodes', files.nodes)) order by manifest.version desc), '[]') as nodes
        from (
            select version, operation, published_at, partition_count, total_rows, total_bytes from timestore.manifests
            where dataset_id = dataset.id and schema_version = schema.version order by version desc limit 5
        ) as manifest
        cross join lateral (
            select coalesce(json_agg(json_build_object(
                'filePath', file.file_path, 'fileFormat', upper(file.file_format),
                'fileSizeBytes', file.file_size_bytes::text, 'rowCount', file.row_count::text,
                'startTime', file.start_time, 'endTime', file.end_time, 'partitionKey', file.partition_key,
                'checksum', file.checksum, 'storageTarget', json_build_object('name', place.name))
                order by file.start_time, file.id), '[]') as nodes
            from (
                select visible.* from generate_series(0, 39) as class
                cross join lateral (
                    (select * from timestore.partitions
                     where dataset_id = dataset.id and span_class = class and removed_version is null
                       and added_version <= manifest.version
                     order by start_time, id limit 20)
                    union all
                    (select * from timestore.partitions
                     where dataset_id = dataset.id and span_class = class and removed_version <> 0
                       and removed_version > manifest.version and head.latest_version > manifest.version
                       and added_version <= manifest.version
                     order by start_time, id limit 20)
                ) as visible
                where head.span_classes >> class & 1 = 1
                order by start_time, id limit 20
            ) as file
            join timestore.storage_targets as place on place.id = file.storage_target_id
        ) as files
    ) as manifests
) as schemas
where dataset.slug = 'series-' || (1000 + :n);
