//! Asking for runs: by the schedule, by a request, by the command line; and asking for their end.

use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;
use timestore_entity::Timestamp;
use timestore_entity::dataset::Model as Dataset;
use timestore_entity::enums::{DatasetStatus, RunKind, RunStatus, RunTrigger};
use timestore_entity::ids::{DatasetId, LifecycleRunId};
use timestore_entity::lifecycle_run::{ActiveModel, Column, Entity, Model as LifecycleRun};

use crate::auth::{Requester, Scope};
use crate::store::access::check_holds;
use crate::store::backend::Transaction;
use crate::store::dataset::{dataset_find_in_txn, dataset_not_found};
use crate::store::faults::Faults;
use crate::store::{DatasetRef, Fault, FaultKind, Result, Store, StoreError};

/// A run to ask for.
#[derive(Clone, Debug)]
pub struct LifecycleRunRequest {
    /// What it does.
    pub kind: RunKind,
    /// The dataset; none: all of them.
    pub dataset: Option<DatasetRef>,
}

/// A run that its worker begins at once.
#[derive(Clone, Debug)]
pub struct LifecycleRunOpen {
    /// What it does.
    pub kind: RunKind,
    /// The dataset; none: all of them.
    pub dataset: Option<DatasetId>,
    /// Who does it, for people.
    pub worker: String,
}

impl Store {
    /// Asks for a run. Where an equal one is waiting already, that one is the answer.
    pub async fn lifecycle_run_request(
        &self,
        by: &Requester,
        input: LifecycleRunRequest,
    ) -> Result<LifecycleRun> {
        check_holds(by, Scope::Admin)?;
        let transaction = self.begin().await?;
        let dataset = checked_in_txn(&transaction, by, &input).await?;
        let id = dataset.as_ref().map(|dataset| dataset.id);
        let waiting = Entity::find()
            .filter(Column::FinishedAt.is_null())
            .filter(Column::Status.eq(RunStatus::Queued))
            .filter(Column::Kind.eq(input.kind))
            .filter(id.map_or(Column::DatasetId.is_null(), |id| Column::DatasetId.eq(id)))
            .order_by_asc(Column::CreatedAt)
            .limit(1);
        if let Some(waiting) = waiting.one(&transaction).await? {
            return Ok(waiting);
        }
        let now = self.clock.now();
        let run = LifecycleRun {
            requested_by: by.subject.clone(),
            dataset_id: id,
            ..self.queued(input.kind, RunTrigger::Request, now)
        };
        insert_in_txn(&transaction, &run).await?;
        self.run_audit_in_txn(
            &transaction,
            by,
            now,
            "triggerLifecycleRun",
            dataset.as_ref(),
            &run,
        )
        .await?;
        transaction.commit().await?;
        Ok(run)
    }

    /// Asks for the end of a run: one that waits is skipped, one that is under way stops after its current step, one that has
    /// ended stays as it is. `id` is none for a text that is no run's id.
    pub async fn lifecycle_run_cancel(
        &self,
        by: &Requester,
        id: Option<LifecycleRunId>,
    ) -> Result<LifecycleRun> {
        check_holds(by, Scope::Admin)?;
        let not_found = || Fault::not_found(&["run"], "expected the id of a lifecycle run");
        let transaction = self.begin().await?;
        let locked = Entity::find_by_id(id.ok_or_else(not_found)?).lock_exclusive();
        let mut run = locked.one(&transaction).await?.ok_or_else(not_found)?;
        if run.finished_at.is_some() || run.cancelled_at.is_some() {
            return Ok(run);
        }
        let now = self.clock.now();
        run.cancelled_at = Some(now);
        if run.status == RunStatus::Queued {
            run.status = RunStatus::Skipped;
            run.finished_at = Some(now);
        }
        ActiveModel::from(run.clone())
            .reset_all()
            .update(&transaction)
            .await?;
        let dataset = match run.dataset_id {
            Some(id) => dataset_find_in_txn(&transaction, by, &DatasetRef::Id(id)).await?,
            None => None,
        };
        self.run_audit_in_txn(
            &transaction,
            by,
            now,
            "cancelLifecycleRun",
            dataset.as_ref(),
            &run,
        )
        .await?;
        transaction.commit().await?;
        Ok(run)
    }

    /// Asks for a run of each kind over all datasets, unless the schedule last did so after `since`; whether it did. A kind that
    /// still waits from the last time is not asked for twice.
    pub async fn lifecycle_runs_schedule(&self, since: Timestamp) -> Result<bool> {
        let transaction = self.begin().await?;
        let scheduled = || Entity::find().filter(Column::Trigger.eq(RunTrigger::Schedule));
        let last = scheduled()
            .order_by_desc(Column::CreatedAt)
            .limit(1)
            .one(&transaction)
            .await?;
        if last.is_some_and(|last| last.created_at > since) {
            return Ok(false);
        }
        let waiting = scheduled()
            .filter(Column::FinishedAt.is_null())
            .filter(Column::Status.eq(RunStatus::Queued));
        let waiting = waiting.all(&transaction).await?;
        let now = self.clock.now();
        for kind in RunKind::ALL {
            if !waiting.iter().any(|run| run.kind == *kind) {
                insert_in_txn(&transaction, &self.queued(*kind, RunTrigger::Schedule, now)).await?;
            }
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Records a run of the command line, which is its worker.
    pub async fn lifecycle_run_open(&self, by: &Requester, input: LifecycleRunOpen) -> Result<LifecycleRun> {
        let transaction = self.begin().await?;
        let now = self.clock.now();
        let run = LifecycleRun {
            dataset_id: input.dataset,
            requested_by: by.subject.clone(),
            status: RunStatus::Running,
            attempts: 1,
            worker: Some(input.worker),
            started_at: Some(now),
            heartbeat_at: Some(now),
            ..self.queued(input.kind, RunTrigger::Command, now)
        };
        insert_in_txn(&transaction, &run).await?;
        transaction.commit().await?;
        Ok(run)
    }

    fn queued(&self, kind: RunKind, trigger: RunTrigger, now: Timestamp) -> LifecycleRun {
        LifecycleRun {
            id: LifecycleRunId(self.clock.id()),
            dataset_id: None,
            kind,
            trigger,
            requested_by: None,
            status: RunStatus::Queued,
            attempts: 0,
            counters: json!({}),
            error: None,
            worker: None,
            created_at: now,
            started_at: None,
            heartbeat_at: None,
            cancelled_at: None,
            finished_at: None,
        }
    }

    async fn run_audit_in_txn(
        &self,
        transaction: &Transaction,
        by: &Requester,
        now: Timestamp,
        action: &'static str,
        dataset: Option<&Dataset>,
        run: &LifecycleRun,
    ) -> Result<()> {
        let detail = json!({ "run": run.id, "kind": run.kind.as_str().to_uppercase() });
        match dataset {
            Some(dataset) => {
                self.audit_in_txn(transaction, by, now, action, dataset, detail)
                    .await
            }
            None => {
                self.audit_of_all_in_txn(transaction, by, now, action, detail)
                    .await
            }
        }
    }
}

/// Whether runs of a kind can be about one dataset.
pub fn takes_dataset(kind: RunKind) -> bool {
    matches!(kind, RunKind::Retention | RunKind::History)
}

/// The dataset that is named, where the kind takes one and it is not archived.
async fn checked_in_txn(
    transaction: &Transaction,
    by: &Requester,
    input: &LifecycleRunRequest,
) -> Result<Option<Dataset>> {
    let Some(named) = &input.dataset else {
        return Ok(None);
    };
    let mut faults = Faults::default();
    if !takes_dataset(input.kind) {
        faults.invalid(
            &["dataset"],
            "expected none: only RETENTION and HISTORY are done for one dataset",
        );
    }
    let dataset = dataset_find_in_txn(transaction, by, named).await?;
    match &dataset {
        None => faults.push(dataset_not_found(named)),
        Some(dataset) if dataset.status == DatasetStatus::Inactive => faults.add(
            &["dataset"],
            FaultKind::DatasetInactive,
            "the dataset is archived",
        ),
        Some(_) => {}
    }
    faults.finish()?;
    Ok(dataset)
}

async fn insert_in_txn(transaction: &Transaction, run: &LifecycleRun) -> Result<(), StoreError> {
    Entity::insert(ActiveModel::from(run.clone()))
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}
