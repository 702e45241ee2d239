//! Datasets that requests look up together.
//!
//! Nearly every request begins with the look-up of a dataset. Whoever asks while nobody else does is answered at once. Whoever asks
//! just after a look-up has begun waits for its end, or for somebody who asks later, and is then answered together with all who have
//! asked meanwhile: a statement for many costs little more than one for each of them, so that the more is asked, the less each takes. A
//! look-up begins after all have asked whom it answers: nobody hears what was so before.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use tracing::{Instrument, Span};

use super::{DatasetParts, DatasetState};
use crate::metrics::Tally;
use crate::store::{DatasetRef, Result};

/// How long after a look-up the next one begins at the earliest, unless the first has ended: longer than one takes where the database
/// is near, and not much to wait for where it is far.
const SPACING: Duration = Duration::from_micros(500);

/// How long anyone waits for others: one connection that hangs does not keep everybody from theirs.
const PATIENCE: Duration = Duration::from_secs(1);

/// Datasets that were found, whoever may see them, each with the revision of the storage targets at that time.
pub(super) type Found = HashMap<DatasetRef, (i64, DatasetState)>;

/// Finds datasets.
pub(super) type Load = Arc<dyn Fn(Vec<DatasetRef>) -> BoxFuture<'static, Result<Found>> + Send + Sync>;

/// The look-ups that are under way, by what they read. Cheap to clone.
#[derive(Clone, Default)]
pub(in crate::store) struct Together(Arc<Mutex<HashMap<DatasetParts, Queue>>>);

/// Look-ups that read the same.
struct Queue {
    /// How many are under way.
    under_way: usize,
    /// When the last of them began.
    began: Instant,
    /// Those whom the next one answers.
    waiting: Vec<Waiting>,
}

/// Someone who waits for the next look-up.
struct Waiting {
    refs: Vec<DatasetRef>,
    answer: oneshot::Sender<Found>,
    /// What the look-up counts for, and belongs to, where this one was the first to wait for it.
    request: (Tally, Span),
}

impl Together {
    /// What `load` finds, which reads `parts`.
    pub(super) async fn look_up(
        &self,
        parts: DatasetParts,
        refs: Vec<DatasetRef>,
        load: Load,
    ) -> Result<Found> {
        let Some(answer) = self.join(parts, &refs, &load) else {
            let _turn = self.turn(parts, &load);
            return load(refs).await;
        };
        match timeout(PATIENCE, answer).await {
            Ok(Ok(found)) => Ok(found),
            // What is wrong is for each to find out.
            _ => load(refs).await,
        }
    }

    /// Takes part in the next look-up, which may begin now. Where none is under way there is nothing to wait for.
    fn join(
        &self,
        parts: DatasetParts,
        refs: &[DatasetRef],
        load: &Load,
    ) -> Option<oneshot::Receiver<Found>> {
        let now = Instant::now();
        let mut queues = self.queues();
        let queue = match queues.entry(parts) {
            Entry::Vacant(nobody) => {
                nobody.insert(Queue {
                    under_way: 1,
                    began: now,
                    waiting: Vec::new(),
                });
                return None;
            }
            Entry::Occupied(queue) => queue.into_mut(),
        };
        let (sender, answer) = oneshot::channel();
        queue.waiting.push(Waiting {
            refs: refs.to_vec(),
            answer: sender,
            request: (Tally::current(), Span::current()),
        });
        if now - queue.began >= SPACING {
            queue.under_way += 1;
            queue.began = now;
            let waiting = std::mem::take(&mut queue.waiting);
            drop(queues);
            self.turn(parts, load).answer(waiting);
        }
        Some(answer)
    }

    /// A look-up that was counted.
    fn turn(&self, parts: DatasetParts, load: &Load) -> Turn {
        Turn {
            together: self.clone(),
            parts,
            load: load.clone(),
        }
    }

    /// Takes those whom the next look-up answers, now that one has ended. Where there are none, it has no next.
    fn next(&self, parts: DatasetParts) -> Vec<Waiting> {
        let mut queues = self.queues();
        let Entry::Occupied(mut entry) = queues.entry(parts) else {
            return Vec::new();
        };
        let queue = entry.get_mut();
        queue.waiting.retain(|one| !one.answer.is_closed());
        if queue.waiting.is_empty() {
            queue.under_way -= 1;
            if queue.under_way == 0 {
                entry.remove();
            }
            return Vec::new();
        }
        queue.began = Instant::now();
        std::mem::take(&mut queue.waiting)
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<DatasetParts, Queue>> {
        // Nothing panics while the lock is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A look-up that is under way. However it ends, the next one begins then.
struct Turn {
    together: Together,
    parts: DatasetParts,
    load: Load,
}

impl Turn {
    /// Looks up what all of these wait for, as a task of its own: each of them may leave. It ends when all have.
    fn answer(self, mut waiting: Vec<Waiting>) {
        let Some((tally, span)) = waiting.first().map(|first| first.request.clone()) else {
            return;
        };
        let refs: HashSet<DatasetRef> = waiting.iter().flat_map(|one| one.refs.iter().cloned()).collect();
        let answering = async move {
            let look_up = tally.over((self.load)(refs.into_iter().collect()));
            let found = tokio::select! {
                biased;
                found = look_up => found,
                _ = join_all(waiting.iter_mut().map(|one| one.answer.closed())) => return,
            };
            drop(self);
            let Ok(found) = found else { return };
            for Waiting { refs, answer, .. } in waiting {
                let own = refs.into_iter().filter_map(|by| {
                    let dataset = found.get(&by)?.clone();
                    Some((by, dataset))
                });
                // Who has left needs no answer.
                drop(answer.send(own.collect()));
            }
        };
        // Without a runtime nobody waits any more.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(answering.instrument(span));
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let waiting = self.together.next(self.parts);
        if !waiting.is_empty() {
            self.together.turn(self.parts, &self.load).answer(waiting);
        }
    }
}

#[cfg(test)]
#[path = "together_tests.rs"]
mod tests;
