//! Each of the three indexes of removed files gets a predicate of its own, so that a query says which of them it means.
//!
//! Until PostgreSQL has seen removed files in its statistics, it takes all three to hold next to nothing, and whichever it picks
//! to be as good as any: after the first large retention, looking up ten thousand paths read the whole of another index for each.
//!
//! Dead letters, which are few, get an index too, so that an operator finds them among all that was settled.

use super::Step;

pub(super) const STEP: Step = Step {
    name: "m20261126_000008_removal_indexes",
    up: &[UP],
    down: &[DOWN],
};

const UP: &str = "
drop index partitions_removed_window_idx;
drop index partitions_removed_idx;
create index partitions_removed_window_idx on partitions (dataset_id, span_class, start_time, id)
    where removed_version <> 0;
create index partitions_removed_idx on partitions (dataset_id, removed_version, start_time, id)
    where removed_version > 0;
create index file_removals_dead_idx on file_removals (dataset_id, partition_id) where dead_at is not null;
";

const DOWN: &str = "
drop index file_removals_dead_idx;
drop index partitions_removed_window_idx;
drop index partitions_removed_idx;
create index partitions_removed_window_idx on partitions (dataset_id, span_class, start_time, id)
    where removed_version is not null;
create index partitions_removed_idx on partitions (dataset_id, removed_version, start_time, id)
    where removed_version is not null;
";
