//! What PostgreSQL assumes of a dataset that it knows nothing of in particular: that it is large.
//!
//! Plans are made for all datasets alike. Where most are small, the average one has so few rows that reading all of them looks as good
//! as following the right index, which for the large ones takes as long as they have rows. Following the index costs a small one
//! nothing.

use super::Step;

pub(super) const STEP: Step = Step {
    name: "m20261127_000021_statistics",
    up: &[UP],
    down: &[DOWN],
};

// A dataset has a hundredth of the rows. What is assumed counts from the next time that statistics are gathered. Those of an empty table
// would say that reading all of it costs nothing, and plans would be kept for longer than that is true.
const UP: &str = "
-- postgres
alter table partitions alter column dataset_id set (n_distinct = 100);
-- postgres
alter table manifests alter column dataset_id set (n_distinct = 100);
-- postgres
alter table schema_versions alter column dataset_id set (n_distinct = 100);
-- postgres
alter table snapshots alter column dataset_id set (n_distinct = 100);
-- postgres
alter table staged_partitions alter column dataset_id set (n_distinct = 100);
-- postgres
alter table staged_removals alter column dataset_id set (n_distinct = 100);
-- postgres
alter table file_removals alter column dataset_id set (n_distinct = 100);
-- postgres
alter table audit_events alter column dataset_id set (n_distinct = 100);
-- postgres
do $$ begin if exists (select from partitions) then analyze partitions, manifests, schema_versions, snapshots, staged_partitions, staged_removals, file_removals, audit_events; end if; end $$;
";

const DOWN: &str = "
-- postgres
alter table partitions alter column dataset_id reset (n_distinct);
-- postgres
alter table manifests alter column dataset_id reset (n_distinct);
-- postgres
alter table schema_versions alter column dataset_id reset (n_distinct);
-- postgres
alter table snapshots alter column dataset_id reset (n_distinct);
-- postgres
alter table staged_partitions alter column dataset_id reset (n_distinct);
-- postgres
alter table staged_removals alter column dataset_id reset (n_distinct);
-- postgres
alter table file_removals alter column dataset_id reset (n_distinct);
-- postgres
alter table audit_events alter column dataset_id reset (n_distinct);
";
