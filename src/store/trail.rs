//! The trail of a mutation: its audit event and its change-feed row, both written in its transaction, or neither.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{DatabaseTransaction, DbErr, EntityTrait};
use serde_json::{Value as Json, json};
use timestore_entity::enums::{AuditOutcome, ChangeKind};
use timestore_entity::ids::AuditEventId;
use timestore_entity::{Timestamp, audit_event, change, dataset};

use super::Store;
use crate::auth::Requester;

/// What a mutation did.
pub(super) struct Trail<'a> {
    /// The mutation, by its name in the API.
    pub(super) action: &'static str,
    /// How the change feed calls it.
    pub(super) kind: ChangeKind,
    /// The dataset that it was about.
    pub(super) dataset: Option<&'a dataset::Model>,
    /// The version that it published.
    pub(super) version: Option<i32>,
    /// What it was in particular; no secrets.
    pub(super) detail: Json,
}

impl Store {
    /// Writes the trail of a mutation by `by` at `now`.
    pub(super) async fn trail_in_txn(
        &self,
        transaction: &DatabaseTransaction,
        by: &Requester,
        now: Timestamp,
        trail: Trail<'_>,
    ) -> Result<(), DbErr> {
        let Trail {
            action,
            kind,
            dataset,
            version,
            detail,
        } = trail;
        self.audit_row_in_txn(transaction, by, now, action, dataset, detail.clone())
            .await?;
        let change = change::ActiveModel {
            sequence: NotSet,
            transaction_id: NotSet,
            kind: Set(kind),
            dataset_id: Set(dataset.map(|dataset| dataset.id)),
            version: Set(version),
            payload: Set(detail),
            occurred_at: Set(now),
        };
        change::Entity::insert(change)
            .exec_without_returning(transaction)
            .await?;
        Ok(())
    }

    /// Writes the audit event of a mutation that readers of the change feed need not know of: a draft is nobody's but its
    /// author's until it is published.
    pub(super) async fn audit_in_txn(
        &self,
        transaction: &DatabaseTransaction,
        by: &Requester,
        now: Timestamp,
        action: &'static str,
        dataset: &dataset::Model,
        detail: Json,
    ) -> Result<(), DbErr> {
        self.audit_row_in_txn(transaction, by, now, action, Some(dataset), detail)
            .await
    }

    async fn audit_row_in_txn(
        &self,
        transaction: &DatabaseTransaction,
        by: &Requester,
        now: Timestamp,
        action: &'static str,
        dataset: Option<&dataset::Model>,
        detail: Json,
    ) -> Result<(), DbErr> {
        let event = audit_event::ActiveModel {
            id: Set(AuditEventId(self.clock.id())),
            actor: Set(by.subject.clone()),
            scopes: Set(json!(by.scopes)),
            action: Set(action.to_owned()),
            outcome: Set(AuditOutcome::Success),
            dataset_id: Set(dataset.map(|dataset| dataset.id)),
            dataset_slug: Set(dataset.map(|dataset| dataset.slug.clone())),
            detail: Set(detail),
            occurred_at: Set(now),
        };
        audit_event::Entity::insert(event)
            .exec_without_returning(transaction)
            .await?;
        Ok(())
    }
}
