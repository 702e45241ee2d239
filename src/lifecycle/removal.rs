//! Deleting the files that no version needs any more: claimed in batches, deleted target by target, acknowledged one by one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use timestore_entity::file_removal::Model as FileRemoval;
use timestore_entity::ids::StorageTargetId;
use timestore_entity::storage_target::Model as StorageTarget;

use super::Lifecycle;
use super::report::Progress;
use crate::model::duration::IsoDuration;
use crate::storage::{Deleted, StorageError, TargetFiles};
use crate::store::Result;
use crate::store::file_removal::{Failed, FileRemovalAcknowledge, FileRemovalClaim, Removed};

/// How many files are claimed at a time.
const CLAIM: i32 = 100;

/// How many files are deleted at the same time.
const CONCURRENCY: usize = 8;

/// How long one delete may take: shorter than a gateway takes to stop, which waits for those under way.
const TIMEOUT: Duration = Duration::from_secs(5);

/// After so many failures in a row that may pass by themselves, a target is left alone for the rest of the run.
const PATIENCE: usize = 3;

/// How long the files of a claim are nobody else's: longer than they can take, each on a target of its own, one after the other.
const LEASE: &str = "PT30M";

/// What became of a file: deleted, or not, or not even tried because somebody asked for the end of the run.
type Outcome = Option<Result<Deleted, StorageError>>;

impl Lifecycle<'_> {
    /// Deletes what is due, until nothing is.
    pub(super) async fn remove_files(&self, progress: &Progress<'_>) -> Result<()> {
        let lease: IsoDuration = LEASE.parse().unwrap_or_else(|_| IsoDuration::days(1));
        let mut targets = Targets::default();
        while !progress.is_over() {
            let claim = FileRemovalClaim {
                owner: self.name.clone(),
                limit: CLAIM,
                lease,
            };
            let claimed = self.store.file_removals_claim(&self.by, claim).await?;
            if claimed.removals.is_empty() {
                break;
            }
            let mut acknowledge = FileRemovalAcknowledge {
                lease: Some(claimed.lease),
                removed: Vec::new(),
                failed: Vec::new(),
                released: Vec::new(),
            };
            for (removal, outcome) in self.delete(claimed.removals, &mut targets, progress).await? {
                let key = Some((removal.dataset_id, removal.partition_id));
                match outcome {
                    None => acknowledge.released.push(key),
                    Some(Ok(deleted)) => acknowledge.removed.push(Removed {
                        removal: key,
                        missing: deleted == Deleted::Missing,
                    }),
                    Some(Err(error)) => acknowledge.failed.push(Failed {
                        removal: key,
                        error: error.to_string(),
                        permanent: !error.is_transient(),
                    }),
                }
            }
            let done = self
                .store
                .file_removals_acknowledge(&self.by, acknowledge)
                .await?;
            let mut report = progress.report();
            report.removed_files += done.removed as u64;
            report.failed_files += (done.retried + done.dead) as u64;
        }
        Ok(())
    }

    /// Deletes files from their targets; what goes wrong is told in the report.
    async fn delete(
        &self,
        removals: Vec<FileRemoval>,
        targets: &mut Targets,
        progress: &Progress<'_>,
    ) -> Result<Vec<(FileRemoval, Outcome)>> {
        let mut by_target: HashMap<StorageTargetId, Vec<FileRemoval>> = HashMap::new();
        for removal in removals {
            by_target
                .entry(removal.storage_target_id)
                .or_default()
                .push(removal);
        }
        let ids: Vec<StorageTargetId> = by_target.keys().copied().collect();
        let found = self.store.storage_targets_by_id(&ids).await?;
        let mut outcomes = Vec::new();
        for (id, removals) in by_target {
            let Some(target) = found.get(&id) else { continue };
            let health = targets.entry(id).or_default();
            let opened = TargetFiles::open(target, self.environment);
            for (removal, outcome) in delete_from(opened, removals, health, progress).await {
                if let Some(Err(error)) = &outcome {
                    progress.report().fail(failure(target, &removal, error));
                }
                outcomes.push((removal, outcome));
            }
        }
        Ok(outcomes)
    }
}

fn failure(target: &StorageTarget, removal: &FileRemoval, error: &StorageError) -> String {
    tracing::warn!(target.name = %target.name, file.path = %removal.file_path, error = %error, "a file could not be deleted");
    format!("{} on target {}: {error}", removal.file_path, target.name)
}

/// How the targets of a run have answered.
type Targets = HashMap<StorageTargetId, Health>;

/// How a target has answered: the failures in a row that may pass by themselves, and the last of them.
#[derive(Default)]
struct Health(Mutex<(usize, Option<StorageError>)>);

impl Health {
    /// Why the target is left alone, if it is.
    fn is_away(&self) -> Option<StorageError> {
        let health = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        health.1.clone().filter(|_| health.0 >= PATIENCE)
    }

    fn heard(&self, answer: &Result<Deleted, StorageError>) {
        let mut health = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Err(error) if error.is_transient() => *health = (health.0 + 1, Some(error.clone())),
            _ => *health = (0, None),
        }
    }
}

/// What became of each file. Where the target cannot be opened, or does not answer, that is what became of all.
async fn delete_from(
    opened: Result<TargetFiles, StorageError>,
    removals: Vec<FileRemoval>,
    health: &Health,
    progress: &Progress<'_>,
) -> Vec<(FileRemoval, Outcome)> {
    let opened = &opened;
    let delete = |removal: FileRemoval| async move {
        if progress.is_over() {
            return (removal, None);
        }
        let result = match (opened, health.is_away()) {
            (Err(error), _) => Err(error.clone()),
            (_, Some(error)) => Err(error),
            (Ok(files), None) => {
                let result = files.delete(&removal.file_path, TIMEOUT).await;
                health.heard(&result);
                result
            }
        };
        (removal, Some(result))
    };
    futures_util::stream::iter(removals)
        .map(delete)
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await
}
