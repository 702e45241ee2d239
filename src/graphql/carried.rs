//! Pages of files that later versions have too.
//!
//! A manifest tells when the files were that it added or removed. Where all versions since a page was read changed files of other times
//! alone, the page is the same: whoever appends at one end of a dataset leaves what is remembered of the rest as it is.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use foldhash::fast::RandomState;
use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use timestore_entity::Timestamp;
use timestore_entity::ids::DatasetId;
use timestore_entity::manifest::Model as Manifest;

use super::pages::FilePage;
use crate::store::manifest::ManifestKey;
use crate::store::partition::PartitionQuery;

/// Of how many datasets it is remembered what their versions changed, and of how many versions of each.
const DATASETS: usize = 10_000;
const VERSIONS: usize = 64;

/// A page, and the newest version of which it is known.
pub struct Carried {
    /// The version.
    pub version: i32,
    page: Weak<FilePage>,
}

impl Carried {
    /// Of this version; no longer than the page itself is kept.
    pub fn new(version: i32, page: &Arc<FilePage>) -> Self {
        Self {
            version,
            page: Arc::downgrade(page),
        }
    }

    /// The page of a later version, where it is surely the same.
    pub fn to(
        &self,
        (dataset, version): ManifestKey,
        query: &PartitionQuery,
        changes: &Changes,
    ) -> Option<Arc<FilePage>> {
        let page = self.page.upgrade()?;
        let is_apart = |change: &Change| change.is_apart_from(query, &page);
        changes
            .all(dataset, (self.version, version), is_apart)
            .then_some(page)
    }
}

/// What a version changed.
#[derive(Clone, Copy, Debug)]
struct Change {
    version: i32,
    /// The earliest start and the latest end of the files that it added or removed.
    times: (Timestamp, Timestamp),
    removes: bool,
}

impl Change {
    /// Whether none of the files can be on the page.
    fn is_apart_from(&self, query: &PartitionQuery, page: &FilePage) -> bool {
        let (start, end) = self.times;
        let outside = query
            .filter
            .window
            .is_some_and(|(from, to)| end < from || start > to);
        // What comes after the end of a full page changes nothing, unless it is the last that comes after it.
        let last = page
            .rows
            .rows
            .last()
            .filter(|_| page.rows.has_more && !query.page.backwards);
        outside || !self.removes && last.is_some_and(|last| start > last.model.start_time)
    }
}

/// What recent versions of a dataset changed, in their order.
type Recent = Mutex<VecDeque<Change>>;

/// What recent versions of datasets changed, as far as their manifests were read. Cheap to clone.
#[derive(Clone)]
pub struct Changes(Arc<Cache<DatasetId, Arc<Recent>, UnitWeighter, RandomState>>);

impl Default for Changes {
    fn default() -> Self {
        let (hashes, life) = (RandomState::default(), DefaultLifecycle::default());
        Self(Arc::new(Cache::with(
            DATASETS,
            DATASETS as u64,
            UnitWeighter,
            hashes,
            life,
        )))
    }
}

impl Changes {
    /// Remembers what a version changed, where that is told.
    pub fn saw(&self, manifest: &Manifest) {
        let times = manifest.changed_start_time.zip(manifest.changed_end_time);
        let Some(times) = times else {
            return;
        };
        let change = Change {
            version: manifest.version,
            times,
            removes: manifest.removed_count > 0,
        };
        let recent = self.0.get(&manifest.dataset_id).unwrap_or_else(|| {
            let none = Arc::<Recent>::default();
            self.0.insert(manifest.dataset_id, none.clone());
            none
        });
        let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(at) = recent.binary_search_by_key(&change.version, |change| change.version) {
            recent.insert(at, change);
        }
        if recent.len() > VERSIONS {
            recent.pop_front();
        }
    }

    /// Whether all versions after one up to another are remembered, and are like that.
    fn all(&self, dataset: DatasetId, (after, up_to): (i32, i32), are: impl Fn(&Change) -> bool) -> bool {
        let Some(recent) = self.0.get(&dataset) else {
            return false;
        };
        let recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
        let since = recent
            .iter()
            .filter(|change| (after + 1..=up_to).contains(&change.version));
        let mut known = 0;
        for change in since {
            if !are(change) {
                return false;
            }
            known += 1;
        }
        after < up_to && known == up_to - after
    }
}
