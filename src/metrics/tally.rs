//! How many statements a request takes, counted wherever the tasks of the request run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

tokio::task_local! {
    static CURRENT: Tally;
}

/// Counts the statements of one request. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Tally(Arc<AtomicU64>);

impl Tally {
    /// What the present task counts for; a tally of its own where it counts for none.
    pub fn current() -> Self {
        CURRENT.try_with(Clone::clone).unwrap_or_default()
    }

    /// Lets what `work` does count.
    pub async fn over<T>(self, work: impl Future<Output = T>) -> T {
        CURRENT.scope(self, work).await
    }

    /// The same for work that is done bit by bit.
    pub fn over_poll<T>(&self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self.clone(), work)
    }

    /// How many statements there were.
    pub fn statements(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts a statement for the request of the present task, if it has one.
pub(super) fn count() {
    // Statements of the lifecycle worker, or of a probe, are no request's.
    let _ = CURRENT.try_with(|tally| tally.0.fetch_add(1, Ordering::Relaxed));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_counts_what_its_tasks_do_and_nothing_else() {
        let tally = Tally::default();
        let work = async {
            count();
            let carried = Tally::current();
            tokio::spawn(carried.over(async { count() })).await.unwrap();
        };
        count();
        tally.clone().over(work).await;
        count();
        assert_eq!(tally.statements(), 2);
    }
}
