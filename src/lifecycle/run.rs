//! A recorded run: worked on while its record is kept fresh, and left with what came of it.

use std::time::Duration;

use timestore_entity::enums::RunTrigger;
use timestore_entity::lifecycle_run::Model as LifecycleRun;
use tracing::Instrument;

use super::report::{Progress, Report};
use super::{Lifecycle, Subject};
use crate::halt::Halt;
use crate::store::lifecycle_run::{Heartbeat, RunEnd};
use crate::store::{Result, StoreError};

/// How often a worker says that it is still at a run.
const BEAT: Duration = Duration::from_secs(5);

/// How long a worker has been silent that is taken for dead: many beats.
const SILENCE: chrono::Duration = chrono::Duration::minutes(1);

/// How much of what went wrong the record keeps, in lines.
const MAX_LINES: usize = 10;

impl Lifecycle<'_> {
    /// Does a run that has begun, and records what came of it. Fails only where the record cannot be kept.
    pub(super) async fn run(&self, run: &LifecycleRun, halt: &Halt) -> Result<Report> {
        tracing::debug!(run.id = %run.id, run.kind = run.kind.as_str(), run.attempt = run.attempts, "lifecycle run begins");
        let progress = Progress::new(halt);
        // Somebody asked for its end before its last worker gave it back.
        if run.cancelled_at.is_some() {
            progress.cancel();
        }
        let span = tracing::info_span!("lifecycle_run", run.id = %run.id, run.kind = run.kind.as_str());
        // Side by side, not in turns: on SQLite the record and the work wait for the same connection.
        let worked = tokio::select! {
            worked = self.subject_and_work(run, &progress).instrument(span) => worked,
            never = self.keep_fresh(run, &progress) => match never {},
        };
        if let Err(error) = &worked {
            tracing::error!(run.id = %run.id, error = error as &dyn std::error::Error, "lifecycle run failed");
            progress.report().fail(format!("{}: {error}", run.kind.as_str()));
        }
        let end = end(run, worked, &progress, halt);
        let report = progress.report().clone();
        let counters = report.counters();
        tracing::info!(run.id = %run.id, run.kind = run.kind.as_str(), run.end = ?end, run.counters = %counters, "lifecycle run ends");
        if !self.store.lifecycle_run_end(run, end, &counters).await? {
            tracing::warn!(run.id = %run.id, "another worker has taken the run over");
        }
        Ok(report)
    }

    /// Takes runs from workers that have fallen silent.
    pub(super) async fn recover_runs(&self) -> Result<()> {
        let recovered = self
            .store
            .lifecycle_runs_recover(self.clock.now() - SILENCE)
            .await?;
        if recovered > 0 {
            tracing::warn!(runs = recovered, "workers fell silent; their runs are taken over");
        }
        Ok(())
    }

    /// What came of it: done, or why there was nothing to do.
    async fn subject_and_work(
        &self,
        run: &LifecycleRun,
        progress: &Progress<'_>,
    ) -> Result<Option<&'static str>> {
        match Subject::of(self.store, run.dataset_id).await? {
            Subject::None(reason) => return Ok(Some(reason)),
            Subject::All => self.work(run.kind, None, progress).await?,
            Subject::One(dataset) => self.work(run.kind, Some(&dataset), progress).await?,
        }
        Ok(None)
    }

    /// Says that the worker is still at it, for ever; learns whether somebody asked for the end.
    async fn keep_fresh(&self, run: &LifecycleRun, progress: &Progress<'_>) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(BEAT).await;
            let counters = progress.report().counters();
            match self.store.lifecycle_run_heartbeat(run, &counters).await {
                Ok(Heartbeat::GoOn) => {}
                // Who has lost it stops too; what it says in the end changes nothing.
                Ok(Heartbeat::Cancelled | Heartbeat::Lost) => progress.cancel(),
                Err(error) => {
                    tracing::warn!(run.id = %run.id, error = %error, "lifecycle run not kept fresh")
                }
            }
        }
    }
}

/// How a worker leaves a run. The command line's are nobody else's to go on with.
fn end(
    run: &LifecycleRun,
    worked: Result<Option<&'static str>>,
    progress: &Progress<'_>,
    halt: &Halt,
) -> RunEnd {
    let is_own = run.trigger == RunTrigger::Command;
    let report = progress.report();
    match worked {
        Err(StoreError::Unavailable(_)) if !is_own => RunEnd::Retry(summary(&report)),
        Ok(Some(reason)) => RunEnd::Skipped(Some(reason.to_owned())),
        Ok(None) if progress.is_cancelled() => RunEnd::Skipped(None),
        Ok(None) if halt.is_told() && is_own => RunEnd::Skipped(Some("interrupted".to_owned())),
        Ok(None) if halt.is_told() => RunEnd::GivenBack,
        Ok(None) if report.failures() == 0 => RunEnd::Completed,
        Ok(None) | Err(_) => RunEnd::Failed(summary(&report)),
    }
}

/// What went wrong, a line each, in bounds.
fn summary(report: &Report) -> String {
    let mut lines: Vec<String> = report.errors.iter().take(MAX_LINES).cloned().collect();
    let more = report.failures() - lines.len() as u64;
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.join("\n").replace('\0', "\u{fffd}")
}
