//! Deleting the files that no version needs any more: claimed in batches, deleted target by target, acknowledged one by one.

use std::collections::HashMap;
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

/// How long one delete may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long the files of a claim are nobody else's: longer than they can take, each on a target of its own, one after the other.
const LEASE: &str = "PT30M";

impl Lifecycle<'_> {
    /// Deletes what is due, until nothing is.
    pub(super) async fn remove_files(&self, progress: &Progress<'_>) -> Result<()> {
        let lease: IsoDuration = LEASE.parse().unwrap_or_else(|_| IsoDuration::days(1));
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
            let (removed, failed) = self.delete(claimed.removals, progress).await?;
            let acknowledge = FileRemovalAcknowledge {
                lease: Some(claimed.lease),
                removed,
                failed,
            };
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

    /// Deletes files from their targets.
    async fn delete(
        &self,
        removals: Vec<FileRemoval>,
        progress: &Progress<'_>,
    ) -> Result<(Vec<Removed>, Vec<Failed>)> {
        let mut by_target: HashMap<StorageTargetId, Vec<FileRemoval>> = HashMap::new();
        for removal in removals {
            by_target
                .entry(removal.storage_target_id)
                .or_default()
                .push(removal);
        }
        let ids: Vec<StorageTargetId> = by_target.keys().copied().collect();
        let targets = self.store.storage_targets_by_id(&ids).await?;
        let (mut removed, mut failed) = (Vec::new(), Vec::new());
        for (id, removals) in by_target {
            let Some(target) = targets.get(&id) else { continue };
            let opened = TargetFiles::open(target, self.environment);
            let results = delete_from(opened, removals).await;
            for (removal, result) in results {
                let key = Some((removal.dataset_id, removal.partition_id));
                match result {
                    Ok(deleted) => removed.push(Removed {
                        removal: key,
                        missing: deleted == Deleted::Missing,
                    }),
                    Err(error) => {
                        progress.report().fail(failure(target, &removal, &error));
                        failed.push(Failed {
                            removal: key,
                            error: error.to_string(),
                            permanent: !error.is_transient(),
                        });
                    }
                }
            }
        }
        Ok((removed, failed))
    }
}

fn failure(target: &StorageTarget, removal: &FileRemoval, error: &StorageError) -> String {
    tracing::warn!(target.name = %target.name, file.path = %removal.file_path, error = %error, "a file could not be deleted");
    format!("{} on target {}: {error}", removal.file_path, target.name)
}

/// What became of each file. Where the target cannot be opened, that is what became of all.
async fn delete_from(
    opened: Result<TargetFiles, StorageError>,
    removals: Vec<FileRemoval>,
) -> Vec<(FileRemoval, Result<Deleted, StorageError>)> {
    let files = match opened {
        Ok(files) => files,
        Err(error) => {
            return removals
                .into_iter()
                .map(|removal| (removal, Err(error.clone())))
                .collect();
        }
    };
    let delete = |removal: FileRemoval| {
        let files = files.clone();
        async move {
            let result = files.delete(&removal.file_path, TIMEOUT).await;
            (removal, result)
        }
    };
    futures_util::stream::iter(removals)
        .map(delete)
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await
}
