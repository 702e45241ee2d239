//! Who may see the deletion of a dataset, and API tokens.

use super::Step;

pub(super) const STEP: Step = Step {
    name: "m20261127_000011_identity",
    up: &[UP],
    down: &["drop table api_tokens;
drop index changes_deleted_idx;
alter table changes drop column write_scopes;
alter table changes drop column read_scopes;
"],
};

// Who may see what happened to a dataset that is gone is told by its deletion.
const UP: &str = "
alter table changes add column read_scopes jsonb;
alter table changes add column write_scopes jsonb;
create index changes_deleted_idx on changes (dataset_id) where kind = 'dataset_deleted';
create table api_tokens (
    id uuid not null,
    name text not null,
    hash text collate \"C\" not null,
    scopes jsonb not null,
    created_by text,
    created_at timestamptz not null,
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_by text,
    revoked_at timestamptz,
    constraint api_tokens_pkey primary key (id),
    constraint api_tokens_hash_key unique (hash),
    constraint api_tokens_scopes_check check (jsonb_typeof(scopes) = 'array')
);
create index api_tokens_created_idx on api_tokens (created_at, id);
";
