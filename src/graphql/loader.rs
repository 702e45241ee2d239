//! Batches of look-ups: all that one step of a request asks for becomes one call of the store.
//!
//! async-graphql's own `DataLoader` waits on a timer in a task of its own, which either adds a millisecond to every level of a
//! document or tears a batch apart when the timer is short, and can wait for ever when a request is cancelled at the wrong moment.
//! Here the request itself says when it has nothing left to do but wait (see [`super::batched`]), and once all that was sent
//! before is answered, all open batches are sent together: the number of calls depends on the document, not on timing or on the
//! number of rows. Nothing is kept once a batch is answered, so that what follows a mutation sees what is there then. The request
//! runs its batches itself, so that they end when it does, and nothing has to wake another thread.

use std::any::{Any, TypeId};
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::sync::oneshot;

use super::error::{Error, Result};
use super::versions::Versions;
use crate::store::{self, Store};

/// What is looked up. The key says what the store is asked.
pub trait Key: Clone + Eq + Hash + Send + Sync + 'static {
    /// What is found; cheap to clone.
    type Value: Clone + Send + Sync + 'static;

    /// Looks all the keys up at once.
    fn load(store: &Store, keys: Vec<Self>) -> impl Future<Output = store::Result<Found<Self>>> + Send;

    /// What is remembered of it from earlier requests; only what never changes is.
    fn kept(&self, _: &Versions) -> Option<Self::Value> {
        None
    }

    /// Remembers what was found, where it never changes.
    fn keep(&self, _: &Versions, _: &Self::Value) {}
}

/// What was found of what was looked up.
pub type Found<K> = HashMap<K, <K as Key>::Value, RandomState>;

/// What is looked up at once.
pub type Keys<K> = HashSet<K, RandomState>;

/// The answer to a batch, for everyone who waits for it.
type Answer<K> = Shared<BoxFuture<'static, Result<Arc<Found<K>>>>>;

/// The batches of a request. Cheap to clone.
#[derive(Clone)]
pub struct Loaders(Arc<Inner>);

struct Inner {
    store: Store,
    versions: Versions,
    /// Those that still take keys, one for each type of key.
    open: Mutex<HashMap<TypeId, Box<dyn Open>>>,
}

impl Loaders {
    /// Batches on `store`, for what `versions` has not kept.
    pub fn new(store: Store, versions: Versions) -> Self {
        Self(Arc::new(Inner {
            store,
            versions,
            open: Mutex::default(),
        }))
    }

    /// What the batches are looked up in.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// What is remembered of versions.
    pub fn versions(&self) -> &Versions {
        &self.0.versions
    }

    /// What `key` names, if there is such a thing.
    pub async fn load<K: Key>(&self, key: K) -> Result<Option<K::Value>> {
        if let Some(kept) = key.kept(&self.0.versions) {
            return Ok(Some(kept));
        }
        let answer = self.join([key.clone()]).await?;
        let found = answer.get(&key);
        found.inspect(|found| key.keep(&self.0.versions, found));
        Ok(found.cloned())
    }

    /// What these keys name, as far as there is such a thing.
    pub async fn load_all<K: Key>(&self, mut keys: Keys<K>) -> Result<Found<K>> {
        let mut found = Found::<K>::with_capacity_and_hasher(keys.len(), RandomState::default());
        keys.retain(|key| match key.kept(&self.0.versions) {
            Some(kept) => {
                found.insert(key.clone(), kept);
                false
            }
            None => true,
        });
        if keys.is_empty() {
            return Ok(found);
        }
        let answer = self.join(keys.iter().cloned()).await?;
        for key in keys {
            if let Some(value) = answer.get(&key) {
                key.keep(&self.0.versions, value);
                found.insert(key, value.clone());
            }
        }
        Ok(found)
    }

    /// What `key` names, where the catalog itself says that it is there.
    pub async fn expect<K: Key>(&self, key: K) -> Result<K::Value> {
        self.load(key).await?.ok_or_else(missing::<K>)
    }

    /// What these keys name, where the catalog itself says that all are there.
    pub async fn expect_all<K: Key>(&self, keys: Keys<K>) -> Result<Found<K>> {
        let expected = keys.len();
        let found = self.load_all(keys).await?;
        match found.len() == expected {
            true => Ok(found),
            false => Err(missing::<K>()),
        }
    }

    /// All open batches, to be run; none is open after that.
    pub(super) fn take_open(&self) -> Vec<BoxFuture<'static, ()>> {
        let open = std::mem::take(&mut *self.open());
        open.into_values()
            .map(|batch| batch.run(self.0.store.clone()))
            .collect()
    }

    /// Adds keys to the open batch of their type.
    fn join<K: Key>(&self, keys: impl IntoIterator<Item = K>) -> Answer<K> {
        let mut open = self.open();
        let batch = open
            .entry(TypeId::of::<K>())
            .or_insert_with(|| Box::new(Batch::<K>::new()));
        match batch.as_any().downcast_mut::<Batch<K>>() {
            Some(batch) => {
                batch.keys.extend(keys);
                batch.answer.clone()
            }
            None => unreachable!("a batch is kept under the type of its keys"),
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<TypeId, Box<dyn Open>>> {
        // Nothing panics while the lock is held.
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn missing<K: Key>() -> Error {
    Error::internal(&format!("{} finds nothing", std::any::type_name::<K>()))
}

/// A batch that still takes keys.
struct Batch<K: Key> {
    keys: Keys<K>,
    sender: oneshot::Sender<Result<Arc<Found<K>>>>,
    answer: Answer<K>,
}

impl<K: Key> Batch<K> {
    fn new() -> Self {
        let (sender, receiver) = oneshot::channel();
        let answer = async {
            receiver
                .await
                .unwrap_or_else(|_| Err(Error::internal("a batch was not answered")))
        };
        Self {
            keys: Keys::default(),
            sender,
            answer: answer.boxed().shared(),
        }
    }
}

/// A batch of any type of key.
trait Open: Send {
    fn as_any(&mut self) -> &mut dyn Any;

    /// Looks the keys up, and tells everyone who waits.
    fn run(self: Box<Self>, store: Store) -> BoxFuture<'static, ()>;
}

impl<K: Key> Open for Batch<K> {
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn run(self: Box<Self>, store: Store) -> BoxFuture<'static, ()> {
        let Self { keys, sender, .. } = *self;
        store.metrics().batch(short_name::<K>(), keys.len());
        let load = async move { K::load(&store, keys.into_iter().collect()).await };
        // Where the store panics, the sender is dropped, which is an error of whoever waits.
        AssertUnwindSafe(load)
            .catch_unwind()
            .map(|found| {
                if let Ok(found) = found {
                    drop(sender.send(found.map(Arc::new).map_err(Error::from)));
                }
            })
            .boxed()
    }
}

/// The name of a type of keys without its module; of a page, what it is a page of.
fn short_name<K>() -> &'static str {
    let name = std::any::type_name::<K>();
    name.rsplit("::").next().unwrap_or(name).trim_end_matches('>')
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures_util::future::{join_all, pending, try_join};
    use sea_orm::DatabaseConnection;
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::graphql::batched::Batched;
    use crate::store::backend::Connections;
    use crate::store::clock::SystemClock;

    fn loaders() -> Loaders {
        let connections = Connections::new(DatabaseConnection::default(), DatabaseConnection::default());
        Loaders::new(
            Store::new(connections, Arc::new(SystemClock)),
            Versions::default(),
        )
    }

    async fn run<T: Send + 'static>(
        loaders: &Loaders,
        request: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let request = Batched::future(loaders.clone(), request);
        timeout(Duration::from_secs(5), request)
            .await
            .expect("the request waits for ever")
    }

    /// Finds itself; counts the batches of its type.
    macro_rules! echo {
        ($name:ident, $batches:ident) => {
            static $batches: AtomicUsize = AtomicUsize::new(0);

            #[derive(Clone, Debug, PartialEq, Eq, Hash)]
            struct $name(u32);

            impl Key for $name {
                type Value = u32;

                async fn load(_: &Store, keys: Vec<Self>) -> store::Result<Found<Self>> {
                    $batches.fetch_add(1, Ordering::SeqCst);
                    sleep(Duration::from_millis(1)).await;
                    Ok(keys
                        .into_iter()
                        .filter(|key| key.0 < 1_000_000)
                        .map(|key| (key.clone(), key.0))
                        .collect())
                }
            }
        };
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_step_is_one_batch_however_wide_and_deep_it_is() {
        echo!(Wide, BATCHES);
        let loaders = loaders();
        let inner = loaders.clone();
        let sum = run(&loaders, async move {
            let loaders = &inner;
            let group = |group: u32| async move {
                let child = |child: u32| async move {
                    let found = loaders.load(Wide(group * 100 + child)).await.unwrap().unwrap();
                    loaders.load(Wide(found + 1)).await.unwrap().unwrap()
                };
                join_all((0..100).map(child)).await.len()
            };
            join_all((0..100).map(group)).await.into_iter().sum::<usize>()
        })
        .await;
        assert_eq!((sum, BATCHES.load(Ordering::SeqCst)), (10_000, 2));
    }

    #[tokio::test]
    async fn what_is_not_there_is_none() {
        echo!(Sparse, BATCHES);
        let loaders = loaders();
        let inner = loaders.clone();
        let found = run(&loaders, async move { inner.load(Sparse(1_000_000)).await }).await;
        assert_eq!((found, BATCHES.load(Ordering::SeqCst)), (Ok(None), 1));
        let inner = loaders.clone();
        assert!(
            run(&loaders, async move { inner.expect(Sparse(1_000_000)).await })
                .await
                .is_err()
        );
    }

    #[tokio::test]
    async fn a_failed_sibling_stops_nobody_else() {
        echo!(Left, LEFT);
        echo!(Right, RIGHT);
        let loaders = loaders();
        let inner = loaders.clone();
        let answer = run(&loaders, async move {
            // Those who wait for the first batch are dropped while it is under way.
            let failed = try_join(
                async {
                    inner.load(Left(1)).await.unwrap();
                    pending::<Result<(), ()>>().await
                },
                async {
                    sleep(Duration::from_micros(1)).await;
                    Err::<(), ()>(())
                },
            );
            assert!(failed.await.is_err());
            inner.load(Right(2)).await
        });
        assert_eq!(answer.await, Ok(Some(2)));
        assert_eq!(RIGHT.load(Ordering::SeqCst), 1);
        assert!(LEFT.load(Ordering::SeqCst) <= 1);
    }

    #[tokio::test]
    async fn a_panic_of_the_store_is_an_error() {
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        struct Broken;

        impl Key for Broken {
            type Value = ();

            async fn load(_: &Store, _: Vec<Self>) -> store::Result<Found<Self>> {
                panic!("on purpose")
            }
        }

        let loaders = loaders();
        let inner = loaders.clone();
        assert!(
            run(&loaders, async move { inner.load(Broken).await })
                .await
                .is_err()
        );
    }

    #[tokio::test]
    async fn a_cancelled_request_takes_its_batches_along() {
        static DROPPED: AtomicUsize = AtomicUsize::new(0);

        struct CountDrop;

        impl Drop for CountDrop {
            fn drop(&mut self) {
                DROPPED.fetch_add(1, Ordering::SeqCst);
            }
        }

        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        struct Endless;

        impl Key for Endless {
            type Value = ();

            async fn load(_: &Store, _: Vec<Self>) -> store::Result<Found<Self>> {
                let _drop = CountDrop;
                pending().await
            }
        }

        let loaders = loaders();
        let inner = loaders.clone();
        let request = Batched::future(loaders, async move { inner.load(Endless).await.is_ok() });
        assert!(timeout(Duration::from_millis(20), request).await.is_err());
        while DROPPED.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    }
}
