//! A catalog with a dataset. Whoever changes it puts it back, so that every input finds the same one.

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use async_graphql::{Request, ServerError};
use serde_json::Value as Json;
use timestore_gateway::auth::Requester;
use timestore_gateway::doctor::Doctor;
use timestore_gateway::graphql::plain::json::to_json;
use timestore_gateway::graphql::prepare::Prepared;
use timestore_gateway::graphql::{self, Executor};
use timestore_gateway::storage::Environment;
use timestore_gateway::store::Store;
use timestore_gateway::store::backend::{self, Database};
use timestore_gateway::store::clock::SystemClock;
use timestore_migration::Migrator;
use tokio::runtime::{Builder, Runtime};

/// What fills the catalog.
const FILLING: [&str; 4] = [
    r#"mutation { upsertStorageTarget(input: { name: "lake", kind: S3, baseUri: "s3://lake/x" }) { userErrors { message } } }"#,
    r#"mutation { createDataset(input: { slug: "weather", name: "w", defaultStorageTarget: { name: "lake" } }) {
        userErrors { message } } }"#,
    r#"mutation { publishManifest(input: { dataset: { slug: "weather" }, idempotencyKey: "first",
        schema: { fields: [{ name: "t", type: DOUBLE, nullable: true }] },
        watermark: { source: "station", sealedThrough: "2020-01-02T00:00:00Z", fencingToken: 7 }, add: [
        { filePath: "a", fileSizeBytes: 10, rowCount: 3, startTime: "2020-01-01T00:00:00Z", endTime: "2020-01-01T12:00:00Z" },
        { filePath: "b", fileSizeBytes: 20, rowCount: 4, startTime: "2020-01-01T12:00:00Z", endTime: "2020-01-02T00:00:00Z",
          ingestionSignature: "b" }] }) { userErrors { message } } }"#,
    r#"mutation { createSnapshot(input: { dataset: { slug: "weather" }, name: "pin" }) { userErrors { message } } }"#,
];

thread_local! {
    static CATALOG: RefCell<Option<Catalog>> = const { RefCell::new(None) };
}

/// Lets `work` have the catalog. What it panics with leaves a new one to whoever comes next.
pub fn with_catalog<T>(work: impl FnOnce(&mut Catalog) -> T) -> T {
    let mut catalog = CATALOG.take().unwrap_or_else(Catalog::new);
    let done = work(&mut catalog);
    CATALOG.set(Some(catalog));
    done
}

/// A gateway on a catalog in a file.
pub struct Catalog {
    runtime: Runtime,
    directory: PathBuf,
    open: Option<(Store, Executor)>,
}

impl Catalog {
    fn new() -> Self {
        let thread = std::thread::current().id();
        let name = format!("timestore-fuzz-{}-{thread:?}", std::process::id());
        let mut catalog = Self {
            runtime: Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime"),
            directory: std::env::temp_dir().join(name),
            open: None,
        };
        fs::create_dir_all(&catalog.directory).expect("a directory");
        let migrate = async {
            let migrator = Migrator::connect(&backend::migration_url(&catalog.database("full"))).await?;
            migrator.up(None).await?;
            migrator.close().await
        };
        catalog.runtime.block_on(migrate).expect("tables");
        catalog.open("full");
        for document in FILLING {
            let answer = catalog.answer(Request::new(document));
            assert!(!answer.to_string().contains("message"), "{answer}");
        }
        catalog.close();
        catalog.renew();
        catalog
    }

    /// What the gateway sees in a request before it executes it.
    pub fn prepare(&self, request: &mut Request) -> Result<Prepared, ServerError> {
        let (_, executor) = self.open.as_ref().expect("an open catalog");
        executor.prepare(request)
    }

    /// What the gateway answers, as JSON.
    pub fn answer(&self, request: Request) -> Json {
        let (_, executor) = self.open.as_ref().expect("an open catalog");
        let executor = executor.clone();
        let request = request.data(Requester::unrestricted(Some("ann".to_owned())));
        // As a task of its own, as the server runs it: the batches of a request go by the turns of the runtime.
        let answer = self
            .runtime
            .block_on(async { tokio::spawn(async move { executor.execute(request).await }).await });
        serde_json::from_slice(&to_json(&answer.expect("no panic"))).expect("JSON")
    }

    /// Puts everything back as it was.
    pub fn renew(&mut self) {
        self.close();
        for left in ["now.db-wal", "now.db-shm"] {
            drop(fs::remove_file(self.directory.join(left)));
        }
        fs::copy(self.directory.join("full.db"), self.directory.join("now.db")).expect("a copy");
        self.open("now");
    }

    /// What the doctor finds.
    pub fn findings(&self) -> Vec<String> {
        let (store, _) = self.open.as_ref().expect("an open catalog");
        let doctor = Doctor {
            store,
            clock: &SystemClock,
            environment: &Environment::process(),
            orphans_older_than: "P1D".parse().expect("a duration"),
            fix: false,
        };
        let mut findings = Vec::new();
        let mut report = |finding| findings.push(format!("{finding:?}"));
        let looking = doctor.look_at_records(None, &mut report);
        self.runtime.block_on(looking).expect("a look");
        findings
    }

    fn database(&self, name: &str) -> Database {
        Database::Sqlite(self.directory.join(format!("{name}.db")))
    }

    fn open(&mut self, name: &str) {
        let database = self.database(name);
        let connecting = backend::connect(&database, 1);
        let connections = self.runtime.block_on(connecting).expect("a database");
        let store = Store::new(connections, Arc::new(SystemClock));
        let executor = Executor::new(graphql::schema(store.clone()));
        self.open = Some((store, executor));
    }

    fn close(&mut self) {
        if let Some((store, _)) = self.open.take() {
            self.runtime.block_on(store.close()).expect("closed");
        }
    }
}

impl Drop for Catalog {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.directory));
    }
}
