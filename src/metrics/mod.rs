//! What a gateway counts and times, as Prometheus reads it.
//!
//! Belongs to a [`Store`](crate::store::Store), below both the store and the graph, and knows neither. Every label is from a
//! closed set: routes, statuses, codes of errors, root fields of the schema, types of batches. No text of a client is one.

mod cache;
mod labels;
mod tally;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

pub use cache::CacheMetrics;
use cache::Caches;
use labels::{Build, Code, Http, Keys, Kind, Pool, PoolSlot, Publish};
pub use labels::{Operation, OperationKind};
pub use tally::Tally;

/// The media type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// From a millisecond to ten seconds.
const SECONDS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// From a tenth of a millisecond to ten seconds.
const STATEMENT_SECONDS: [f64; 11] = [
    0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0,
];

/// A document takes a statement for each of its levels; a publish, about twenty.
const STATEMENTS: [f64; 10] = [0.0, 1.0, 2.0, 4.0, 8.0, 12.0, 16.0, 24.0, 32.0, 64.0];

/// A page is of 100 at the most, and pages are nested.
const KEYS: [f64; 8] = [1.0, 2.0, 5.0, 10.0, 50.0, 100.0, 1_000.0, 10_000.0];

/// What a gateway counts and times. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

struct Inner {
    registry: Registry,
    http: Family<Http, Counter>,
    operations: Histograms<Operation>,
    statements_of: Histograms<Kind>,
    errors: Family<Code, Counter>,
    refusals: Family<Code, Counter>,
    subscriptions: Gauge,
    batches: Histograms<Keys>,
    statements: Histogram,
    failed_statements: Counter,
    connections: Family<PoolSlot, Gauge>,
    connection_limit: Family<Pool, Gauge>,
    publishes: Family<Publish, Counter>,
    caches: Caches,
    feed_lag: Gauge<f64, AtomicU64>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// Counts as an open subscription until it is dropped.
pub struct Subscribed(Gauge);

impl Drop for Subscribed {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let inner = Inner {
            registry: Registry::with_prefix("timestore"),
            http: Family::default(),
            operations: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            statements_of: Family::new_with_constructor(|| Histogram::new(STATEMENTS)),
            errors: Family::default(),
            refusals: Family::default(),
            subscriptions: Gauge::default(),
            batches: Family::new_with_constructor(|| Histogram::new(KEYS)),
            statements: Histogram::new(STATEMENT_SECONDS),
            failed_statements: Counter::default(),
            connections: Family::default(),
            connection_limit: Family::default(),
            publishes: Family::default(),
            caches: Caches::default(),
            feed_lag: Gauge::default(),
        };
        Self(Arc::new(inner.registered()))
    }
}

impl Inner {
    /// Names everything. Units and `_total` are added to the names.
    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        let build = Info::new(Build::default());
        registry.register("build", "Which version this is", build);
        registry.register("http_requests", "Answered HTTP requests", self.http.clone());
        registry.register_with_unit(
            "operation_duration",
            "How long executed queries and mutations took",
            Unit::Seconds,
            self.operations.clone(),
        );
        registry.register(
            "operation_statements",
            "SQL statements of an executed query or mutation",
            self.statements_of.clone(),
        );
        registry.register(
            "errors",
            "Errors that requests were answered with, by code",
            self.errors.clone(),
        );
        registry.register(
            "user_errors",
            "What mutations were refused for",
            self.refusals.clone(),
        );
        registry.register(
            "active_subscriptions",
            "Open subscriptions",
            self.subscriptions.clone(),
        );
        registry.register("batch_keys", "Keys looked up together", self.batches.clone());
        registry.register_with_unit(
            "statement_duration",
            "How long SQL statements took",
            Unit::Seconds,
            self.statements.clone(),
        );
        registry.register(
            "failed_statements",
            "SQL statements that failed",
            self.failed_statements.clone(),
        );
        registry.register(
            "pool_connections",
            "Open connections to the database",
            self.connections.clone(),
        );
        registry.register(
            "pool_connection_limit",
            "Connections that a pool may open",
            self.connection_limit.clone(),
        );
        registry.register("publishes", "Published manifests", self.publishes.clone());
        self.caches.register(registry);
        registry.register_with_unit(
            "feed_lag",
            "Age of the oldest change that the feed holds back",
            Unit::Seconds,
            self.feed_lag.clone(),
        );
        self
    }
}

impl Metrics {
    /// All of it, in Prometheus's text format.
    pub fn text(&self) -> String {
        let mut text = String::new();
        match prometheus_text::encode(&mut text, &self.0.registry) {
            Ok(()) => text,
            Err(_) => unreachable!("a String takes whatever is written to it"),
        }
    }

    /// A request was answered; `route` is none where there is no such route.
    pub fn answered(&self, route: Option<&str>, status: u16) {
        let route = route.unwrap_or("none").to_owned();
        self.0.http.get_or_create(&Http { route, status }).inc();
    }

    /// A query or a mutation was executed.
    pub fn executed(&self, operation: &Operation, took: Duration, statements: u64) {
        let Inner {
            operations,
            statements_of,
            ..
        } = &*self.0;
        operations.get_or_create(operation).observe(took.as_secs_f64());
        let kind = Kind { kind: operation.kind };
        // Far below the numbers that a float cannot tell apart.
        statements_of.get_or_create(&kind).observe(statements as f64);
    }

    /// What counts for the cache of this name.
    pub fn cache(&self, name: &'static str) -> CacheMetrics {
        self.0.caches.of(name)
    }

    /// A request was answered with an error of this code, one of the API's.
    pub fn failed(&self, code: &str) {
        let code = code.to_owned();
        self.0.errors.get_or_create(&Code { code }).inc();
    }

    /// A mutation was refused for this, one of the API's codes.
    pub fn refused(&self, code: &str) {
        let code = code.to_owned();
        self.0.refusals.get_or_create(&Code { code }).inc();
    }

    /// A subscription has begun; it ends when what is returned is dropped.
    pub fn subscribed(&self) -> Subscribed {
        self.0.subscriptions.inc();
        Subscribed(self.0.subscriptions.clone())
    }

    /// So many keys of a type were looked up together.
    pub fn batch(&self, of: &'static str, keys: usize) {
        self.0.batches.get_or_create(&Keys { of }).observe(keys as f64);
    }

    /// A statement has run.
    pub fn statement(&self, took: Duration, has_failed: bool) {
        self.0.statements.observe(took.as_secs_f64());
        if has_failed {
            self.0.failed_statements.inc();
        }
        tally::count();
    }

    /// A manifest was published.
    pub fn published(&self, operation: &'static str) {
        self.0.publishes.get_or_create(&Publish { operation }).inc();
    }

    /// What a pool is doing.
    pub fn pool(&self, pool: &'static str, limit: u32, in_use: u32, idle: u32) {
        for (state, connections) in [("in_use", in_use), ("idle", idle)] {
            let slot = PoolSlot { pool, state };
            self.0.connections.get_or_create(&slot).set(connections.into());
        }
        self.0
            .connection_limit
            .get_or_create(&Pool { pool })
            .set(limit.into());
    }

    /// How old the oldest change is that the feed holds back; zero when it holds back none.
    pub fn feed_lag(&self, age: Duration) {
        self.0.feed_lag.set(age.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_has_a_name_a_type_and_a_help_text() {
        let metrics = Metrics::default();
        metrics.answered(Some("/graphql"), 200);
        metrics.answered(None, 404);
        let operation = Operation {
            kind: OperationKind::Query,
            field: "datasets".to_owned(),
        };
        metrics.executed(&operation, Duration::from_millis(3), 2);
        let open = metrics.subscribed();
        metrics.statement(Duration::from_micros(200), true);
        metrics.pool("primary", 16, 3, 2);
        let text = metrics.text();
        for line in [
            "# TYPE timestore_http_requests_total counter",
            "timestore_http_requests_total{route=\"/graphql\",status=\"200\"} 1",
            "timestore_http_requests_total{route=\"none\",status=\"404\"} 1",
            "# TYPE timestore_operation_duration_seconds histogram",
            "timestore_operation_duration_seconds_bucket{kind=\"query\",field=\"datasets\",le=\"0.005\"} 1",
            "timestore_operation_statements_sum{kind=\"query\"} 2.0",
            "timestore_active_subscriptions 1",
            "timestore_failed_statements_total 1",
            "timestore_pool_connections{pool=\"primary\",state=\"in_use\"} 3",
            "timestore_pool_connection_limit{pool=\"primary\"} 16",
            "timestore_feed_lag_seconds 0.0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(text.contains(&format!(
            "timestore_build_info{{version=\"{}\"}} 1",
            env!("CARGO_PKG_VERSION")
        )));
        drop(open);
        assert!(metrics.text().contains("timestore_active_subscriptions 0\n"));
    }
}
