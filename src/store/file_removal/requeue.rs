//! Requeueing: dead letters get another chance.

use std::collections::HashSet;

use serde_json::json;
use timestore_entity::ids::DatasetId;

use super::{FileRemovalKey, MAX_CLAIM, key_columns, removals_in_txn};
use crate::auth::{Requester, Scope};
use crate::store::access::check_holds;
use crate::store::backend::{Sql, in_relation, relations};
use crate::store::dataset::dataset_get_in_txn;
use crate::store::{DatasetRef, Fault, Result, Store};

/// Which dead letters to try again: all, unless something is named.
#[derive(Clone, Debug, Default)]
pub struct FileRemovalRequeue {
    /// Only these; none for a text that is no removal's id.
    pub removals: Option<Vec<Option<FileRemovalKey>>>,
    /// Only those of this dataset, which may be gone when it is named by id.
    pub dataset: Option<DatasetRef>,
}

impl Store {
    /// Makes dead letters due again, as if they had never been tried; returns how many.
    pub async fn file_removals_requeue(&self, by: &Requester, input: FileRemovalRequeue) -> Result<u64> {
        check_holds(by, Scope::Admin)?;
        let transaction = self.begin().await?;
        let now = self.clock.now();
        let dataset: Option<DatasetId> = match &input.dataset {
            None => None,
            Some(DatasetRef::Id(id)) => Some(*id),
            Some(named) => Some(dataset_get_in_txn(&transaction, by, named).await?.id),
        };
        let mut keys = None;
        if let Some(named) = &input.removals {
            let found = removals_in_txn(&transaction, &checked(named)?).await?;
            let found: HashSet<FileRemovalKey> = found
                .iter()
                .map(|row| (row.dataset_id, row.partition_id))
                .collect();
            let missing =
                |(_, key): &(usize, &Option<FileRemovalKey>)| key.is_none_or(|key| !found.contains(&key));
            let faults: Vec<Fault> = (named.iter().enumerate().filter(missing))
                .map(|(n, _)| {
                    Fault::not_found(&["removals", &n.to_string()], "expected the id of a file removal")
                })
                .collect();
            if !faults.is_empty() {
                return Err(faults.into());
            }
            keys = Some(found.into_iter().collect::<Vec<_>>());
        }
        let chunks: Vec<(Sql, String)> = match &keys {
            None => vec![(Sql::new(&transaction), "true".to_owned())],
            Some(keys) => (relations(&transaction, key_columns(keys)).into_iter())
                .map(|relation| {
                    let of = in_relation("(dataset_id, partition_id)", &relation);
                    (relation.sql, of)
                })
                .collect(),
        };
        let mut requeued = 0;
        for (mut sql, of) in chunks {
            let now = sql.bind(now);
            let of_dataset =
                dataset.map_or(String::new(), |id| format!(" and dataset_id = {}", sql.bind(id)));
            let text = format!(
                "update timestore.file_removals set attempts = 0, due_at = {now}, dead_at = null \
                 where {of} and dead_at is not null{of_dataset}"
            );
            requeued += sql.execute(&transaction, text).await?.rows_affected();
        }
        if requeued > 0 {
            let detail = json!({ "files": requeued });
            self.audit_of_all_in_txn(&transaction, by, now, "requeueFileRemovals", detail)
                .await?;
        }
        transaction.commit().await?;
        Ok(requeued)
    }
}

fn checked(named: &[Option<FileRemovalKey>]) -> Result<Vec<FileRemovalKey>> {
    if named.is_empty() || named.len() > MAX_CLAIM as usize {
        return Err(Fault::invalid(&["removals"], format!("expected 1 to {MAX_CLAIM} ids")).into());
    }
    Ok(named.iter().copied().flatten().collect())
}
