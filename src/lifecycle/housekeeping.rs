//! Clearing away what has served, batch by batch.

use super::Lifecycle;
use super::report::Progress;
use crate::store::Result;

/// How many rows a step takes at the most.
const BATCH: u32 = 1_000;

/// How long settled removals and ended runs are remembered.
const MEMORY: chrono::Duration = chrono::Duration::days(30);

impl Lifecycle<'_> {
    /// Clears away drafts and idempotency keys past their time, settled removals, ended runs, old audit events and old changes.
    pub(super) async fn clear_away(&self, progress: &Progress<'_>) -> Result<()> {
        let now = self.clock.now();
        let old = now - MEMORY;
        // An age that reaches back before all time keeps everything.
        let oldest_event = self.memory.audit_events.before(now);
        let oldest_change = self.memory.changes.before(now);
        while !progress.is_over() {
            let mut cleared = self.store.drafts_expire(BATCH).await?
                + self.store.idempotency_records_forget(BATCH).await?
                + self.store.file_removals_forget(old, BATCH).await?
                + self.store.lifecycle_runs_forget(old, BATCH).await?;
            if let Some(oldest) = oldest_event {
                cleared += self.store.audit_events_forget(oldest, BATCH).await?;
            }
            if let Some(oldest) = oldest_change {
                cleared += self.store.changes_forget(oldest, BATCH).await?;
            }
            if cleared == 0 {
                break;
            }
            progress.report().cleared_rows += cleared;
        }
        Ok(())
    }
}
