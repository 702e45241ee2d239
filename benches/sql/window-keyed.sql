-- The files of one value of the partition key, at most a thousand: see window.sql.
--
-- A file without the key, or with a value of another type, could hold rows of any: that there is none is what the head says.
\set n random(1, :parameters) - 1
select json_build_object('dataset', json_build_object('manifest', json_build_object('partitions', json_build_object(
    'resolvedVersion', head.latest_version, 'nodes', files.nodes))))
from timestore.datasets as dataset
join timestore.dataset_heads as head on head.dataset_id = dataset.id
cross join (select timestamptz '2020-01-01 UTC' as "from") as start
cross join lateral (
    select coalesce(json_agg(json_build_object(
        'filePath', file.file_path, 'fileFormat', upper(file.file_format),
        'fileSizeBytes', file.file_size_bytes::text, 'rowCount', file.row_count::text,
        'startTime', file.start_time, 'endTime', file.end_time, 'checksum', file.checksum,
        'storageTarget', json_build_object('baseUri', place.base_uri))
        order by file.start_time, file.id), '[]') as nodes
    from (
        select visible.* from generate_series(0, 39) as class
        cross join lateral (
            select * from timestore.partitions
            where dataset_id = dataset.id and span_class = class and removed_version is null
              and start_time >= start."from" - (1::bigint << class) * interval '1 second'
              and start_time <= start."from" + :span * interval '1 second'
              and end_time >= start."from"
              and jsonb_hash_extended(partition_key, 0) = jsonb_hash_extended(jsonb_build_object('series', 's' || :n), 0)
              and partition_key = jsonb_build_object('series', 's' || :n) and partition_key <> '{}'
            order by start_time, id limit 1000
        ) as visible
        where head.span_classes >> class & 1 = 1
        order by start_time, id limit 1000
    ) as file
    join timestore.storage_targets as place on place.id = file.storage_target_id
) as files
where dataset.slug = :slug and head.key_names = '["series"]';
