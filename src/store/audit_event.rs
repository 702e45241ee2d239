//! The audit trail, read; and the events of mutations that were refused. Those of mutations that were granted are written in
//! their own transactions: see `store/trail.rs`.

use std::collections::{BTreeSet, HashMap};

use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};
use serde_json::{Value as Json, json};
use timestore_entity::audit_event::{ActiveModel, Column, Entity, Model as AuditEvent};
use timestore_entity::enums::AuditOutcome;
use timestore_entity::ids::{AuditEventId, DatasetId};
use timestore_entity::{Timestamp, dataset};

use super::access::check_holds;
use super::backend::{Sql, Transaction};
use super::faults::Faults;
use super::{DatasetRef, Page, Result, Rows, Store};
use crate::auth::{Requester, Scope};
use crate::model::naming;

/// The most datasets that a refusal is recorded for.
const MAX_DATASETS: usize = 100;

/// Where an event stands in the trail: when it happened, then its id, since many can happen in the same microsecond.
pub type AuditEventPosition = (Timestamp, AuditEventId);

/// Which events a list holds. Everything stated must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AuditEventFilter {
    /// Only those about this dataset. By slug, it may be gone: the trail keeps the slug.
    pub dataset: Option<DatasetRef>,
    /// Only those of this actor.
    pub actor: Option<String>,
    /// Only those of this mutation.
    pub action: Option<String>,
    /// Only those that ended so.
    pub outcome: Option<AuditOutcome>,
    /// Only those at or after this instant.
    pub from: Option<Timestamp>,
    /// Only those before this instant.
    pub to: Option<Timestamp>,
}

impl Store {
    /// Records that `action` by `by` was refused: an event for each of the datasets that it named, or one where it named none.
    /// Nothing of it shows in the change feed. `detail` is an object without NUL characters.
    pub async fn audit_event_refused(
        &self,
        by: &Requester,
        action: &str,
        datasets: &[DatasetRef],
        detail: &Json,
    ) -> Result<()> {
        let transaction = self.begin().await?;
        let occurred_at = self.clock.now();
        let about = about_in_txn(&transaction, datasets).await?;
        let events = about.into_iter().map(|(dataset_id, dataset_slug)| {
            ActiveModel::from(AuditEvent {
                id: AuditEventId(self.clock.id()),
                actor: by.subject.clone(),
                scopes: json!(by.scopes),
                action: action.to_owned(),
                outcome: AuditOutcome::Refused,
                dataset_id,
                dataset_slug,
                detail: detail.clone(),
                occurred_at,
            })
        });
        Entity::insert_many(events)
            .exec_without_returning(&transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// A page of the events that `filter` lets through, newest first.
    pub async fn audit_event_page(
        &self,
        filter: &AuditEventFilter,
        page: &Page<AuditEventPosition>,
    ) -> Result<Rows<AuditEvent>> {
        check_holds(&self.viewer, Scope::Admin)?;
        let mut sql = Sql::new(&self.reader);
        let mut conditions = conditions(filter, &mut sql)?;
        let keyset = page.newest_first(&mut sql, "occurred_at");
        conditions.extend(keyset.conditions);
        let text = format!(
            "select * from timestore.audit_events where {} {}",
            conditions.join(" and "),
            keyset.order
        );
        Ok(Rows::from_query(page, sql.all(&self.reader, text).await?))
    }

    /// How many events `filter` lets through.
    pub async fn audit_event_count(&self, filter: &AuditEventFilter) -> Result<u64> {
        check_holds(&self.viewer, Scope::Admin)?;
        let mut sql = Sql::new(&self.reader);
        let conditions = conditions(filter, &mut sql)?;
        let text = format!(
            "select count(*) from timestore.audit_events where {}",
            conditions.join(" and ")
        );
        Ok(sql.count(&self.reader, text).await?)
    }

    /// The events with these ids.
    pub async fn audit_events_by_id(
        &self,
        ids: &[AuditEventId],
    ) -> Result<HashMap<AuditEventId, AuditEvent>> {
        if !self.viewer.holds(Scope::Admin) {
            return Ok(HashMap::new());
        }
        let select = Entity::find().filter(Column::Id.is_in(ids.iter().copied()));
        let events = select.all(&self.reader).await?;
        Ok(events.into_iter().map(|event| (event.id, event)).collect())
    }
}

/// What the events of a refusal say of the datasets that were named: the id and the slug of those that exist, the slug that was
/// asked for otherwise.
async fn about_in_txn(
    transaction: &Transaction,
    named: &[DatasetRef],
) -> Result<BTreeSet<(Option<DatasetId>, Option<String>)>> {
    let (mut ids, mut slugs) = (BTreeSet::new(), BTreeSet::new());
    for dataset in named.iter().take(MAX_DATASETS) {
        match dataset {
            DatasetRef::Id(id) => drop(ids.insert(*id)),
            DatasetRef::Slug(slug) => slugs.extend(naming::slug(slug)),
            DatasetRef::Unknown(_) => {}
        }
    }
    let mut about = BTreeSet::new();
    if !ids.is_empty() || !slugs.is_empty() {
        let either = Condition::any()
            .add(dataset::Column::Id.is_in(ids))
            .add(dataset::Column::Slug.is_in(slugs.clone()));
        let found = dataset::Entity::find().filter(either).all(transaction).await?;
        for dataset in found {
            slugs.remove(&dataset.slug);
            about.insert((Some(dataset.id), Some(dataset.slug)));
        }
        about.extend(slugs.into_iter().map(|slug| (None, Some(slug))));
    }
    if about.is_empty() {
        about.insert((None, None));
    }
    Ok(about)
}

fn conditions(filter: &AuditEventFilter, sql: &mut Sql) -> Result<Vec<String>> {
    check(filter)?;
    let mut conditions = vec!["true".to_owned()];
    match &filter.dataset {
        None => {}
        Some(DatasetRef::Id(id)) => conditions.push(format!("dataset_id = {}", sql.bind(*id))),
        Some(DatasetRef::Slug(slug)) => conditions.push(match naming::slug(slug) {
            Ok(slug) => format!("dataset_slug = {}", sql.bind(slug)),
            Err(_) => "false".to_owned(),
        }),
        Some(DatasetRef::Unknown(_)) => conditions.push("false".to_owned()),
    }
    if let Some(actor) = &filter.actor {
        conditions.push(format!("actor = {}", sql.bind(actor.as_str())));
    }
    if let Some(action) = &filter.action {
        conditions.push(format!("action = {}", sql.bind(action.as_str())));
    }
    if let Some(outcome) = filter.outcome {
        conditions.push(format!("outcome = {}", sql.bind(outcome.as_str())));
    }
    if let Some(from) = filter.from {
        conditions.push(format!("occurred_at >= {}", sql.bind(from)));
    }
    if let Some(to) = filter.to {
        conditions.push(format!("occurred_at < {}", sql.bind(to)));
    }
    Ok(conditions)
}

fn check(filter: &AuditEventFilter) -> Result<()> {
    let mut faults = Faults::within(vec!["filter".to_owned()]);
    for (field, text) in [("actor", &filter.actor), ("action", &filter.action)] {
        if let Some(text) = text {
            faults.check(&[field], naming::description(text));
        }
    }
    if let (Some(from), Some(to)) = (filter.from, filter.to)
        && from > to
    {
        faults.invalid(&["to"], "expected an instant that is not before `from`");
    }
    faults.finish()
}
