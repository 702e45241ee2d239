//! The look-ups that objects are written with, and whether they would find the same again.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::graphql::loader::{Found, Key, Keys, Loaders};

/// What it means that a key finds nothing.
#[derive(Clone, Copy, Debug)]
pub enum Missing {
    /// There is none.
    IsNull,
    /// The catalog contradicts itself, which says that it is there.
    IsFault,
}

/// Makes look-ups.
pub struct LookUps<'a> {
    loaders: &'a Loaders,
    /// Those that were made, where somebody wants to know.
    made: Option<Mutex<Made>>,
}

/// Look-ups that were made.
pub type Made = Vec<Box<dyn LookUp>>;

/// A look-up that was made.
#[async_trait]
pub trait LookUp: Any + Send + Sync {
    /// Whether it finds the same now.
    async fn finds_the_same(&self, loaders: &Loaders) -> bool;

    /// Whether the other one looked for the same and found it.
    fn found_the_same(&self, other: &dyn LookUp) -> bool;
}

struct Looked<K: Key> {
    keys: Keys<K>,
    missing: Missing,
    found: Arc<Found<K>>,
}

impl<'a> LookUps<'a> {
    /// Makes look-ups by `loaders`, and remembers them where `is_remembered`.
    pub(super) fn new(loaders: &'a Loaders, is_remembered: bool) -> Self {
        Self {
            loaders,
            made: is_remembered.then(Mutex::default),
        }
    }

    /// What these keys find; none where it must be resolved, which says what went wrong.
    pub(super) async fn find<K>(&self, keys: Keys<K>, missing: Missing) -> Option<Arc<Found<K>>>
    where
        K: Key<Value: PartialEq>,
    {
        let asked = self.made.as_ref().map(|made| (made, keys.clone()));
        let found = Arc::new(find(self.loaders, keys, missing).await?);
        if let Some((made, keys)) = asked {
            let found = found.clone();
            let looked = Box::new(Looked { keys, missing, found });
            made.lock().unwrap_or_else(PoisonError::into_inner).push(looked);
        }
        Some(found)
    }

    /// The look-ups that were made, where they are remembered.
    pub(super) fn made(self) -> Option<Made> {
        Some(self.made?.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl<K: Key<Value: PartialEq>> LookUp for Looked<K> {
    async fn finds_the_same(&self, loaders: &Loaders) -> bool {
        find(loaders, self.keys.clone(), self.missing)
            .await
            .is_some_and(|found| found == *self.found)
    }

    fn found_the_same(&self, other: &dyn LookUp) -> bool {
        let other: &dyn Any = other;
        let other = other.downcast_ref::<Self>();
        other.is_some_and(|other| other.keys == self.keys && other.found == self.found)
    }
}

async fn find<K: Key>(loaders: &Loaders, keys: Keys<K>, missing: Missing) -> Option<Found<K>> {
    match missing {
        Missing::IsNull => loaders.load_all(keys).await.ok(),
        Missing::IsFault => loaders.expect_all(keys).await.ok(),
    }
}
