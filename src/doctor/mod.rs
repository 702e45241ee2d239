//! A look at a live catalog: do its invariants hold, is anything stuck, and are the files there.
//!
//! It says what is looked at in which order, and what came of it. It holds no SQL: the store asks the questions, each in a state
//! that does not change meanwhile. It changes nothing unless it is asked to, and then only what is safe whatever else happens.

mod hashes;
mod storage;

use timestore_entity::dataset::Model as Dataset;

use crate::model::check::Check;
use crate::model::duration::IsoDuration;
use crate::storage::Environment;
use crate::store::dataset::{DatasetFilter, DatasetParts};
use crate::store::doctor::Flaw;
use crate::store::{Clock, Page, Result, Store};

/// What [`Store::stuck_mend`] mends.
const MENDABLE: [Check; 3] = [Check::DraftOverdue, Check::RunSilent, Check::LeaseEnded];

/// How many datasets, or storage targets, are listed at a time.
const PAGE: u32 = 100;

/// What a check found to be wrong with something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// With what.
    pub subject: Subject,
    /// The check, and what it found.
    pub flaw: Flaw,
    /// Whether it has been mended.
    pub mended: bool,
}

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A dataset, by its slug.
    Dataset(String),
    /// What belongs to no dataset, or to many.
    Catalog,
    /// A storage target, by its name.
    Target(String),
}

/// Who is told of findings, as soon as they are known.
pub type Report<'a> = dyn FnMut(Finding) + 'a;

/// Someone who looks.
pub struct Doctor<'a> {
    /// The catalog.
    pub store: &'a Store,
    /// What tells the time.
    pub clock: &'a dyn Clock,
    /// Where credentials are looked up.
    pub environment: &'a Environment,
    /// Files that were written later are nobody's business yet: a publisher writes them before it publishes.
    pub orphans_older_than: IsoDuration,
    /// Whether to mend what can be mended safely.
    pub fix: bool,
}

impl Doctor<'_> {
    /// Looks at the records: of one dataset, or of all, archived ones too, and at what is stuck. Returns how many datasets it
    /// looked at.
    pub async fn look_at_records(&self, only: Option<&Dataset>, report: &mut Report<'_>) -> Result<u64> {
        if let Some(dataset) = only {
            self.dataset(dataset, report).await?;
            return Ok(1);
        }
        let filter = DatasetFilter {
            include_archived: true,
            ..DatasetFilter::default()
        };
        let mut page = Page::first(PAGE, None);
        let mut count = 0;
        loop {
            let datasets = self
                .store
                .dataset_page(&filter, false, &page, DatasetParts::USUAL)
                .await?;
            let datasets = datasets.map(|state| state.dataset);
            for dataset in &datasets.rows {
                self.dataset(dataset, report).await?;
                count += 1;
            }
            page.after = datasets.rows.last().map(|dataset| dataset.slug.clone());
            if !datasets.has_more {
                break;
            }
        }
        self.catalog(report).await?;
        Ok(count)
    }

    async fn dataset(&self, dataset: &Dataset, report: &mut Report<'_>) -> Result<()> {
        for flaw in self.store.dataset_flaws(dataset).await? {
            report(Finding {
                subject: Subject::Dataset(dataset.slug.clone()),
                flaw,
                mended: false,
            });
        }
        Ok(())
    }

    /// What is stuck counts as mended when a second look does not find it.
    async fn catalog(&self, report: &mut Report<'_>) -> Result<()> {
        let flaws = self.store.catalog_flaws().await?;
        let mut left: Vec<Check> = flaws.iter().map(|flaw| flaw.check).collect();
        if self.fix && left.iter().any(|check| MENDABLE.contains(check)) {
            self.store.stuck_mend().await?;
            let flaws = self.store.catalog_flaws().await?;
            left = flaws.iter().map(|flaw| flaw.check).collect();
        }
        for flaw in flaws {
            report(Finding {
                mended: MENDABLE.contains(&flaw.check) && !left.contains(&flaw.check),
                subject: Subject::Catalog,
                flaw,
            });
        }
        Ok(())
    }
}
