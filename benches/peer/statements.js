// One statement a level, whatever the number of parents: keys are bound as arrays, pages are lateral joins.

import { prepared } from "./database.js";

const dataset = `
  select d.id, d.slug, d.name, d.status, d.default_storage_target_id, h.latest_version, h.latest_schema_version,
    h.last_published_at as "lastPublishedAt"
  from timestore.datasets d join timestore.dataset_heads h on h.dataset_id = d.id`;

export const datasetBySlug = prepared("dataset_by_slug", `${dataset} where d.slug = $1`);

export const datasetsAfter = prepared(
  "datasets_after",
  `${dataset} where d.status = 'active' and d.slug > $1 order by d.slug limit $2`,
);

export const targets = prepared(
  "targets",
  `select id, name, kind, base_uri as "baseUri" from timestore.storage_targets where id = any($1)`,
);

export const policies = prepared(
  "policies",
  `select dataset_id, mode, max_age as "maxAge", delete_grace as "deleteGrace"
   from timestore.retention_policies where dataset_id = any($1)`,
);

const manifest = `m.dataset_id, m.version, m.operation, m.published_at as "publishedAt",
  m.partition_count as "partitionCount", m.total_rows as "totalRows", m.total_bytes as "totalBytes"`;

export const manifests = prepared(
  "manifests",
  `select ${manifest} from unnest($1::uuid[], $2::int[]) k (dataset_id, version)
   join timestore.manifests m on m.dataset_id = k.dataset_id and m.version = k.version`,
);

export const schemaVersions = prepared(
  "schema_versions",
  `select s.dataset_id, s.version, s.fields from unnest($1::uuid[]) k (dataset_id)
   cross join lateral (
     select dataset_id, version, fields from timestore.schema_versions
     where dataset_id = k.dataset_id order by version desc limit $2) s`,
);

export const manifestsOfSchema = prepared(
  "manifests_of_schema",
  `select k.version as schema_version, ${manifest} from unnest($1::uuid[], $2::int[]) k (dataset_id, version)
   cross join lateral (
     select * from timestore.manifests
     where dataset_id = k.dataset_id and schema_version = k.version order by version desc limit $3) m`,
);

// Files lie in an index by span class and start time: see benches/sql/window.sql.
function partitionPages(name, removed, live = [removed]) {
  const branch = (visible, conditions) => `
    (select * from timestore.partitions
     where dataset_id = k.dataset_id and span_class = class and ${visible} and added_version <= k.version ${conditions}
     order by start_time, id limit $3)`;
  return prepared(
    name,
    `select k.dataset_id, k.version, p.file_path as "filePath", p.file_format as "fileFormat",
       p.file_size_bytes as "fileSizeBytes", p.row_count as "rowCount", p.start_time as "startTime",
       p.end_time as "endTime", p.partition_key as "partitionKey", p.checksum, p.storage_target_id
     from unnest($1::uuid[], $2::int[]) k (dataset_id, version)
     join timestore.dataset_heads h on h.dataset_id = k.dataset_id
     cross join lateral (
       select v.* from generate_series(0, 39) class cross join lateral (
         ${live.map((conditions) => branch("removed_version is null", conditions)).join(" union all ")}
         union all
         ${branch("removed_version <> 0 and removed_version > k.version and h.latest_version > k.version", removed)}
       ) v
       where h.span_classes >> class & 1 = 1
       order by v.start_time, v.id limit $3
     ) p
     order by p.start_time, p.id`,
  );
}

const window = `
  and start_time >= $4::timestamptz - (1::bigint << class) * interval '1 second'
  and start_time <= $5::timestamptz and end_time >= $4::timestamptz`;
const key = `
  and (partition_key -> $6 = $7::jsonb or jsonb_typeof(partition_key -> $6) is distinct from jsonb_typeof($7::jsonb))`;
// Where all files have texts of that name and no others, an index finds them by their whole key.
const isWhole = "h.key_names = jsonb_build_array($6::text) and jsonb_typeof($7::jsonb) = 'string'";
const wholeKey = `
  and ${isWhole} and partition_key = jsonb_build_object($6::text, $7::jsonb) and partition_key <> '{}'
  and jsonb_hash_extended(partition_key, 0) = jsonb_hash_extended(jsonb_build_object($6::text, $7::jsonb), 0)`;

export const firstPartitions = partitionPages("first_partitions", "");
export const windowPartitions = partitionPages("window_partitions", window);
export const keyedPartitions = partitionPages("keyed_partitions", window + key, [
  window + wholeKey,
  `${window + key} and (${isWhole}) is not true`,
]);
