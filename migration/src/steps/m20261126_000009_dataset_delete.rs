//! What refers to a manifest, found by it: deleting a dataset asks that of each of its manifests.
//!
//! No index says which files a version removed in the words of a foreign key's check (see the step before), and one that did would
//! be taken for the others. So PostgreSQL no longer checks that reference. Files are removed by the transaction that inserts the
//! manifest, and a manifest goes only with all that its dataset has.

use super::Step;

pub(super) const STEP: Step = Step {
    name: "m20261126_000009_dataset_delete",
    up: &[UP],
    down: &[DOWN],
};

const UP: &str = "
create index manifests_parent_idx on manifests (dataset_id, parent_version);
create index idempotency_records_manifest_idx on idempotency_records (dataset_id, version);
create index manifest_drafts_published_idx on manifest_drafts (dataset_id, published_version);
-- postgres: SQLite cannot drop a constraint; there, what was deleted is not looked at again
alter table partitions drop constraint partitions_removed_version_fkey;
";

const DOWN: &str = "
drop index manifest_drafts_published_idx;
drop index idempotency_records_manifest_idx;
drop index manifests_parent_idx;
-- postgres: SQLite has it still
alter table partitions add constraint partitions_removed_version_fkey
    foreign key (dataset_id, removed_version) references manifests (dataset_id, version);
";
