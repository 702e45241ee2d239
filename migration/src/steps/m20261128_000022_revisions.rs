//! What tells a reader that what it remembers is still so: how often versions of a dataset have expired, beside how many there are in
//! its head; and how often a storage target was changed.

use super::Step;

pub(super) const STEP: Step = Step {
    name: "m20261128_000022_revisions",
    up: &[UP],
    down: &["drop table storage_revisions;\nalter table dataset_heads drop column history_revision;\n"],
};

// One row, which whoever changes a storage target holds until that is committed: a higher revision never shows before a lower one.
const UP: &str = "
alter table dataset_heads add column history_revision integer not null default 0;
create table storage_revisions (
    id smallint not null,
    revision bigint not null,
    constraint storage_revisions_pkey primary key (id),
    constraint storage_revisions_id_check check (id = 1)
);
insert into storage_revisions (id, revision) values (1, 0);
";
