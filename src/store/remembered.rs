//! Storage targets, remembered from one request to the next.
//!
//! What reads datasets reads a revision with them, which counts the changes of storage targets. A request that has seen it knows
//! whether what is remembered is still so; and since it never goes back in time, what it reads itself is of that revision or newer,
//! and can be remembered for those who have seen the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use timestore_entity::ids::StorageTargetId;
use timestore_entity::storage_target::Model as StorageTarget;

/// How many targets are remembered at the most.
const MOST: usize = 10_000;

/// The targets that are remembered, as one request knows them. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct RememberedTargets {
    known: Arc<Mutex<Known>>,
    /// The revision that the request has seen; none where the request does more than to read, so that it must see what is there now.
    seen: Option<Arc<OnceLock<i64>>>,
}

/// Targets as they are at a revision.
#[derive(Debug, Default)]
struct Known {
    revision: i64,
    targets: HashMap<StorageTargetId, StorageTarget>,
}

impl RememberedTargets {
    /// The same, for one request that only reads.
    pub(super) fn for_reading(&self) -> Self {
        Self {
            known: self.known.clone(),
            seen: Some(Arc::default()),
        }
    }

    /// The request has seen that this is the revision.
    pub(super) fn see(&self, revision: i64) {
        if let Some(seen) = &self.seen {
            seen.get_or_init(|| revision);
        }
    }

    /// Those that are remembered.
    pub(super) fn find(&self, ids: &[StorageTargetId]) -> HashMap<StorageTargetId, StorageTarget> {
        let mut found = HashMap::with_capacity(ids.len());
        if let Some(revision) = self.revision() {
            let known = self.known();
            if known.revision == revision {
                found.extend(
                    ids.iter()
                        .filter_map(|id| known.targets.get_key_value(id))
                        .map(|(id, target)| (*id, target.clone())),
                );
            }
        }
        found
    }

    /// Remembers what the request has read.
    pub(super) fn keep(&self, targets: &[StorageTarget]) {
        let Some(revision) = self.revision() else {
            return;
        };
        let mut known = self.known();
        if known.revision > revision {
            return;
        }
        if known.revision < revision || known.targets.len() + targets.len() > MOST {
            known.targets.clear();
        }
        known.revision = revision;
        known
            .targets
            .extend(targets.iter().map(|target| (target.id, target.clone())));
    }

    fn revision(&self) -> Option<i64> {
        self.seen.as_ref()?.get().copied()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing panics while the lock is held.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
