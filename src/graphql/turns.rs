//! The turns of subscriptions: how many events are resolved at once, and how long each may take.
//!
//! A subscription mostly waits and takes no room then. Those that are behind have thousands of events to resolve, and would leave
//! nothing to queries.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_graphql::Response;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep_until};

use super::error::{Code, Error};

/// The turn of one subscription. In the data of its request.
#[derive(Clone, Debug)]
pub struct Turn(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    slots: Arc<Semaphore>,
    timeout: Duration,
    slot: Mutex<Option<OwnedSemaphorePermit>>,
    began: watch::Sender<Option<Instant>>,
}

impl Turn {
    /// For a subscription that shares `slots` with all others, and has so much time for each event.
    pub(super) fn new(slots: Arc<Semaphore>, timeout: Duration) -> Self {
        Self(Arc::new(Inner {
            slots,
            timeout,
            slot: Mutex::default(),
            began: watch::Sender::default(),
        }))
    }

    /// Waits for its turn to resolve an event.
    pub(super) async fn take(&self) {
        if self.0.began.borrow().is_some() {
            return;
        }
        // The semaphore is never closed.
        let slot = self.0.slots.clone().acquire_owned().await.ok();
        self.set(slot, Some(Instant::now()));
    }

    fn give_back(&self) {
        self.set(None, None);
    }

    fn set(&self, slot: Option<OwnedSemaphorePermit>, began: Option<Instant>) {
        *self.0.slot.lock().unwrap_or_else(PoisonError::into_inner) = slot;
        self.0.began.send_replace(began);
    }

    /// Waits until an event has taken too long.
    async fn is_over(&self) {
        let mut began = self.0.began.subscribe();
        loop {
            let at = *began.borrow_and_update();
            let late = async {
                match at {
                    Some(at) => sleep_until(at + self.0.timeout).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = late => return,
                // The sender is in the turn itself.
                _ = began.changed() => {}
            }
        }
    }

    /// The responses of the subscription: each gives the turn back. After one that took too long, no other comes.
    pub(super) fn over(self, responses: BoxStream<'static, Response>) -> BoxStream<'static, Response> {
        stream::unfold(Some((self, responses)), async |running| {
            let (turn, mut responses) = running?;
            tokio::select! {
                response = responses.next() => {
                    turn.give_back();
                    Some((response?, Some((turn, responses))))
                }
                () = turn.is_over() => {
                    let seconds = turn.0.timeout.as_secs_f64();
                    let message = format!("the event took longer than {seconds} s; select less of it");
                    let error = Error::new(Code::Timeout, message);
                    Some((Response::from_errors(vec![error.into()]), None))
                }
            }
        })
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::Value;
    use futures_util::future::{join_all, pending};

    use super::*;

    /// A subscription to three events, each of which takes `work`.
    fn subscription(turn: &Turn, work: Duration) -> BoxStream<'static, Response> {
        let resolving = turn.clone();
        let events = stream::iter(0..3).then(move |event| {
            let turn = resolving.clone();
            async move {
                turn.take().await;
                tokio::time::sleep(work).await;
                Response::new(Value::from(event))
            }
        });
        turn.clone().over(events.boxed())
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_events_are_resolved_at_once_than_there_are_slots() {
        let slots = Arc::new(Semaphore::new(2));
        let start = Instant::now();
        let all = (0..4).map(|_| {
            let turn = Turn::new(slots.clone(), Duration::from_secs(60));
            subscription(&turn, Duration::from_secs(1)).count()
        });
        assert_eq!(join_all(all).await, [3; 4]);
        // Twelve events of a second, two at a time.
        assert_eq!(start.elapsed().as_secs(), 6);
        assert_eq!(slots.available_permits(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_that_takes_too_long_is_the_last_and_frees_its_slot() {
        let slots = Arc::new(Semaphore::new(1));
        let turn = Turn::new(slots.clone(), Duration::from_secs(1));
        let resolving = turn.clone();
        let endless = stream::once(async move {
            resolving.take().await;
            pending::<Response>().await
        });
        let responses: Vec<Response> = turn.clone().over(endless.boxed()).collect().await;
        drop(turn);
        assert_eq!(responses.len(), 1);
        assert!(responses[0].errors[0].message.contains("longer than 1 s"));
        assert_eq!(slots.available_permits(), 1);
    }
}
