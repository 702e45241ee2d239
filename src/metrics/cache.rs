//! How well a cache does, and how large it is.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::labels::{Cache, Lookup};

/// The series of all caches.
#[derive(Default)]
pub(super) struct Caches {
    lookups: Family<Lookup, Counter>,
    bytes: Family<Cache, Gauge>,
}

impl Caches {
    /// Names them. Units and `_total` are added to the names.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("cache_requests", "Lookups in caches", self.lookups.clone());
        registry.register_with_unit(
            "cache_size",
            "What caches hold, by their own reckoning",
            Unit::Bytes,
            self.bytes.clone(),
        );
    }

    /// The series of one cache.
    pub(super) fn of(&self, cache: &'static str) -> CacheMetrics {
        let lookups = |result| {
            let lookup = Lookup { cache, result };
            self.lookups.get_or_create(&lookup).clone()
        };
        CacheMetrics {
            hits: lookups("hit"),
            misses: lookups("miss"),
            bytes: self.bytes.get_or_create(&Cache { cache }).clone(),
        }
    }
}

/// How well a cache does, and how large it is. Cheap to clone, and to count with: no label is looked up.
#[derive(Clone, Debug, Default)]
pub struct CacheMetrics {
    hits: Counter,
    misses: Counter,
    bytes: Gauge,
}

impl CacheMetrics {
    /// The cache was asked for something, and had it or not.
    pub fn looked_up(&self, is_hit: bool) {
        let outcome = if is_hit { &self.hits } else { &self.misses };
        outcome.inc();
    }

    /// The cache holds so many bytes.
    pub fn holds(&self, bytes: u64) {
        self.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}
