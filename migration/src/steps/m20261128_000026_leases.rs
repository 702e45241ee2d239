//! Whether the catalog is deleting files now, found without a look at all that it will delete.
//!
//! The predicate names the owner of a lease: whoever looks for the lease of one path names its id, and means another index.

use super::Step;

pub(super) const STEP: Step = Step {
    name: "m20261128_000026_leases",
    up: &[
        "create index file_removals_leased_idx on file_removals (dataset_id, partition_id) \
         where lease_owner is not null and done_at is null and dead_at is null;\n",
    ],
    down: &["drop index file_removals_leased_idx;\n"],
};
