//! Finds the live files of one whole partition key, where the head says what the keys of a dataset have in common.

use super::Step;

pub(super) const STEP: Step = Step {
    name: "m20261128_000023_keys",
    up: &[UP],
    down: &["drop index partitions_live_key_idx;\nalter table dataset_heads drop column key_names;\n"],
};

// By a hash, since keys may be longer than what a row of an index holds. Files without a key cost nothing. On SQLite, whose catalogs are
// small, datasets that have files already do without.
const UP: &str = "
alter table dataset_heads add column key_names jsonb;
create index partitions_live_key_idx on partitions (dataset_id, jsonb_hash_extended(partition_key, 0), span_class, start_time, id)
    where removed_version is null and partition_key <> '{}';
-- postgres
update dataset_heads as head set key_names = alike.names from (
    select dataset_id, min(names::text)::jsonb as names from (
        select distinct dataset_id, case when not exists (
            select from jsonb_each(partition_key) as entry where jsonb_typeof(entry.value) <> 'string'
        ) then coalesce((
            select jsonb_agg(name order by name collate \"C\") from jsonb_object_keys(partition_key) as name
        ), '[]') end as names
        from partitions
    ) as kind group by dataset_id having count(*) = 1
) as alike where alike.dataset_id = head.dataset_id;
";
