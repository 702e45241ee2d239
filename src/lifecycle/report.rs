//! What a worker counts while it is at a run, and when it is to stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value as Json};

use crate::halt::Halt;

/// How many errors a run keeps, so that a catalog where all goes wrong costs no more.
const MAX_ERRORS: usize = 100;

/// What was done, and what went wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Datasets whose policies were applied.
    pub datasets: u64,
    /// Files that left the current versions of their datasets.
    pub dropped_files: u64,
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
    /// What went wrong first, by dataset or target. The run went on with the rest.
    pub errors: Vec<String>,
    /// How many more things went wrong.
    pub more_errors: u64,
}

impl Report {
    /// Remembers that something went wrong.
    pub(super) fn fail(&mut self, error: String) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(error);
        } else {
            self.more_errors += 1;
        }
    }

    /// Adds what another run did.
    pub(super) fn add(&mut self, other: Self) {
        self.datasets += other.datasets;
        self.dropped_files += other.dropped_files;
        self.expired_versions += other.expired_versions;
        self.queued_files += other.queued_files;
        self.removed_files += other.removed_files;
        self.failed_files += other.failed_files;
        self.cleared_rows += other.cleared_rows;
        self.more_errors += other.more_errors;
        other.errors.into_iter().for_each(|error| self.fail(error));
    }

    /// The counts that are not zero, as a run keeps them.
    pub(super) fn counters(&self) -> Json {
        let counts = [
            ("datasets", self.datasets),
            ("droppedFiles", self.dropped_files),
            ("expiredVersions", self.expired_versions),
            ("queuedFiles", self.queued_files),
            ("removedFiles", self.removed_files),
            ("failedFiles", self.failed_files),
            ("clearedRows", self.cleared_rows),
        ];
        let counts = counts.into_iter().filter(|(_, count)| *count > 0);
        Json::Object(
            counts
                .map(|(name, count)| (name.to_owned(), count.into()))
                .collect::<Map<_, _>>(),
        )
    }

    /// How many things went wrong.
    pub fn failures(&self) -> u64 {
        self.errors.len() as u64 + self.more_errors
    }
}

/// A run under way, for those who do it and those who watch it.
pub(super) struct Progress<'a> {
    report: Mutex<Report>,
    is_cancelled: AtomicBool,
    halt: &'a Halt,
}

impl<'a> Progress<'a> {
    /// Of a run that stops when `halt` is told.
    pub(super) fn new(halt: &'a Halt) -> Self {
        Self {
            report: Mutex::default(),
            is_cancelled: AtomicBool::new(false),
            halt,
        }
    }

    /// What has been counted so far.
    pub(super) fn report(&self) -> MutexGuard<'_, Report> {
        // Nothing panics while the lock is held.
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for the end of the run.
    pub(super) fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Release);
    }

    /// Whether somebody asked for the end of the run.
    pub(super) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Acquire)
    }

    /// Whether to do no further step.
    pub(super) fn is_over(&self) -> bool {
        self.is_cancelled() || self.halt.is_told()
    }
}
