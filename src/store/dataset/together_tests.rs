//! Those who ask at the same time: who is answered with whom, and what becomes of those who leave.

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
