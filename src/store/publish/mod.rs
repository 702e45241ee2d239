//! Publishing: the one way in which the files of a dataset change.
//!
//! A publish is planned (`plan`), prepared under the lock of the dataset's head (`prepare`: all that is wrong with it is
//! found there) and written (`write`). Whatever it began as (a request, a draft, a rollback), it takes these steps. A small one into a
//! dataset that is remembered (`remembered`) needs only the last of them, and is tried that way first (`at_once`).

pub(super) mod additions;
mod at_once;
pub(super) mod duplicates;
pub(super) mod idempotency;
mod input;
pub(super) mod insert;
pub(super) mod plan;
mod prepare;
pub(super) mod remembered;
mod removals;
mod untried;
mod write;

use serde_json::json;
use timestore_entity::dataset::Model as Dataset;
use timestore_entity::dataset_head::Model as DatasetHead;
use timestore_entity::enums::ManifestOperation;

use super::dataset::{
    dataset_find_to_write_in_txn, dataset_find_with_head_lock_in_txn, dataset_not_found, head_lock_in_txn,
};
use super::faults::Faults;
use super::{Fault, FaultKind, Result, Store};
use crate::auth::Requester;
use crate::store::backend::Transaction;

pub use super::watermark::WatermarkAdvance;
pub use input::{DuplicatePolicy, ManifestPublish, PartitionAdd, Published, Rollback, Skipped};
use plan::{Additions, Plan, Removals};
use prepare::Prepared;
pub(super) use prepare::without_duplicates;
pub(super) use removals::resolve_removals_in_txn;

/// How many manifests one request publishes at the most.
const MAX_MANIFESTS: usize = 100;

impl Store {
    /// Publishes a manifest.
    pub async fn manifest_publish(&self, by: &Requester, input: ManifestPublish) -> Result<Published> {
        self.publish(by, Plan::from_input(input)).await
    }

    /// Publishes a version with the content of an earlier one.
    pub async fn dataset_rollback(&self, by: &Requester, input: Rollback) -> Result<Published> {
        let request = json!({ "to": input.to, "expectedVersion": input.expected_version });
        self.publish(
            by,
            Plan {
                operation: ManifestOperation::Rollback,
                additions: Additions::Revived { to: input.to },
                removals: Removals::NotIn { to: input.to },
                expected_version: input.expected_version,
                idempotency: idempotency::Key::new(input.idempotency_key, "rollbackDataset", &request),
                summary: Some(json!({ "rolledBackTo": input.to })),
                ..Plan::new(input.dataset, "rollbackDataset")
            },
        )
        .await
    }

    /// Publishes manifests of several datasets, all or none. Paths of faults begin with `manifests` and the index.
    pub async fn manifests_publish(
        &self,
        by: &Requester,
        inputs: Vec<ManifestPublish>,
    ) -> Result<Vec<Published>> {
        if inputs.is_empty() || inputs.len() > MAX_MANIFESTS {
            let message = format!("expected 1 to {MAX_MANIFESTS} manifests");
            return Err(Fault::invalid(&["manifests"], message).into());
        }
        let transaction = self.begin().await?;
        let mut faults = Faults::default();
        let mut planned = Vec::with_capacity(inputs.len());
        for (index, input) in inputs.into_iter().enumerate() {
            let within = vec!["manifests".to_owned(), index.to_string()];
            let plan = Plan::from_input(input);
            match dataset_find_to_write_in_txn(&transaction, by, &plan.dataset).await? {
                None => {
                    let missing = dataset_not_found(&plan.dataset);
                    let alone = plan.check_alone(Some(missing)).into_iter();
                    faults.extend(
                        alone
                            .map(|fault| fault.within(&["manifests", &within[1]]))
                            .collect(),
                    );
                }
                Some(dataset) => planned.push((dataset, within, plan)),
            }
        }
        // Heads are locked in the order of their ids, so that two such requests cannot wait for each other.
        planned.sort_by_key(|(dataset, ..)| dataset.id);
        for pair in planned.windows(2).filter(|pair| pair[0].0.id == pair[1].0.id) {
            let index: &str = &pair[1].1[1];
            faults.invalid(
                &["manifests", index, "dataset"],
                "expected each dataset at most once",
            );
        }
        if !faults.is_empty() {
            for (_, within, plan) in planned {
                let alone = plan.check_alone(None).into_iter();
                faults.extend(
                    alone
                        .map(|fault| fault.within(&["manifests", &within[1]]))
                        .collect(),
                );
            }
            return Err(faults.into_inner().into());
        }
        let mut prepared = Vec::with_capacity(planned.len());
        let (mut replays, mut fresh) = (0, 0);
        for (dataset, within, plan) in planned {
            let index = within[1].clone();
            let mut found = Faults::within(within);
            let Some(head) = head_lock_in_txn(&transaction, dataset.id).await? else {
                let missing = dataset_not_found(&plan.dataset);
                found.extend(plan.check_alone(Some(missing)));
                faults.extend(found.into_inner());
                continue;
            };
            match self
                .prepare_in_txn(&transaction, (dataset, head), plan, found)
                .await?
            {
                Prepared::Refused(found) => faults.extend(found),
                Prepared::Replay(published) => {
                    replays += 1;
                    prepared.push((index, Prepared::Replay(published)));
                }
                ready => {
                    fresh += 1;
                    prepared.push((index, ready));
                }
            }
        }
        if replays > 0 && fresh > 0 {
            for (index, _) in prepared
                .iter()
                .filter(|(_, prepared)| matches!(prepared, Prepared::Replay(_)))
            {
                let message = "the key was used by a request that did not publish the same manifests";
                faults.add(
                    &["manifests", index, "idempotencyKey"],
                    FaultKind::IdempotencyMismatch,
                    message,
                );
            }
        }
        faults.finish()?;
        let mut published = Vec::with_capacity(prepared.len());
        for (index, prepared) in prepared {
            let index: usize = index.parse().unwrap_or_default();
            published.push((
                index,
                self.write_prepared_in_txn(&transaction, by, prepared).await?,
            ));
        }
        transaction.commit().await?;
        published
            .iter()
            .for_each(|(_, published)| self.count_published(published));
        published.sort_by_key(|(index, _)| *index);
        Ok(published.into_iter().map(|(_, published)| published).collect())
    }

    /// Publishes what `plan` says, in one transaction.
    async fn publish(&self, by: &Requester, plan: Plan) -> Result<Published> {
        let Some(heads) = &self.heads else {
            return self.publish_under_lock(by, plan).await;
        };
        let named = plan.dataset.clone();
        let remembered = heads.find(by, &named);
        let _turn = match &remembered {
            Some(dataset) => Some(dataset.turn().await),
            None => None,
        };
        let published = match remembered.as_ref().and_then(|dataset| dataset.take()) {
            Some(found) => self.publish_at_once(by, &plan, found).await?,
            None => None,
        };
        let published = match published {
            Some(published) => published,
            None => self.publish_under_lock(by, plan).await?,
        };
        heads.keep(&named, &published);
        Ok(published)
    }

    /// Publishes what `plan` says, in a transaction that locks the head of the dataset first.
    async fn publish_under_lock(&self, by: &Requester, plan: Plan) -> Result<Published> {
        let transaction = self.begin().await?;
        let Some(found) = dataset_find_with_head_lock_in_txn(&transaction, by, &plan.dataset).await? else {
            let missing = dataset_not_found(&plan.dataset);
            return Err(plan.check_alone(Some(missing)).into());
        };
        let published = self.publish_in_txn(&transaction, by, found, plan).await?;
        transaction.commit().await?;
        self.count_published(&published);
        Ok(published)
    }

    /// Counts what was published, once it is committed.
    pub(super) fn count_published(&self, published: &Published) {
        if let Some(manifest) = published.manifest.as_ref().filter(|_| published.is_new) {
            self.metrics.published(manifest.operation.as_str());
        }
    }

    /// Publishes what `plan` says to a dataset whose head is locked, as part of `transaction`.
    pub(super) async fn publish_in_txn(
        &self,
        transaction: &Transaction,
        by: &Requester,
        of: (Dataset, DatasetHead),
        plan: Plan,
    ) -> Result<Published> {
        // Whoever awaits this awaits other things too, and what they hold of it is moved around with them.
        let prepared = Box::pin(self.prepare_in_txn(transaction, of, plan, Faults::default())).await?;
        Box::pin(self.write_prepared_in_txn(transaction, by, prepared)).await
    }
}
