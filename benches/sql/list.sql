-- A page of fifty datasets, each with its latest schema version, its current manifest and its retention policy.
\set n random(1, :parameters) - 1
select json_build_object('datasets', json_build_object('nodes', json_agg(json_build_object(
    'slug', dataset.slug, 'name', dataset.name, 'status', upper(dataset.status),
    'lastPublishedAt', head.last_published_at,
    'schemaVersion', case when head.latest_schema_version > 0 then json_build_object('version', head.latest_schema_version) end,
    'manifest', case when manifest.version is not null then json_build_object(
        'version', manifest.version, 'operation', upper(manifest.operation), 'publishedAt', manifest.published_at,
        'partitionCount', manifest.partition_count, 'totalRows', manifest.total_rows::text,
        'totalBytes', manifest.total_bytes::text) end,
    'retentionPolicy', case when policy.dataset_id is not null then json_build_object(
        'mode', upper(policy.mode), 'maxAge', policy.max_age, 'deleteGrace', policy.delete_grace) end)
    order by dataset.slug)))
from (
    select id, slug, name, status from timestore.datasets
    where status = 'active' and slug >= 'series-' || (1000 + 50 * :n)
    order by slug limit 50
) as dataset
join timestore.dataset_heads as head on head.dataset_id = dataset.id
left join timestore.manifests as manifest on manifest.dataset_id = head.dataset_id and manifest.version = head.latest_version
left join timestore.retention_policies as policy on policy.dataset_id = dataset.id;
