//! Pages of the files of versions, kept in memory: a published version never changes.
//!
//! A page is looked for by the version, the filter, the position and the columns. Whether the caller may see the dataset, and
//! whether the version has expired, is found out before, in the database.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde_json::Value as Json;

use super::partition::Partition;
use crate::metrics::CacheMetrics;
use crate::store::Rows;
use crate::store::manifest::ManifestKey;
use crate::store::partition::PartitionQuery;

/// How much memory pages take unless told otherwise, in bytes.
pub const MEMORY: u64 = 64 << 20;

/// A page of files, by the version and the question.
type Pages = Cache<(ManifestKey, PartitionQuery), Arc<Rows<Partition>>, Bytes>;

/// Pages of versions that were read before. Cheap to clone.
#[derive(Clone)]
pub struct Versions {
    /// None where none are kept.
    pages: Option<Arc<Pages>>,
    metrics: CacheMetrics,
}

impl Versions {
    /// Pages that take about so many bytes; none are kept where that is 0.
    pub fn new(bytes: u64, metrics: CacheMetrics) -> Self {
        /// What a page usually weighs.
        const USUAL: u64 = 32 << 10;
        let pages = usize::try_from(bytes / USUAL).ok().filter(|_| bytes > 0);
        let pages = pages.map(|pages| Arc::new(Cache::with_weighter(pages, bytes, Bytes)));
        Self { pages, metrics }
    }

    /// The page that was kept.
    pub fn get(&self, version: ManifestKey, query: &PartitionQuery) -> Option<Arc<Rows<Partition>>> {
        let found = self.pages.as_ref()?.get(&(version, query.clone()));
        self.metrics.looked_up(found.is_some());
        found
    }

    /// Keeps a page.
    pub fn keep(&self, version: ManifestKey, query: PartitionQuery, page: Arc<Rows<Partition>>) {
        if let Some(pages) = &self.pages {
            pages.insert((version, query), page);
            self.metrics.holds(pages.weight());
        }
    }
}

/// Weighs a page in bytes, roughly.
#[derive(Clone, Copy, Debug)]
struct Bytes;

impl Weighter<(ManifestKey, PartitionQuery), Arc<Rows<Partition>>> for Bytes {
    fn weight(&self, key: &(ManifestKey, PartitionQuery), page: &Arc<Rows<Partition>>) -> u64 {
        let rows: usize = page.rows.iter().map(weight).sum();
        (size_of_val(key) + rows) as u64 + 256
    }
}

fn weight(partition: &Partition) -> usize {
    let model = &partition.model;
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
    size_of_val(partition)
        + texts.into_iter().flatten().map(String::len).sum::<usize>()
        + jsons.into_iter().flatten().map(json_weight).sum::<usize>()
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
