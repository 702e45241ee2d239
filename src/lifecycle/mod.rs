//! One pass over the catalog: retention policies are applied, old versions expire, the files that no version needs any more are
//! deleted, and what has served is cleared away.
//!
//! It owns no rule and no SQL: it calls the steps of the store, each of which is bounded, safe beside publishers and other
//! passes, and finds its own work, until there is nothing left. A pass that is killed loses nothing; the next one goes on.

mod removal;

use timestore_entity::Timestamp;
use timestore_entity::dataset::Model as Dataset;

use crate::auth::Requester;
use crate::storage::Environment;
use crate::store::dataset::DatasetFilter;
use crate::store::history::ManifestsExpire;
use crate::store::retention::RetentionApply;
use crate::store::{Clock, DatasetRef, Page, Result, Store};

/// How many rows a step of clearing away takes at the most.
const BATCH: u32 = 1_000;

/// How many datasets are listed at a time.
const DATASETS: u32 = 100;

/// How long settled removals are remembered.
const MEMORY: chrono::Duration = chrono::Duration::days(30);

/// What a pass does, and what it counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Datasets that were looked at.
    pub datasets: u64,
    /// Files that left the current versions of their datasets.
    pub dropped_files: i64,
    /// Versions that expired.
    pub expired_versions: u64,
    /// Files that were queued for removal.
    pub queued_files: u64,
    /// Files that were deleted.
    pub removed_files: u64,
    /// Files that could not be deleted, and are tried again or given up.
    pub failed_files: u64,
    /// Rows that had served and were cleared away.
    pub cleared_rows: u64,
    /// What went wrong, by dataset or target. The pass went on with the rest.
    pub errors: Vec<String>,
}

/// A worker that makes passes.
pub struct Lifecycle<'a> {
    /// The catalog.
    pub store: &'a Store,
    /// What tells the time.
    pub clock: &'a dyn Clock,
    /// Where credentials are looked up.
    pub environment: &'a Environment,
    /// In whose name.
    pub by: Requester,
}

impl Lifecycle<'_> {
    /// Makes a pass over one dataset, or over all and what belongs to none.
    pub async fn pass(&self, only: Option<&DatasetRef>) -> Result<Report> {
        let mut report = Report::default();
        match only {
            Some(dataset) => {
                if let Some(dataset) = self.store.dataset_find(dataset).await? {
                    self.dataset(&dataset, &mut report).await;
                }
            }
            None => self.datasets(&mut report).await?,
        }
        self.remove_files(&mut report).await?;
        if only.is_none() {
            self.clear_away(&mut report).await?;
        }
        Ok(report)
    }

    /// Every dataset that is not archived: an archived one is left as it is.
    async fn datasets(&self, report: &mut Report) -> Result<()> {
        let mut page = Page::first(DATASETS, None);
        loop {
            let datasets = self
                .store
                .dataset_page(&DatasetFilter::default(), false, &page)
                .await?;
            for dataset in &datasets.rows {
                self.dataset(dataset, report).await;
            }
            if !datasets.has_more {
                return Ok(());
            }
            page.after = datasets.rows.last().map(|dataset| dataset.slug.clone());
        }
    }

    /// What goes wrong with one dataset keeps no other from its turn.
    async fn dataset(&self, dataset: &Dataset, report: &mut Report) {
        report.datasets += 1;
        if let Err(error) = self.let_go(dataset, report).await {
            tracing::error!(dataset.slug = %dataset.slug, error = %error, "the dataset was left halfway; the next pass goes on");
            report.errors.push(format!("dataset {}: {error}", dataset.slug));
        }
    }

    async fn let_go(&self, dataset: &Dataset, report: &mut Report) -> Result<()> {
        let reference = || DatasetRef::Id(dataset.id);
        loop {
            let heads = self.store.dataset_heads(&[dataset.id]).await?;
            let before = heads.get(&dataset.id).map_or(0, |head| head.latest_version);
            let apply = RetentionApply {
                dataset: reference(),
                expected_version: None,
                idempotency_key: None,
            };
            let applied = self.store.retention_apply(&self.by, apply).await?;
            let new = applied
                .published
                .manifest
                .filter(|manifest| manifest.version > before);
            report.dropped_files += new.map_or(0, |manifest| manifest.removed_count.into());
            if applied.complete {
                break;
            }
        }
        loop {
            let expire = ManifestsExpire {
                dataset: reference(),
                keep_versions: None,
                max_version_age: None,
            };
            let done = self.store.manifests_expire(&self.by, expire).await?;
            report.expired_versions += done.expired.len() as u64;
            report.queued_files += done.queued_files;
            if done.complete {
                return Ok(());
            }
        }
    }

    async fn clear_away(&self, report: &mut Report) -> Result<()> {
        let old: Timestamp = self.clock.now() - MEMORY;
        loop {
            let cleared = self.store.drafts_expire(BATCH).await?
                + self.store.idempotency_records_forget(BATCH).await?
                + self.store.file_removals_forget(old, BATCH).await?;
            if cleared == 0 {
                return Ok(());
            }
            report.cleared_rows += cleared;
        }
    }
}
