//! What never changes about published versions, kept in memory: pages of their files, manifests, schema versions; and lists of versions,
//! for as long as their dataset stands as it did.
//!
//! Whether the caller may see the dataset, where it stands, and whether the version has expired, is found out before, in the database.
//! What is read after that is never older, so that it may be kept for all who find the dataset standing like that.

use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use serde_json::Value as Json;
use timestore_entity::dataset_head::Model as DatasetHead;
use timestore_entity::ids::DatasetId;

use super::carried::{Carried, Changes};
use super::manifest::Manifest;
use super::pages::FilePage;
use super::partition::Partition;
use super::schema_version::SchemaVersion;
use crate::metrics::CacheMetrics;
use crate::store::dataset::DatasetParts;
use crate::store::manifest::ManifestKey;
use crate::store::partition::PartitionQuery;
use crate::store::schema_version::SchemaVersionKey;
use crate::store::{Columns, Page, Rows};

/// How much memory is taken unless told otherwise, in bytes.
pub const MEMORY: u64 = 64 << 20;

/// What never changes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Lasting {
    /// A page of the files of a version that has not expired.
    Files(ManifestKey, PartitionQuery),
    /// The same page of the newest version that it was kept of.
    Carried(DatasetId, PartitionQuery),
    /// Some columns of a schema version.
    SchemaVersion(SchemaVersionKey, Columns),
    /// Some columns of a version of a dataset.
    Manifest(ManifestKey, Standing, Columns),
    /// Some columns of a page of the schema versions of a dataset.
    SchemaVersions(DatasetId, Page<i32>, Standing, Columns),
    /// Some columns of a page of the versions of a dataset.
    Manifests(DatasetId, Page<i32>, Standing, Columns),
    /// Some columns of a page of the versions that used a schema version.
    ManifestsUsing(SchemaVersionKey, Page<i32>, Standing, Columns),
}

/// Where a dataset stands: which versions it has, and which of them can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Standing {
    /// The newest version; 0 before the first.
    pub latest_version: i32,
    /// The newest schema version; 0 before the first.
    pub latest_schema_version: i32,
    /// Counts how often versions have expired.
    pub history_revision: i32,
}

impl From<&DatasetHead> for Standing {
    fn from(head: &DatasetHead) -> Self {
        Self {
            latest_version: head.latest_version,
            latest_schema_version: head.latest_schema_version,
            history_revision: head.history_revision,
        }
    }
}

/// What takes memory.
pub trait Weighed: Any + Send + Sync {
    /// How much, about, in bytes.
    fn weight(&self) -> usize;
}

#[derive(Clone)]
struct Kept {
    value: Arc<dyn Any + Send + Sync>,
    weight: usize,
}

/// What was read of versions before. Cheap to clone.
#[derive(Clone, Default)]
pub struct Versions {
    /// None where nothing is kept.
    kept: Option<Arc<Cache<Lasting, Kept, Bytes, RandomState>>>,
    /// What a request has read along, before it is asked for.
    along: Arc<Mutex<HashMap<Lasting, Kept, RandomState>>>,
    /// Whether the newest version that was last asked for was kept.
    keeps_newest: Arc<AtomicBool>,
    /// What recent versions changed.
    changes: Changes,
    metrics: CacheMetrics,
}

impl Versions {
    /// What takes about so many bytes; nothing is kept where that is 0.
    pub fn new(bytes: u64, metrics: CacheMetrics) -> Self {
        /// What is kept usually weighs so much.
        const USUAL: u64 = 16 << 10;
        let values = usize::try_from(bytes / USUAL).ok().filter(|_| bytes > 0);
        let (hashes, life) = (RandomState::default(), DefaultLifecycle::default());
        let kept = values.map(|values| Arc::new(Cache::with(values, bytes, Bytes, hashes, life)));
        Self {
            kept,
            metrics,
            ..Self::default()
        }
    }

    /// The same, for one request.
    #[must_use]
    pub fn for_request(&self) -> Self {
        Self {
            along: Arc::default(),
            ..self.clone()
        }
    }

    /// What to read of datasets: their newest versions are read along where they will not be kept. That is a guess, from the last time.
    pub fn without_kept(&self, parts: DatasetParts) -> DatasetParts {
        match self.keeps_newest.load(Ordering::Relaxed) {
            true => DatasetParts {
                manifest: None,
                schema_version: None,
                ..parts
            },
            false => parts,
        }
    }

    /// Remembers the newest version of a dataset, or its newest schema version, which was read along.
    pub fn read_along<T: Weighed>(&self, what: Lasting, value: Arc<T>) {
        self.keep(what.clone(), value.clone());
        self.keeps_newest.store(self.kept.is_some(), Ordering::Relaxed);
        let weight = value.weight();
        self.along().insert(what, Kept { value, weight });
    }

    /// A version or a schema version, read along or kept.
    pub fn newest<T: Weighed>(&self, what: &Lasting) -> Option<Arc<T>> {
        if let Some(along) = self.along().get(what).cloned() {
            return along.value.downcast().ok();
        }
        let found = self.get(what);
        self.keeps_newest.store(found.is_some(), Ordering::Relaxed);
        found
    }

    fn along(&self) -> MutexGuard<'_, HashMap<Lasting, Kept, RandomState>> {
        // Nothing panics while the lock is held.
        self.along.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A page of the files of a version, kept of it, or of an earlier one that has the same.
    pub fn files(&self, version: ManifestKey, query: &PartitionQuery) -> Option<Arc<FilePage>> {
        let kept = self.kept.as_ref()?;
        let found = kept.get(&Lasting::Files(version, query.clone()));
        let found = found.and_then(|kept| kept.value.downcast().ok());
        let found = found.or_else(|| {
            let carried = kept.get(&Lasting::Carried(version.0, query.clone()))?;
            let carried: Arc<Carried> = carried.value.downcast().ok()?;
            let page = carried.to(version, query, &self.changes)?;
            self.keep_files(version, query, &page);
            Some(page)
        });
        self.metrics.looked_up(found.is_some());
        found
    }

    /// Keeps a page of the files of a version.
    pub fn keep_files(&self, version: ManifestKey, query: &PartitionQuery, page: &Arc<FilePage>) {
        let Some(kept) = &self.kept else {
            return;
        };
        self.keep(Lasting::Files(version, query.clone()), page.clone());
        let what = Lasting::Carried(version.0, query.clone());
        let newer = Carried::new(version.1, page);
        let earlier = kept
            .peek(&what)
            .and_then(|kept| kept.value.downcast::<Carried>().ok());
        if earlier.is_none_or(|earlier| earlier.version < version.1) {
            self.keep(what, Arc::new(newer));
        }
    }

    /// Remembers what a version changed.
    pub fn saw(&self, manifest: &Manifest) {
        if self.kept.is_some() {
            self.changes.saw(&manifest.model);
        }
    }

    /// What is kept of it.
    pub fn get<T: Weighed>(&self, what: &Lasting) -> Option<Arc<T>> {
        let found = self.kept.as_ref()?.get(what);
        self.metrics.looked_up(found.is_some());
        found?.value.downcast().ok()
    }

    /// Keeps it, where there is room.
    pub fn keep<T: Weighed>(&self, what: Lasting, value: Arc<T>) {
        if let Some(kept) = &self.kept {
            let weight = value.weight();
            kept.insert(what, Kept { value, weight });
            self.metrics.holds(kept.weight());
        }
    }
}

/// Weighs in bytes, roughly.
#[derive(Clone, Copy, Debug)]
struct Bytes;

impl Weighter<Lasting, Kept> for Bytes {
    fn weight(&self, what: &Lasting, kept: &Kept) -> u64 {
        (size_of_val(what) + kept.weight) as u64 + 256
    }
}

impl<T: Weighed> Weighed for Rows<T> {
    fn weight(&self) -> usize {
        size_of_val(self) + self.rows.iter().map(T::weight).sum::<usize>()
    }
}

impl Weighed for FilePage {
    fn weight(&self) -> usize {
        // What was written takes as much as the files do.
        self.rows.weight() * 2
    }
}

impl Weighed for Carried {
    fn weight(&self) -> usize {
        size_of_val(self)
    }
}

impl Weighed for Manifest {
    fn weight(&self) -> usize {
        size_of_val(self) + json_weight(&self.model.summary) + json_weight(&self.model.metadata)
    }
}

impl Weighed for SchemaVersion {
    fn weight(&self) -> usize {
        let fields = self.model.fields.0.iter();
        let texts = fields.map(|field| {
            let texts = [&field.native_type, &field.description, &field.unit];
            size_of_val(field)
                + field.name.len()
                + texts.into_iter().flatten().map(String::len).sum::<usize>()
        });
        size_of_val(self) + self.model.description.as_ref().map_or(0, String::len) + texts.sum::<usize>()
    }
}

impl Weighed for Partition {
    fn weight(&self) -> usize {
        let model = &self.model;
        let texts = [
            Some(&model.file_path),
            model.checksum.as_ref(),
            model.ingestion_signature.as_ref(),
        ];
        let jsons = [
            Some(&model.partition_key),
            Some(&model.metadata),
            model.column_statistics.as_ref(),
            model.bloom_filters.as_ref(),
        ];
        size_of_val(self)
            + texts.into_iter().flatten().map(String::len).sum::<usize>()
            + jsons.into_iter().flatten().map(json_weight).sum::<usize>()
    }
}

/// What a JSON value takes besides itself.
fn json_weight(json: &Json) -> usize {
    match json {
        Json::String(text) => text.len(),
        Json::Array(values) => values
            .iter()
            .map(|value| size_of_val(value) + json_weight(value))
            .sum(),
        Json::Object(fields) => fields
            .iter()
            .map(|(name, value)| size_of_val(name) + name.len() + size_of_val(value) + json_weight(value))
            .sum(),
        Json::Null | Json::Bool(_) | Json::Number(_) => 0,
    }
}
