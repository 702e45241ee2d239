//! How far the change feed has been cleared, so that a reader who was away for too long is told; and the feed by dataset.

use super::Step;

pub(super) const STEP: Step = Step {
    name: "m20261127_000020_cleared_changes",
    up: &[UP],
    down: &["drop index changes_dataset_idx;\ndrop table cleared_changes;\n"],
};

// One row. No change stands at its first position.
const UP: &str = "
create table cleared_changes (
    id smallint not null,
    transaction_id bigint not null,
    sequence bigint not null,
    constraint cleared_changes_pkey primary key (id),
    constraint cleared_changes_id_check check (id = 1)
);
insert into cleared_changes (id, transaction_id, sequence) values (1, 0, 0);
create index changes_dataset_idx on changes (dataset_id, transaction_id, sequence);
";
