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
mod tests {
    use futures_util::FutureExt;
    use timestore_entity::dataset::Model as Dataset;
    use tokio::sync::Semaphore;
    use tokio::task::{JoinHandle, yield_now};
    use tokio::time::advance;

    use super::*;
    use crate::store::{ByPlace, StoreError};

    const PARTS: DatasetParts = DatasetParts::FEWEST;

    /// Finds every dataset but that of no name, as often as it may; remembers what it was asked.
    struct Catalog {
        asked: Mutex<Vec<Vec<String>>>,
        answers: Semaphore,
        together: Together,
    }

    impl Catalog {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                asked: Mutex::default(),
                answers: Semaphore::new(0),
                together: Together::default(),
            })
        }

        async fn load(self: Arc<Self>, refs: Vec<DatasetRef>) -> Result<Found> {
            let mut slugs: Vec<_> = refs.iter().map(|by| slug_of(by).to_owned()).collect();
            slugs.sort();
            self.asked.lock().unwrap().push(slugs);
            self.answers.acquire().await.unwrap().forget();
            if refs.contains(&named("fails")) {
                return Err(StoreError::Inconsistent("fails".to_owned()));
            }
            let state = |slug: &str| DatasetState {
                dataset: Dataset {
                    slug: slug.to_owned(),
                    ..Dataset::unread()
                },
                head: None,
                policy: None,
                manifest: None,
                schema_version: None,
                parts: PARTS,
            };
            let known = refs.into_iter().filter(|by| !slug_of(by).is_empty());
            Ok(known.map(|by| (by.clone(), (0, state(slug_of(&by))))).collect())
        }

        /// The slug of what is found of a slug.
        async fn find(self: Arc<Self>, slug: &str) -> Result<Option<String>> {
            let catalog = self.clone();
            let load: Load = Arc::new(move |refs| catalog.clone().load(refs).boxed());
            let by = named(slug);
            let mut found = self.together.look_up(PARTS, vec![by.clone()], load).await?;
            let found_one = found.remove(&by).map(|(_, state)| state.dataset.slug);
            assert!(found.is_empty(), "what others ask for");
            Ok(found_one)
        }

        fn asked(&self) -> Vec<Vec<String>> {
            self.asked.lock().unwrap().clone()
        }
    }

    fn named(slug: &str) -> DatasetRef {
        DatasetRef::Slug(slug.to_owned())
    }

    fn slug_of(by: &DatasetRef) -> &str {
        match by {
            DatasetRef::Slug(slug) => slug,
            _ => unreachable!("slugs are asked for"),
        }
    }

    /// Lets everybody do what they can.
    async fn settle() {
        for _ in 0..20 {
            yield_now().await;
        }
    }

    fn finding<const N: usize>(
        catalog: &Arc<Catalog>,
        slugs: [&'static str; N],
    ) -> [JoinHandle<Result<Option<String>>>; N] {
        slugs.map(|slug| tokio::spawn(catalog.clone().find(slug)))
    }

    async fn found(finding: JoinHandle<Result<Option<String>>>) -> Option<String> {
        finding.await.unwrap().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_meanwhile_is_answered_together() {
        let catalog = Catalog::new();
        let slugs = ["a", "b", "c", "b", ""];
        let finding = finding(&catalog, slugs);
        settle().await;
        assert_eq!(catalog.asked(), [["a"]]);
        catalog.answers.add_permits(2);
        for (finding, slug) in finding.into_iter().zip(slugs) {
            let expected = (!slug.is_empty()).then_some(slug);
            assert_eq!(found(finding).await.as_deref(), expected);
        }
        assert_eq!(catalog.asked(), [vec!["a"], vec!["", "b", "c"]]);
        // Nobody is waited for after that.
        catalog.answers.add_permits(1);
        let alone = catalog.clone().find("d").now_or_never().unwrap();
        assert_eq!(alone.unwrap().as_deref(), Some("d"));
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_later_takes_along_who_waits() {
        let catalog = Catalog::new();
        let [first, waits] = finding(&catalog, ["a", "b"]);
        settle().await;
        advance(SPACING).await;
        let [later, waits_again] = finding(&catalog, ["c", "d"]);
        settle().await;
        assert_eq!(catalog.asked(), [vec!["a"], vec!["b", "c"]]);
        catalog.answers.add_permits(3);
        for (finding, slug) in [(waits, "b"), (later, "c"), (first, "a"), (waits_again, "d")] {
            assert_eq!(found(finding).await.as_deref(), Some(slug));
        }
        assert_eq!(catalog.asked()[2..], [["d"]]);
        assert!(catalog.together.queues().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_leaves_keeps_nobody_waiting() {
        let catalog = Catalog::new();
        let [first, leaves, stays] = finding(&catalog, ["a", "b", "c"]);
        settle().await;
        leaves.abort();
        first.abort();
        settle().await;
        assert_eq!(catalog.asked(), [["a"], ["c"]]);
        catalog.answers.add_permits(1);
        assert_eq!(found(stays).await.as_deref(), Some("c"));
        assert!(catalog.together.queues().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_waits_for_ends() {
        let catalog = Catalog::new();
        let [first, one, other] = finding(&catalog, ["a", "b", "c"]);
        settle().await;
        catalog.answers.add_permits(1);
        assert_eq!(found(first).await.as_deref(), Some("a"));
        settle().await;
        assert_eq!(catalog.asked()[1..], [["b", "c"]]);
        one.abort();
        other.abort();
        settle().await;
        assert!(catalog.together.queues().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_answered_together_fails_alone() {
        let catalog = Catalog::new();
        let [first, fails, last] = finding(&catalog, ["a", "fails", "c"]);
        settle().await;
        catalog.answers.add_permits(4);
        assert!(found(first).await.is_some());
        assert!(fails.await.unwrap().is_err());
        assert_eq!(found(last).await.as_deref(), Some("c"));
        assert_eq!(catalog.asked()[1], ["c", "fails"]);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_long_for_others() {
        let catalog = Catalog::new();
        let [hangs, waits] = finding(&catalog, ["a", "b"]);
        settle().await;
        assert_eq!(catalog.asked(), [["a"]]);
        advance(PATIENCE + Duration::from_millis(2)).await;
        settle().await;
        assert_eq!(catalog.asked(), [["a"], ["b"]]);
        hangs.abort();
        settle().await;
        catalog.answers.add_permits(1);
        assert_eq!(found(waits).await.as_deref(), Some("b"));
    }
}
