//! Retention and history, dataset by dataset: policies are applied, and old versions expire.

use timestore_entity::dataset::Model as Dataset;
use timestore_entity::enums::RunKind;

use super::Lifecycle;
use super::report::Progress;
use crate::store::dataset::{DatasetFilter, DatasetParts};
use crate::store::history::ManifestsExpire;
use crate::store::retention::RetentionApply;
use crate::store::{DatasetRef, FaultKind, Page, Refusal, Result, StoreError};

/// How many datasets are listed at a time.
const DATASETS: u32 = 100;

impl Lifecycle<'_> {
    /// Does a run of one dataset, or of every one that is not archived: an archived one is left as it is.
    pub(super) async fn datasets(
        &self,
        kind: RunKind,
        only: Option<&Dataset>,
        progress: &Progress<'_>,
    ) -> Result<()> {
        if let Some(dataset) = only {
            return self.dataset(kind, dataset, progress).await;
        }
        let mut page = Page::first(DATASETS, None);
        loop {
            let datasets = self
                .store
                .dataset_page(&DatasetFilter::default(), false, &page, DatasetParts::USUAL)
                .await?
                .map(|state| state.dataset);
            for dataset in &datasets.rows {
                if progress.is_over() {
                    return Ok(());
                }
                self.dataset(kind, dataset, progress).await?;
            }
            if !datasets.has_more {
                return Ok(());
            }
            page.after = datasets.rows.last().map(|dataset| dataset.slug.clone());
        }
    }

    /// What goes wrong with one dataset keeps no other from its turn, unless it is that the database is away.
    async fn dataset(&self, kind: RunKind, dataset: &Dataset, progress: &Progress<'_>) -> Result<()> {
        let done = match kind {
            RunKind::History => self.expire(dataset, progress).await,
            _ => self.let_go(dataset, progress).await,
        };
        match done {
            Err(StoreError::Refused(refusal)) if has_left(&refusal) => {}
            Err(error @ StoreError::Unavailable(_)) => return Err(error),
            Err(error) => {
                let chain = &error as &dyn std::error::Error;
                tracing::error!(dataset.slug = %dataset.slug, error = chain, "the dataset was left halfway; the next run goes on");
                progress
                    .report()
                    .fail(format!("dataset {}: {error}", dataset.slug));
            }
            Ok(()) => {}
        }
        Ok(())
    }

    /// Drops the files that the policy no longer keeps, a step after the other.
    async fn let_go(&self, dataset: &Dataset, progress: &Progress<'_>) -> Result<()> {
        progress.report().datasets += 1;
        while !progress.is_over() {
            let apply = RetentionApply {
                dataset: DatasetRef::Id(dataset.id),
                expected_version: None,
                idempotency_key: None,
            };
            let applied = self.store.retention_apply(&self.by, apply).await?;
            progress.report().dropped_files += applied.dropped;
            if applied.complete {
                break;
            }
        }
        Ok(())
    }

    /// Expires versions and queues what none needs any more, a step after the other.
    async fn expire(&self, dataset: &Dataset, progress: &Progress<'_>) -> Result<()> {
        while !progress.is_over() {
            let expire = ManifestsExpire {
                dataset: DatasetRef::Id(dataset.id),
                keep_versions: None,
                max_version_age: None,
            };
            let done = self.store.manifests_expire(&self.by, expire).await?;
            let mut report = progress.report();
            report.expired_versions += done.expired.len() as u64;
            report.queued_files += done.queued_files;
            if done.complete {
                break;
            }
        }
        Ok(())
    }
}

/// Whether the dataset was archived or deleted since it was listed.
fn has_left(Refusal(faults): &Refusal) -> bool {
    let has_left = |kind: &FaultKind| matches!(kind, FaultKind::DatasetInactive | FaultKind::NotFound);
    faults.iter().all(|fault| has_left(&fault.kind))
}
