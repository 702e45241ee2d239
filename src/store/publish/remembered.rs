//! Where datasets stand that this gateway publishes to, and the queue of those who do.
//!
//! Whoever publishes to a dataset that others of this gateway publish to waits here, in order, and not in the database. A gateway that
//! found nobody else's version after its own remembers where it left the dataset; one that did will find others again, and looks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quick_cache::sync::Cache;
use timestore_entity::dataset::Model as Dataset;
use timestore_entity::dataset_head::Model as DatasetHead;
use tokio::sync::{Mutex as Queue, MutexGuard as Turn};

use super::input::Published;
use crate::auth::Requester;
use crate::store::DatasetRef;
use crate::store::access::own_scopes;

/// The datasets that are remembered. Cheap to clone.
#[derive(Clone)]
pub(in crate::store) struct RememberedHeads(Arc<Cache<DatasetRef, Arc<Remembered>>>);

/// A dataset.
pub(super) struct Remembered {
    queue: Queue<()>,
    last: Mutex<Last>,
}

/// What the last publish through this gateway left.
struct Last {
    dataset: Dataset,
    version: i32,
    /// None where others publish to it, too, and while it is not known.
    head: Option<DatasetHead>,
}

impl RememberedHeads {
    /// Remembers so many datasets.
    pub(in crate::store) fn new(most: usize) -> Self {
        Self(Arc::new(Cache::new(most)))
    }

    /// The one that is named, where it is remembered and `by` could write it: nobody waits for others, or has them wait, who may not.
    pub(super) fn find(&self, by: &Requester, named: &DatasetRef) -> Option<Arc<Remembered>> {
        let found = self.0.get(named)?;
        let may_write = {
            let last = found.last();
            let own = own_scopes(&last.dataset);
            by.may_read(own) && by.may_write(own)
        };
        may_write.then_some(found)
    }

    /// Remembers what was published to the dataset that is named.
    pub(super) fn keep(&self, named: &DatasetRef, published: &Published) {
        let (Some(manifest), Some(head)) = (&published.manifest, &published.head) else {
            return;
        };
        let (dataset, version) = (published.dataset.clone(), manifest.version);
        let Some(found) = self.0.get(named) else {
            let last = Mutex::new(Last {
                dataset,
                version,
                head: None,
            });
            let queue = Queue::default();
            self.0.insert(named.clone(), Arc::new(Remembered { queue, last }));
            return;
        };
        let mut last = found.last();
        let is_next = last.dataset.id == dataset.id && last.version + 1 == version;
        *last = Last {
            dataset,
            version,
            head: is_next.then(|| head.clone()),
        };
    }
}

impl Remembered {
    /// Waits until it is the caller's turn, which lasts as long as what is returned.
    pub(super) async fn turn(&self) -> Turn<'_, ()> {
        self.queue.lock().await
    }

    /// Where the dataset stands, as far as it is known; after this it is not, until something is published.
    pub(super) fn take(&self) -> Option<(Dataset, DatasetHead)> {
        let mut last = self.last();
        let head = last.head.take()?;
        Some((last.dataset.clone(), head))
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        // Nothing panics while the lock is held.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
