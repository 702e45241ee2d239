//! The pools of a database: what they are doing, and whom they tell of their statements.

use std::sync::Arc;

use sea_orm::{DatabaseConnection, DatabaseConnectionType, DbBackend, metric};

use super::source::Source;
use crate::metrics::Metrics;
use crate::telemetry;

/// Is shown every statement once it has run.
pub(super) type Observer = Arc<dyn Fn(&metric::Info<'_>) + Send + Sync>;

/// The pools of a database.
#[derive(Clone)]
pub struct Connections {
    /// For transactions that write.
    pub writer: DatabaseConnection,
    /// For everything else.
    pub reader: DatabaseConnection,
    pub(in crate::store) replicas: Vec<DatabaseConnection>,
    observers: Vec<Observer>,
}

/// What a pool is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolState {
    /// Which pool: `writer`, `reader`, `primary` where one is both, or `replica` for all of them together.
    pub name: &'static str,
    /// How many connections it may hold.
    pub limit: u32,
    /// How many of those it holds are at work.
    pub in_use: u32,
    /// How many are not.
    pub idle: u32,
}

impl Connections {
    /// The pools, which nobody observes. On PostgreSQL, the same pool twice.
    pub fn new(writer: DatabaseConnection, reader: DatabaseConnection) -> Self {
        Self {
            writer,
            reader,
            replicas: Vec::new(),
            observers: Vec::new(),
        }
    }

    /// Lets queries be answered by a replica, too. Who observes the pools does not see what was added later.
    pub fn add_replica(&mut self, replica: DatabaseConnection) {
        self.replicas.push(replica);
    }

    /// Shows `observer` every statement that runs on these pools from now on, as the others that observe them.
    pub fn observe(&mut self, observer: impl Fn(&metric::Info<'_>) + Send + Sync + 'static) {
        self.observers.push(Arc::new(observer));
        let primary = [&mut self.writer, &mut self.reader];
        for connection in primary.into_iter().chain(&mut self.replicas) {
            let observers = self.observers.clone();
            connection.set_metric_callback(move |info| observers.iter().for_each(|observer| observer(info)));
        }
    }

    /// What is read from: the primary, and its replicas. Whoever observes the pools from now on does not see it.
    pub(in crate::store) fn sources(&self) -> (Source, Vec<Source>) {
        let source = |pool: &DatabaseConnection| Source::new(pool.clone(), self.observers.clone());
        (source(&self.reader), self.replicas.iter().map(source).collect())
    }

    /// Counts and traces every statement from now on.
    pub(in crate::store) fn measure(&mut self, metrics: Metrics) {
        self.observe(move |info| {
            metrics.statement(info.elapsed, info.failed);
            let system = match info.statement.db_backend {
                DbBackend::Postgres => "postgresql",
                _ => "sqlite",
            };
            telemetry::record_statement(system, &info.statement.sql, info.elapsed, info.failed);
        });
    }
}

/// What the pools are doing.
pub(in crate::store) fn pool_states<'a>(
    writer: &DatabaseConnection,
    reader: &Source,
    replicas: impl Iterator<Item = &'a Source>,
) -> Vec<PoolState> {
    let of = |name, source: &Source| pool_state(name, source.pool(), source.idle());
    let primary = match reader.pool().inner {
        DatabaseConnectionType::SqlxPostgresPoolConnection(_) => vec![of("primary", reader)],
        _ => vec![pool_state("writer", writer, 0), of("reader", reader)],
    };
    let replicas = replicas.filter_map(|replica| of("replica", replica));
    let replicas = replicas.reduce(|sum, one| PoolState {
        name: sum.name,
        limit: sum.limit + one.limit,
        in_use: sum.in_use + one.in_use,
        idle: sum.idle + one.idle,
    });
    primary.into_iter().chain([replicas]).flatten().collect()
}

/// None where there is no pool. So many connections at hand are idle, too.
fn pool_state(name: &'static str, connection: &DatabaseConnection, at_hand: usize) -> Option<PoolState> {
    let (limit, size, idle) = match connection.inner {
        DatabaseConnectionType::SqlxPostgresPoolConnection(_) => {
            let pool = connection.get_postgres_connection_pool();
            (pool.options().get_max_connections(), pool.size(), pool.num_idle())
        }
        DatabaseConnectionType::SqlxSqlitePoolConnection(_) => {
            let pool = connection.get_sqlite_connection_pool();
            (pool.options().get_max_connections(), pool.size(), pool.num_idle())
        }
        _ => return None,
    };
    let idle = u32::try_from(idle + at_hand).unwrap_or(u32::MAX).min(size);
    Some(PoolState {
        name,
        limit,
        in_use: size - idle,
        idle,
    })
}
