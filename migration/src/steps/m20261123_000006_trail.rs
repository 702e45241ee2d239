//! The audit trail and the change feed.

use super::Step;

pub(super) const STEP: Step = Step {
    name: "m20261123_000006_trail",
    up: &[UP],
    down: &["drop table changes;\ndrop table audit_events;\n"],
};

// Neither table has a foreign key: the trail of a dataset outlives it.
const UP: &str = "
create table audit_events (
    id uuid not null,
    actor text,
    scopes jsonb not null,
    action text not null,
    outcome text not null,
    dataset_id uuid,
    dataset_slug text,
    detail jsonb not null,
    occurred_at timestamptz not null,
    constraint audit_events_pkey primary key (id),
    constraint audit_events_scopes_check check (jsonb_typeof(scopes) = 'array'),
    constraint audit_events_action_check check (action <> ''),
    constraint audit_events_outcome_check check (outcome in ('success', 'refused')),
    constraint audit_events_detail_check check (jsonb_typeof(detail) = 'object')
);
create index audit_events_occurred_at_idx on audit_events (occurred_at, id);
create index audit_events_dataset_idx on audit_events (dataset_id, occurred_at, id);
create table changes (
    sequence bigint generated always as identity primary key,
    transaction_id bigint not null default (pg_current_xact_id()::text::bigint),
    kind text not null,
    dataset_id uuid,
    version integer,
    payload jsonb not null,
    occurred_at timestamptz not null,
    constraint changes_kind_check check (kind <> ''),
    constraint changes_payload_check check (jsonb_typeof(payload) = 'object')
);
create index changes_commit_order_idx on changes (transaction_id, sequence);
";
