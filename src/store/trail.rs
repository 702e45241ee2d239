//! The trail of a mutation: its audit event and its change-feed row, both written in its transaction, or neither.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::EntityTrait;
use serde_json::{Value as Json, json};
use timestore_entity::enums::{AuditOutcome, ChangeKind};
use timestore_entity::ids::{AuditEventId, DatasetId};
use timestore_entity::{Timestamp, audit_event, change, dataset};

use super::backend::{Batch, Transaction};
use super::{Result, Store};
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

/// What a mutation did to a dataset that may be gone by now.
pub(super) struct Gone {
    /// The mutation, by its name in the API.
    pub(super) action: &'static str,
    /// How the change feed calls it; none where its readers need not know.
    pub(super) kind: Option<ChangeKind>,
    /// The dataset.
    pub(super) dataset: DatasetId,
    /// Its slug, where it is still there.
    pub(super) slug: Option<String>,
    /// What it was in particular; no secrets.
    pub(super) detail: Json,
}

impl Store {
    /// Writes the trail of a mutation by `by` at `now`.
    pub(super) async fn trail_in_txn(
        &self,
        transaction: &Transaction,
        by: &Requester,
        now: Timestamp,
        trail: Trail<'_>,
    ) -> Result<()> {
        let mut batch = Batch::new(transaction);
        self.add_trail(&mut batch, by, now, trail);
        batch.run(transaction).await
    }

    /// Adds the trail of a mutation by `by` at `now` to what else it writes.
    pub(super) fn add_trail(&self, batch: &mut Batch, by: &Requester, now: Timestamp, trail: Trail<'_>) {
        let Trail {
            action,
            kind,
            dataset,
            version,
            detail,
        } = trail;
        let about = dataset.map(|dataset| (dataset.id, Some(dataset.slug.clone())));
        let event = self.audit_row(by, now, action, about, detail.clone());
        let mut change = change_row(now, kind, dataset.map(|dataset| dataset.id), version, detail);
        if let Some(dataset) = dataset.filter(|_| kind == ChangeKind::DatasetDeleted) {
            // Nothing else will tell who may know of it.
            change.read_scopes = Set(dataset.read_scopes.clone());
            change.write_scopes = Set(dataset.write_scopes.clone());
        }
        batch.one("the audit event", &audit_event::Entity::insert(event));
        batch.one("the change", &change::Entity::insert(change));
    }

    /// Writes the trail of a mutation of what is left of a dataset.
    pub(super) async fn trail_of_gone_in_txn(
        &self,
        transaction: &Transaction,
        by: &Requester,
        now: Timestamp,
        gone: Gone,
    ) -> Result<()> {
        let Gone {
            action,
            kind,
            dataset,
            slug,
            detail,
        } = gone;
        let event = self.audit_row(by, now, action, Some((dataset, slug)), detail.clone());
        let mut batch = Batch::new(transaction);
        batch.one("the audit event", &audit_event::Entity::insert(event));
        if let Some(kind) = kind {
            let change = change_row(now, kind, Some(dataset), None, detail);
            batch.one("the change", &change::Entity::insert(change));
        }
        batch.run(transaction).await
    }

    /// Writes the audit event of a mutation that is about no dataset in particular, and that readers of the change feed need not
    /// know of.
    pub(super) async fn audit_of_all_in_txn(
        &self,
        transaction: &Transaction,
        by: &Requester,
        now: Timestamp,
        action: &'static str,
        detail: Json,
    ) -> Result<()> {
        let event = self.audit_row(by, now, action, None, detail);
        audit_event::Entity::insert(event)
            .exec_without_returning(transaction)
            .await?;
        Ok(())
    }

    /// Writes the audit event of a mutation that readers of the change feed need not know of: a draft is nobody's but its
    /// author's until it is published.
    pub(super) async fn audit_in_txn(
        &self,
        transaction: &Transaction,
        by: &Requester,
        now: Timestamp,
        action: &'static str,
        dataset: &dataset::Model,
        detail: Json,
    ) -> Result<()> {
        let about = Some((dataset.id, Some(dataset.slug.clone())));
        let event = self.audit_row(by, now, action, about, detail);
        audit_event::Entity::insert(event)
            .exec_without_returning(transaction)
            .await?;
        Ok(())
    }

    fn audit_row(
        &self,
        by: &Requester,
        now: Timestamp,
        action: &'static str,
        about: Option<(DatasetId, Option<String>)>,
        detail: Json,
    ) -> audit_event::ActiveModel {
        let (dataset, slug) = about.unzip();
        audit_event::ActiveModel {
            id: Set(AuditEventId(self.clock.id())),
            actor: Set(by.subject.clone()),
            scopes: Set(json!(by.scopes)),
            action: Set(action.to_owned()),
            outcome: Set(AuditOutcome::Success),
            dataset_id: Set(dataset),
            dataset_slug: Set(slug.flatten()),
            detail: Set(detail),
            occurred_at: Set(now),
        }
    }
}

fn change_row(
    now: Timestamp,
    kind: ChangeKind,
    dataset: Option<DatasetId>,
    version: Option<i32>,
    payload: Json,
) -> change::ActiveModel {
    change::ActiveModel {
        sequence: NotSet,
        transaction_id: NotSet,
        kind: Set(kind),
        dataset_id: Set(dataset),
        version: Set(version),
        payload: Set(payload),
        occurred_at: Set(now),
        read_scopes: NotSet,
        write_scopes: NotSet,
    }
}
