//! The lifecycle worker: retention policies are applied, old versions expire, the files that no version needs any more are
//! deleted, and what has served is cleared away.
//!
//! It owns no rule and no SQL: it calls the steps of the store, each of which is bounded, safe beside publishers and other
//! workers, and finds its own work, until there is nothing left. A run that is killed loses nothing; the next one goes on.

// In reading order; the blank lines keep rustfmt from sorting them.

mod report;

mod run;

mod retention;

mod removal;

mod housekeeping;

mod schedule;

use timestore_entity::dataset::Model as Dataset;
use timestore_entity::enums::{DatasetStatus, RunKind};
use timestore_entity::ids::DatasetId;

use self::report::Progress;
pub use self::report::Report;
pub use self::schedule::{Pace, Schedule};
use crate::auth::Requester;
use crate::halt::Halt;
use crate::model::duration::IsoDuration;
use crate::storage::Environment;
use crate::store::lifecycle_run::{LifecycleRunOpen, takes_dataset};
use crate::store::{Clock, DatasetRef, Result, Store};

/// How long records of what happened are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Audit events.
    pub audit_events: IsoDuration,
    /// Changes of the feed: a reader that was away for longer has to begin anew.
    pub changes: IsoDuration,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            audit_events: IsoDuration::days(365),
            changes: IsoDuration::days(30),
        }
    }
}

/// A worker.
pub struct Lifecycle<'a> {
    /// The catalog.
    pub store: &'a Store,
    /// What tells the time.
    pub clock: &'a dyn Clock,
    /// Where credentials are looked up.
    pub environment: &'a Environment,
    /// How long records are kept.
    pub memory: Memory,
    /// In whose name.
    pub by: Requester,
    /// Which process it is, for people.
    pub name: String,
}

impl Lifecycle<'_> {
    /// Makes a pass over one dataset, or over all and what belongs to none: a recorded run of each kind, one after the other.
    pub async fn pass(&self, only: Option<&DatasetRef>, halt: &Halt) -> Result<Report> {
        self.recover_runs().await?;
        let only = match only {
            None => None,
            Some(named) => match self.store.dataset_find(named).await? {
                Some(dataset) => Some(dataset.id),
                None => return Ok(Report::default()),
            },
        };
        let mut report = Report::default();
        for kind in RunKind::ALL {
            if halt.is_told() || (*kind == RunKind::Housekeeping && only.is_some()) {
                break;
            }
            let open = LifecycleRunOpen {
                kind: *kind,
                dataset: only.filter(|_| takes_dataset(*kind)),
                worker: self.name.clone(),
            };
            let run = self.store.lifecycle_run_open(&self.by, open).await?;
            report.add(self.run(&run, halt).await?);
        }
        Ok(report)
    }

    /// Does what a run of `kind` does, until nothing is left or it is told to stop.
    async fn work(&self, kind: RunKind, dataset: Option<&Dataset>, progress: &Progress<'_>) -> Result<()> {
        match kind {
            RunKind::Retention | RunKind::History => self.datasets(kind, dataset, progress).await,
            RunKind::Removal => self.remove_files(progress).await,
            RunKind::Housekeeping => self.clear_away(progress).await,
        }
    }
}

/// A dataset that a run is about.
enum Subject {
    /// All of them.
    All,
    /// This one.
    One(Box<Dataset>),
    /// One that is not there to be worked on, and why.
    None(&'static str),
}

impl Subject {
    /// What a run of the dataset with this id is about.
    async fn of(store: &Store, dataset: Option<DatasetId>) -> Result<Self> {
        let Some(id) = dataset else { return Ok(Self::All) };
        Ok(match store.dataset_find(&DatasetRef::Id(id)).await? {
            None => Self::None("the dataset is gone"),
            Some(dataset) if dataset.status == DatasetStatus::Inactive => {
                Self::None("the dataset is archived")
            }
            Some(dataset) => Self::One(Box::new(dataset)),
        })
    }
}
