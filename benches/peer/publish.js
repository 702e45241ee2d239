// A publish: one transaction that locks the dataset's head, then writes everything in one statement.

import { randomFillSync } from "node:crypto";
import { pool, prepared } from "./database.js";

const lockHead = prepared(
  "lock_head",
  `select h.*, d.slug, d.default_storage_target_id from timestore.datasets d
   join timestore.dataset_heads h on h.dataset_id = d.id where d.slug = $1 for update of h`,
);

const targetsByName = prepared("targets_by_name", `select id, name from timestore.storage_targets where name = any($1)`);

const write = prepared(
  "publish",
  `with file as (
     select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::timestamptz[],
       $8::timestamptz[], $9::smallint[], $10::jsonb[], $11::text[], $12::jsonb[]) as f (id, storage_target_id, file_path,
       file_format, file_size_bytes, row_count, start_time, end_time, span_class, partition_key, checksum, column_statistics)
   ), manifest as (
     insert into timestore.manifests (dataset_id, version, operation, schema_version, parent_version, added_count,
       removed_count, partition_count, total_rows, total_bytes, start_time, end_time, summary, metadata, created_at, published_at)
     select h.dataset_id, h.latest_version + 1, 'append', nullif(h.latest_schema_version, 0), nullif(h.latest_version, 0),
       s.files, 0, h.partition_count + s.files, h.total_rows + s.rows, h.total_bytes + s.bytes,
       least(h.start_time, s.start_time), greatest(h.end_time, s.end_time), '{}', '{}', now(),
       greatest(now(), h.last_published_at + interval '1 microsecond')
     from timestore.dataset_heads h, (
       select count(*)::int as files, sum(row_count)::bigint as rows, sum(file_size_bytes)::bigint as bytes,
         min(start_time) as start_time, max(end_time) as end_time from file) s
     where h.dataset_id = $13
     returning *
   ), added as (
     insert into timestore.partitions (dataset_id, id, storage_target_id, file_path, file_format, file_size_bytes, row_count,
       start_time, end_time, span_class, partition_key, checksum, column_statistics, metadata, schema_version, added_version)
     select m.dataset_id, f.id, f.storage_target_id, f.file_path, f.file_format, f.file_size_bytes, f.row_count,
       f.start_time, f.end_time, f.span_class, f.partition_key, f.checksum, f.column_statistics, '{}', m.schema_version, m.version
     from file f, manifest m
   ), head as (
     update timestore.dataset_heads h set latest_version = m.version, partition_count = m.partition_count,
       total_rows = m.total_rows, total_bytes = m.total_bytes, start_time = m.start_time, end_time = m.end_time,
       span_classes = h.span_classes | $14::bigint, last_published_at = m.published_at
     from manifest m where h.dataset_id = m.dataset_id
   ), detail as (
     select jsonb_build_object('slug', $15::text, 'version', version, 'operation', 'APPEND', 'schemaVersion', schema_version,
       'addedCount', added_count, 'removedCount', 0, 'partitionCount', partition_count) as detail from manifest
   ), audit as (
     insert into timestore.audit_events (id, scopes, action, outcome, dataset_id, dataset_slug, detail, occurred_at)
     select $16, '["timestore:admin"]', 'publishManifest', 'success', m.dataset_id, $15, d.detail, m.published_at
     from manifest m, detail d
   ), change as (
     insert into timestore.changes (kind, dataset_id, version, payload, occurred_at)
     select 'manifest_published', m.dataset_id, m.version, d.detail, m.published_at from manifest m, detail d
   )
   select dataset_id, version, operation, published_at as "publishedAt", partition_count as "partitionCount",
     total_rows as "totalRows", total_bytes as "totalBytes" from manifest`,
);

export async function publish({ dataset, add }) {
  const client = await pool.connect();
  try {
    await client.query("begin");
    const [head] = await lockHead([dataset.slug], client);
    if (!head) throw new Error("no such dataset");
    const named = [...new Set(add.map((file) => file.storageTarget?.name).filter(Boolean))];
    const targets = named.length ? await targetsByName([named], client) : [];
    const [manifest] = await write(values(add, head, new Map(targets.map((row) => [row.name, row.id]))), client);
    await client.query("commit");
    return { manifest, userErrors: [] };
  } catch (error) {
    await client.query("rollback");
    throw error;
  } finally {
    client.release();
  }
}

function values(add, head, targets) {
  const classes = add.map((file) => spanClass(file.startTime, file.endTime));
  const json = (value) => value && JSON.stringify(value);
  return [
    add.map(() => uuid7()),
    add.map((file) => targets.get(file.storageTarget?.name) ?? head.default_storage_target_id),
    add.map((file) => file.filePath),
    add.map((file) => file.fileFormat ?? "parquet"),
    add.map((file) => file.fileSizeBytes),
    add.map((file) => file.rowCount),
    add.map((file) => file.startTime),
    add.map((file) => file.endTime),
    classes,
    add.map((file) => json(file.partitionKey) ?? "{}"),
    add.map((file) => file.checksum),
    add.map((file) => json(file.columnStatistics)),
    head.dataset_id,
    classes.reduce((bits, c) => bits | (1n << BigInt(c)), 0n).toString(),
    head.slug,
    uuid7(),
  ];
}

// The smallest c with end - start <= 2^c seconds.
function spanClass(start, end) {
  const seconds = Math.ceil((Date.parse(end) - Date.parse(start)) / 1000);
  return seconds <= 1 ? 0 : 32 - Math.clz32(seconds - 1);
}

const random = Buffer.alloc(16 * 256);
let used = random.length;

function uuid7() {
  if (used === random.length) {
    randomFillSync(random);
    used = 0;
  }
  const id = random.subarray(used, (used += 16));
  id.writeUIntBE(Date.now(), 0, 6);
  id[6] = (id[6] & 0x0f) | 0x70;
  id[8] = (id[8] & 0x3f) | 0x80;
  const hex = id.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
