//! Batches of look-ups: all that one step of a request asks for becomes one call of the store.
//!
//! async-graphql's own `DataLoader` waits on a timer in a task of its own, which either adds a millisecond to every level of a
//! document or tears a batch apart when the timer is short, and never answers when its request is cancelled at the wrong moment.
//! Here a batch is a future that everyone who waits for it shares, and that whichever of them is awake drives. It is sent when
//! the request has nothing left to do but wait, so that the number of calls depends on the document alone, and it goes when the
//! request goes. Nothing is kept once a batch is answered: a later step, after a mutation, sees what is there then.

use std::any::{Any, TypeId};
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};

use super::error::{Error, Result};
use crate::store::{self, Store};

/// What is looked up. The key says what the store is asked.
pub trait Key: Clone + Eq + Hash + Send + Sync + 'static {
    /// What is found; cheap to clone.
    type Value: Clone + Send + Sync + 'static;

    /// Looks all the keys up at once.
    fn load(store: &Store, keys: Vec<Self>) -> impl Future<Output = store::Result<Found<Self>>> + Send;
}

/// What was found of what was looked up.
pub type Found<K> = HashMap<K, <K as Key>::Value>;

/// The open batches of a request, one for each type of key.
#[derive(Clone)]
pub struct Loaders(Arc<Inner>);

struct Inner {
    store: Store,
    open: Mutex<HashMap<TypeId, Box<dyn Any + Send>>>,
}

/// A batch that still takes keys.
struct Batch<K: Key> {
    keys: HashSet<K>,
    answer: Shared<BoxFuture<'static, Result<Arc<Found<K>>>>>,
}

impl Loaders {
    /// Batches of one request on `store`.
    pub fn new(store: Store) -> Self {
        Self(Arc::new(Inner { store, open: Mutex::default() }))
    }

    /// What `key` names, if there is such a thing.
    pub async fn load<K: Key>(&self, key: K) -> Result<Option<K::Value>> {
        let answer = self.join(key.clone());
        Ok(answer.await?.get(&key).cloned())
    }

    /// What `key` names, where the catalog itself says that it is there.
    pub async fn expect<K: Key>(&self, key: K) -> Result<K::Value> {
        let found = self.load(key).await?;
        found.ok_or_else(|| Error::internal(&format!("{} finds nothing", std::any::type_name::<K>())))
    }

    /// Adds a key to the open batch of its type.
    fn join<K: Key>(&self, key: K) -> Shared<BoxFuture<'static, Result<Arc<Found<K>>>>> {
        let mut open = self.0.open();
        let batch = open.entry(TypeId::of::<K>()).or_insert_with(|| {
            let answer = answer::<K>(Arc::downgrade(&self.0)).boxed().shared();
            Box::new(Batch::<K> { keys: HashSet::new(), answer })
        });
        match batch.downcast_mut::<Batch<K>>() {
            Some(batch) => {
                batch.keys.insert(key);
                batch.answer.clone()
            }
            None => unreachable!("a batch is stored under the type of its keys"),
        }
    }
}

impl Inner {
    fn open(&self) -> MutexGuard<'_, HashMap<TypeId, Box<dyn Any + Send>>> {
        // Nothing panics while the lock is held.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn batch_size<K: Key>(&self) -> usize {
        let open = self.open();
        let batch = open.get(&TypeId::of::<K>()).and_then(|batch| batch.downcast_ref::<Batch<K>>());
        batch.map_or(0, |batch| batch.keys.len())
    }

    fn close<K: Key>(&self) -> Vec<K> {
        let batch = self.open().remove(&TypeId::of::<K>()).and_then(|batch| batch.downcast::<Batch<K>>().ok());
        batch.map(|batch| batch.keys.into_iter().collect()).unwrap_or_default()
    }
}

/// Waits until no more keys come, closes the batch and looks its keys up.
async fn answer<K: Key>(loaders: Weak<Inner>) -> Result<Arc<Found<K>>> {
    let loaders = || loaders.upgrade().ok_or_else(|| Error::internal("a batch outlived its request"));
    let mut size = 0;
    loop {
        // Comes back when the runtime has let every task that is ready run, the rest of this request among them.
        tokio::task::yield_now().await;
        let now = loaders()?.batch_size::<K>();
        if now == size {
            break;
        }
        size = now;
    }
    let loaders = loaders()?;
    let keys = loaders.close::<K>();
    let store = loaders.store.clone();
    drop(loaders);
    Ok(Arc::new(K::load(&store, keys).await?))
}

#[cfg(test)]
mod tests {
    // The loader is tested through `answer`'s parts in `tests/it`, where a store can be had.
}
