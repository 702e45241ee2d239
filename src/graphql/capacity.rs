//! How many operations are executed at once, how many wait for their turn, and how long each may take.
//!
//! An operation that runs out of time, or whose client leaves, is dropped, and everything that it waits for with it: its batches,
//! its place in the queue, its connection to the database (see `store::backend`).

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::error::{Code, Error, Result};
use super::turns::Turn;

/// When a client that was sent away may come again, in seconds.
const COME_AGAIN: i32 = 1;

/// Beside so many operations, one event of a subscription is resolved at once.
const EVENTS_SHARE: usize = 8;

/// How many at once, and for how long.
#[derive(Clone, Debug)]
pub struct Capacity {
    /// Operations that are executed at once.
    pub concurrency: usize,
    /// Operations that wait for one of those to end; any more are sent away.
    pub queue: usize,
    /// How long an operation may take, the time that it waits included.
    pub timeout: Duration,
}

impl Default for Capacity {
    fn default() -> Self {
        Self {
            concurrency: 64,
            queue: 256,
            timeout: Duration::from_secs(30),
        }
    }
}

/// Lets operations in.
pub struct Gate {
    capacity: Capacity,
    slots: Semaphore,
    /// For events of subscriptions, which wait as long as it takes.
    events: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

impl Gate {
    /// A gate for so many.
    pub fn new(capacity: Capacity) -> Self {
        Self {
            slots: Semaphore::new(capacity.concurrency),
            events: Arc::new(Semaphore::new(capacity.concurrency.div_ceil(EVENTS_SHARE))),
            waiting: AtomicUsize::new(0),
            capacity,
        }
    }

    /// The turn of a subscription.
    pub(super) fn turn(&self) -> Turn {
        Turn::new(self.events.clone(), self.capacity.timeout)
    }

    /// What `work` comes to, once it is its turn; an error when there is no room to wait for that, or no time is left.
    pub async fn run<T>(&self, operation: Option<OperationType>, work: impl Future<Output = T>) -> Result<T> {
        let deadline = Instant::now() + self.capacity.timeout;
        let slot = match timeout_at(deadline, self.slot()).await {
            Ok(slot) => slot?,
            // It has not begun.
            Err(_) => return Err(overloaded()),
        };
        let done = timeout_at(deadline, work).await;
        drop(slot);
        done.map_err(|_| self.out_of_time(operation))
    }

    async fn slot(&self) -> Result<SemaphorePermit<'_>> {
        if let Ok(slot) = self.slots.try_acquire() {
            return Ok(slot);
        }
        let _place = Place::take(&self.waiting, self.capacity.queue).ok_or_else(overloaded)?;
        // The semaphore is never closed.
        self.slots.acquire().await.map_err(|_| overloaded())
    }

    fn out_of_time(&self, operation: Option<OperationType>) -> Error {
        let seconds = self.capacity.timeout.as_secs_f64();
        let message = match operation {
            Some(OperationType::Mutation) => format!(
                "the mutation took longer than {seconds} s and was cancelled; whether it was done is not known: ask for the \
                 commitStatus of its idempotency key, or repeat it with the same key"
            ),
            _ => format!("the request took longer than {seconds} s and was cancelled"),
        };
        Error::new(Code::Timeout, message)
    }
}

/// A place in the queue, free again when it is dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    /// None where so many are waiting already.
    fn take(waiting: &'a AtomicUsize, queue: usize) -> Option<Self> {
        let place = Self(waiting);
        // Dropped again where there were too many.
        (waiting.fetch_add(1, Ordering::Relaxed) < queue).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn overloaded() -> Error {
    let message = "the gateway is busy, and has not begun with the request; repeat it later";
    Error::new(Code::Overloaded, message).retry_after(COME_AGAIN)
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use futures_util::FutureExt;
    use futures_util::poll;
    use tokio::sync::oneshot;

    use super::*;

    fn gate(concurrency: usize, queue: usize, timeout: Duration) -> Gate {
        Gate::new(Capacity {
            concurrency,
            queue,
            timeout,
        })
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn so_many_run_so_many_wait_and_any_more_are_sent_away() {
        let gate = gate(1, 1, HOUR);
        let (end, ends) = oneshot::channel();
        let mut running = Box::pin(gate.run(None, ends));
        assert!(poll!(&mut running).is_pending());
        let mut waiting = Box::pin(gate.run(None, ready(2)));
        assert!(poll!(&mut waiting).is_pending());
        let refused = gate.run(None, ready(3)).now_or_never().unwrap();
        assert_eq!(refused.unwrap_err().code(), Code::Overloaded);
        end.send(1).unwrap();
        assert_eq!(running.await.unwrap(), Ok(1));
        assert_eq!(waiting.await.unwrap(), 2);
        assert_eq!(gate.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn whoever_leaves_gives_back_slot_and_place() {
        let gate = gate(1, 1, HOUR);
        let mut running = Box::pin(gate.run(None, pending::<()>()));
        assert!(poll!(&mut running).is_pending());
        let mut waiting = Box::pin(gate.run(None, pending::<()>()));
        assert!(poll!(&mut waiting).is_pending());
        drop((running, waiting));
        assert_eq!(gate.run(None, ready(1)).now_or_never().unwrap().unwrap(), 1);
        assert_eq!(gate.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn what_runs_out_of_time_is_cancelled_and_says_what_is_known() {
        let gate = gate(1, 1, Duration::from_millis(1));
        let query = gate
            .run(Some(OperationType::Query), pending::<()>())
            .await
            .unwrap_err();
        assert_eq!(query.code(), Code::Timeout);
        assert!(!query.message().contains("not known"), "{}", query.message());
        let mutation = gate
            .run(Some(OperationType::Mutation), pending::<()>())
            .await
            .unwrap_err();
        assert!(
            mutation.message().contains("commitStatus"),
            "{}",
            mutation.message()
        );
        assert_eq!(gate.run(None, ready(1)).await.unwrap(), 1);
    }
}
