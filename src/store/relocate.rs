//! Relocation: the same rows under another target or path, as a version of its own. The old copies stay for as long as a version
//! that can be read has them, and are queued for removal like any other file.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use serde_json::json;
use timestore_entity::dataset::Model as Dataset;
use timestore_entity::enums::ManifestOperation;
use timestore_entity::ids::{PartitionId, StorageTargetId};
use timestore_entity::partition::Model as Partition;

use super::dataset::{dataset_find_with_head_lock_in_txn, dataset_not_found};
use super::error::NotLive;
use super::faults::Faults;
use super::keyed::rows_by_id;
use super::publish::additions::Targets;
use super::publish::idempotency::Key;
use super::publish::plan::{Additions, MAX_FILES, Plan, Removals};
use super::publish::{Published, resolve_removals_in_txn};
use super::{
    DatasetRef, Fault, FaultKind, PartitionRef, Refusal, Result, StorageTargetRef, Store, StoreError,
};
use crate::auth::Requester;
use crate::model::naming;
use crate::store::backend::Transaction;

/// Files to relocate.
#[derive(Clone, Debug)]
pub struct PartitionsRelocate {
    /// The dataset.
    pub dataset: DatasetRef,
    /// The files, and where they lie now.
    pub moves: Vec<PartitionMove>,
    /// The version that the manifest must follow.
    pub expected_version: Option<i32>,
    /// The key under which a repeated request is recognised.
    pub idempotency_key: Option<String>,
}

/// A file that lies elsewhere now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PartitionMove {
    /// The file.
    pub partition: PartitionRef,
    /// Where its copy lies.
    pub storage_target: StorageTargetRef,
    /// The path of the copy; the same as before where none is named.
    pub file_path: Option<String>,
}

impl Store {
    /// Publishes the same files under other targets or paths. The copies must be there: the catalog does not look.
    pub async fn partitions_relocate(&self, by: &Requester, input: PartitionsRelocate) -> Result<Published> {
        let transaction = self.begin().await?;
        let mut faults = Faults::default();
        if input.moves.is_empty() || input.moves.len() > MAX_FILES {
            faults.invalid(&["moves"], format!("expected 1 to {MAX_FILES} files"));
        }
        let found = dataset_find_with_head_lock_in_txn(&transaction, by, &input.dataset).await?;
        let Some((dataset, head)) = found else {
            faults.push(dataset_not_found(&input.dataset));
            return Err(faults.into_inner().into());
        };
        faults.finish()?;
        let request = json!({ "moves": &input.moves, "expectedVersion": input.expected_version });
        let key = Key::new(input.idempotency_key, "relocatePartitions", request);
        let mut faults = Faults::default();
        if let Some(key) = &key
            && let Some(replay) = key
                .replay_in_txn(&transaction, &dataset, self.clock.now(), &mut faults)
                .await?
        {
            return Ok(replay);
        }
        let (files, ids) = self
            .moved_in_txn(&transaction, &dataset, &input.moves, &mut faults)
            .await?;
        faults.finish()?;
        let plan = Plan {
            operation: ManifestOperation::Relocate,
            additions: Additions::Moved(files),
            removals: Removals::Found(ids),
            expected_version: input.expected_version,
            idempotency: key,
            ..Plan::new(DatasetRef::Id(dataset.id), "relocatePartitions")
        };
        let published = self
            .publish_in_txn(&transaction, by, (dataset, head), plan)
            .await
            .map_err(of_moves)?;
        transaction.commit().await?;
        self.count_published(&published);
        Ok(published)
    }

    /// The files as they are after the moves, and the rows that they replace; adds what is wrong at `moves.<index>`.
    async fn moved_in_txn(
        &self,
        transaction: &Transaction,
        dataset: &Dataset,
        moves: &[PartitionMove],
        faults: &mut Faults,
    ) -> Result<(Vec<Partition>, HashSet<PartitionId>)> {
        let refs: Vec<PartitionRef> = moves.iter().map(|one| one.partition.clone()).collect();
        let mut found = Faults::default();
        let (ids, not_live) =
            resolve_removals_in_txn(transaction, &self.viewer, dataset, &refs, &mut found).await?;
        faults.extend(found.into_inner().into_iter().map(of_move).collect());
        refuse_not_live(not_live, faults);
        let keys = ids.iter().map(|id| (dataset.id, id.0));
        let live: Vec<Partition> = rows_by_id(transaction, "partitions", keys).await?;
        let by_id: HashMap<PartitionId, &Partition> = live.iter().map(|file| (file.id, file)).collect();
        let by_path: HashMap<(StorageTargetId, &str), &Partition> = live
            .iter()
            .map(|file| ((file.storage_target_id, file.file_path.as_str()), file))
            .collect();
        let mut targets = Targets::new(&self.viewer, dataset);
        let (mut files, mut moved) = (Vec::with_capacity(moves.len()), HashSet::new());
        for (index, one) in moves.iter().enumerate() {
            let at = index.to_string();
            let path = ["moves", &at, "storageTarget"];
            let target = targets
                .resolve_in_txn(transaction, Some(&one.storage_target), &path, faults)
                .await?;
            let file_path = match &one.file_path {
                Some(path) => faults
                    .check(&["moves", &at, "filePath"], naming::file_path(path))
                    .map(Some),
                None => Some(None),
            };
            let file = match &one.partition {
                PartitionRef::Id(_, id) => by_id.get(id).copied(),
                PartitionRef::Path {
                    storage_target,
                    file_path,
                } => {
                    // What cannot be resolved has its fault already.
                    let mut known = Faults::default();
                    let target = targets
                        .resolve_in_txn(transaction, storage_target.as_ref(), &path, &mut known)
                        .await?;
                    let path = naming::file_path(file_path).ok();
                    target
                        .zip(path)
                        .and_then(|(target, path)| by_path.get(&(target, path.as_str())).copied())
                }
                PartitionRef::Unknown(_) => None,
            };
            let (Some(file), Some(target), Some(file_path)) = (file, target, file_path) else {
                continue;
            };
            if !moved.insert(file.id) {
                faults.invalid(&["moves", &at, "partition"], "expected each file at most once");
            }
            let file_path = file_path.unwrap_or_else(|| file.file_path.clone());
            if (target, &file_path) == (file.storage_target_id, &file.file_path) {
                faults.invalid(&["moves", &at], "expected another target or path than before");
            }
            files.push(Partition {
                id: PartitionId(self.clock.id()),
                storage_target_id: target,
                file_path,
                ..file.clone()
            });
        }
        Ok((files, moved))
    }
}

fn refuse_not_live(partitions: Vec<NotLive>, faults: &mut Faults) {
    if !partitions.is_empty() {
        let message = format!("{} file(s) to relocate are not live", partitions.len());
        let kind = FaultKind::PartitionsNotLive {
            partitions,
            rebasable: true,
        };
        faults.add(&["moves"], kind, message);
    }
}

/// `remove.<index>.…`, as the request calls it.
fn of_move(mut fault: Fault) -> Fault {
    if fault.path.len() >= 2 {
        fault.path[0] = "moves".to_owned();
        fault.path.insert(2, "partition".to_owned());
    }
    fault
}

/// What is wrong with the copies is wrong with the moves.
fn of_moves(error: StoreError) -> StoreError {
    let StoreError::Refused(Refusal(mut faults)) = error else {
        return error;
    };
    for fault in &mut faults {
        if matches!(fault.path.first().map(String::as_str), Some("add" | "remove")) {
            fault.path[0] = "moves".to_owned();
        }
    }
    faults.into()
}
