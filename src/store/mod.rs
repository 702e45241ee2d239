//! The metadata access layer: every transaction and every invariant of the catalog. A file a noun.
//!
//! One public write is one transaction, begun and committed in that method; helpers inside someone else's transaction end in
//! `_in_txn`. Nothing here knows GraphQL; all that differs between the databases is in [`backend`].

pub mod access;
pub mod api_token;
pub mod audit_event;
pub mod backend;
pub mod change;
pub mod clock;
pub mod coverage;
pub mod dataset;
pub mod diff;
pub mod doctor;
pub mod draft;
pub mod error;
pub mod file_removal;
pub mod health;
pub mod history;
pub mod housekeeping;
pub mod lease;
pub mod lifecycle_run;
pub mod manifest;
pub mod page;
pub mod partition;
pub mod publish;
pub mod reference;
pub mod relocate;
pub mod retention;
pub mod retention_policy;
pub mod schema_version;
pub mod snapshot;
pub mod storage_target;
pub mod watermark;

mod columns;
mod faults;
mod keyed;
mod reading;
mod remembered;
mod staged;
mod trail;
mod visible;

use std::ops::Deref;
use std::sync::Arc;

use quick_cache::sync::Cache;
use sea_orm::{DatabaseConnection, DbErr};
use timestore_entity::ids::DatasetId;

pub use backend::{ByPlace, Columns};
pub use clock::Clock;
pub use error::{Fault, FaultKind, Refusal, Result, StoreError};
pub use page::{Page, Rows};
pub use reference::{DatasetRef, ManifestRef, PartitionRef, SchemaRef, StorageTargetRef};

use crate::auth::Requester;
use crate::metrics::Metrics;
use crate::model::retention::RetentionDefaults;

/// How many datasets something is remembered of.
const REMEMBERED_DATASETS: usize = 10_000;

/// The catalog. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
    /// Where everything else than writing transactions is read.
    reader: backend::Reader,
    /// Storage targets that were read before.
    targets: remembered::RememberedTargets,
    /// Whose eyes it is read with.
    viewer: Arc<Requester>,
}

/// What of the catalog is the same for everyone; nothing of it can be reached from outside.
#[derive(Clone)]
pub struct Shared {
    /// Where transactions that write begin: on SQLite, the one connection that may.
    writer: DatabaseConnection,
    /// Where queries may be read.
    replicas: Arc<backend::Replicas>,
    clock: Arc<dyn Clock>,
    /// How long after its expiry a version may still be read by requests that began before.
    read_grace: chrono::Duration,
    /// What applies to datasets that have no retention policy.
    retention_defaults: RetentionDefaults,
    /// What the files of a dataset were like when it was last asked.
    shapes: Arc<Cache<DatasetId, visible::Shape>>,
    /// Datasets that are being looked up.
    looked_up: dataset::together::Together,
    /// Where datasets stand that are published to, where the database takes a publish as one statement.
    heads: Option<publish::remembered::RememberedHeads>,
    metrics: Metrics,
}

impl Deref for Store {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl Store {
    /// Opens the catalog, which sees everything. Its tables must be there: see `timestore_migration`.
    pub fn new(mut connections: backend::Connections, clock: Arc<dyn Clock>) -> Self {
        let metrics = Metrics::default();
        connections.measure(metrics.clone());
        let (primary, replicas) = connections.sources();
        let shared = Shared {
            writer: connections.writer,
            replicas: Arc::new(backend::Replicas::watch(replicas, primary.pool())),
            clock,
            read_grace: chrono::Duration::minutes(1),
            retention_defaults: RetentionDefaults::default(),
            shapes: Arc::new(Cache::new(REMEMBERED_DATASETS)),
            looked_up: dataset::together::Together::default(),
            heads: primary
                .takes_batches()
                .then(|| publish::remembered::RememberedHeads::new(REMEMBERED_DATASETS)),
            metrics,
        };
        Self {
            shared: Arc::new(shared),
            reader: backend::Reader::new(primary),
            targets: remembered::RememberedTargets::default(),
            viewer: Arc::new(Requester::unrestricted(None)),
        }
    }

    /// The same catalog, where requests that began before a version expired may read it for another `grace`: longer than any
    /// request takes. A minute by default.
    #[must_use]
    pub fn with_read_grace(mut self, grace: chrono::Duration) -> Self {
        Arc::make_mut(&mut self.shared).read_grace = grace;
        self
    }

    /// The same catalog, with rules for datasets that have no retention policy. By default there are none.
    #[must_use]
    pub fn with_retention_defaults(mut self, defaults: RetentionDefaults) -> Self {
        Arc::make_mut(&mut self.shared).retention_defaults = defaults;
        self
    }

    /// The same catalog as `viewer` sees it: what they may not read is not there.
    #[must_use]
    pub fn as_seen_by(self, viewer: Requester) -> Self {
        Self {
            viewer: Arc::new(viewer),
            ..self
        }
    }

    /// Whose eyes it is read with.
    pub fn viewer(&self) -> &Requester {
        &self.viewer
    }

    /// Closes all connections, once they are idle.
    pub async fn close(self) -> Result<()> {
        let primary = self.reader.source();
        primary.let_go();
        self.writer.close_by_ref().await?;
        for replica in self.replicas.sources() {
            replica.let_go();
            replica.pool().close_by_ref().await?;
        }
        Ok(primary.pool().close_by_ref().await?)
    }

    /// Begins a transaction that writes.
    async fn begin(&self) -> Result<backend::Transaction, DbErr> {
        backend::begin(self.reader.source(), &self.writer).await
    }
}
