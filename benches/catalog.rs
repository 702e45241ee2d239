//! Fills a catalog and shows what the operations that matter cost: their statements, the plans of those statements, and the
//! time they take beside each other in one run.
//!
//! `TIMESTORE_BENCH_PARTITIONS` (1,000,000) files are published into one dataset, and smaller datasets around it.
//! `TIMESTORE_BENCH_POSTGRES_URL` names an empty PostgreSQL database; without it, a SQLite file in the temporary directory
//! is filled. `TIMESTORE_BENCH_EXPLAIN=1` prints every statement and its plan.
//!
//! `cargo bench --profile quick --bench catalog`

use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use serde_json::{Value, json};
use timestore_gateway::auth::Requester;
use timestore_gateway::graphql::plain::json::to_json;
use timestore_gateway::graphql::{self, Executor};
use timestore_gateway::store::Store;
use timestore_gateway::store::backend::{Database, connect, migration_url};
use timestore_gateway::store::clock::SystemClock;
use timestore_migration::Migrator;

/// Datasets beside the large one.
const DATASETS: usize = 50;
/// The size of every file, in bytes.
const FILE_SIZE: u64 = 1_048_576;
/// Runs of a measured operation.
const RUNS: usize = 15;

type Statements = Arc<Mutex<Vec<Statement>>>;

struct Bench {
    executor: Executor,
    statements: Statements,
    /// For plans: not observed.
    plain: DatabaseConnection,
    explain: bool,
}

#[tokio::main]
async fn main() {
    let files: u64 = env("TIMESTORE_BENCH_PARTITIONS").map_or(1_000_000, |n| n.parse().expect("a number"));
    let url = env("TIMESTORE_BENCH_POSTGRES_URL").unwrap_or_else(|| {
        let path = std::env::temp_dir().join("timestore-bench.db");
        drop(std::fs::remove_file(&path));
        format!("sqlite:{}", path.display())
    });
    let bench = Bench::open(&url).await;
    println!(
        "# {} files in one dataset, {DATASETS} datasets beside it, {}",
        files,
        url.split(':').next().unwrap_or_default()
    );
    let filling = Instant::now();
    bench.fill(files).await;
    println!("filled in {:.1} s\n", filling.elapsed().as_secs_f64());
    bench.vacuum().await;
    bench.read("nested read", NESTED, json!({})).await;
    bench.read("dataset list", LIST, json!({})).await;
    bench
        .read("window lookup (90 minutes)", WINDOW, window(files / 2, 90))
        .await;
    bench
        .read("window lookup (all time, first 100)", WINDOW, window(0, files))
        .await;
    bench
        .read("window lookup at version 1", WINDOW_AT_1, window(5_000, 90))
        .await;
    for n in [1, 100, 10_000] {
        bench.publish(n, files).await;
    }
    bench.let_go().await;
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

const NESTED: &str = "{ dataset(by: {slug: \"small-7\"}) { id slug name
    retentionPolicy { mode maxAge } defaultStorageTarget { name baseUri }
    schemaVersions(first: 3) { nodes { version fields { name type }
      manifests(first: 5) { nodes { version operation partitionCount totalRows
        partitions(first: 20) { nodes { id filePath fileFormat fileSizeBytes rowCount startTime endTime checksum
          storageTarget { name } } } } } } } } }";

const LIST: &str = "{ datasets(first: 50) { nodes { id slug name status lastPublishedAt
    schemaVersion { version } manifest { version partitionCount totalBytes } retentionPolicy { mode maxAge } } } }";

const WINDOW: &str = "query ($from: DateTime!, $to: DateTime!) { dataset(by: {slug: \"large\"}) { manifest {
    partitions(window: {from: $from, to: $to}, first: 100) { resolvedVersion nodes { filePath startTime endTime } } } } }";

const WINDOW_AT_1: &str = "query ($from: DateTime!, $to: DateTime!) { dataset(by: {slug: \"large\"}) {
    manifest(by: {version: 1}) { partitions(window: {from: $from, to: $to}, first: 100) {
      resolvedVersion nodes { filePath startTime endTime } } } } }";

const PUBLISH: &str = "mutation ($input: PublishManifestInput!) {
    publishManifest(input: $input) { manifest { version } userErrors { message path } } }";

const PREVIEW: &str = "{ dataset(by: {slug: \"large\"}) { retentionPreview { going { files bytes }
    files(first: 100) { nodes { partition { filePath } rule } } } } }";

const APPLY: &str = "mutation { applyRetention(input: {dataset: {slug: \"large\"}}) {
    manifest { version removedCount } userErrors { message } } }";

const EXPIRE: &str = "mutation { expireManifests(input: {dataset: {slug: \"large\"}}) {
    expired { queuedFiles } userErrors { message } } }";

const CLAIM: &str = "mutation { claimFileRemovals(input: {owner: \"bench\", limit: 100}) {
    leaseId removals { id } userErrors { message } } }";

const ACKNOWLEDGE: &str =
    "mutation ($input: AcknowledgeFileRemovalsInput!) { acknowledgeFileRemovals(input: $input) {
    removed userErrors { message } } }";

const DEAD: &str = "{ fileRemovals(first: 50, filter: {state: DEAD}) { nodes { filePath error } } }";

const RUNS_LIST: &str = "{ lifecycleRuns(first: 50) { nodes { kind status counters } } }";

impl Bench {
    async fn open(url: &str) -> Self {
        let database: Database = url.parse().expect("a database URL");
        let migrator = Migrator::connect(&migration_url(&database))
            .await
            .expect("a migrator");
        migrator.up(None).await.expect("migrations");
        let mut connections = connect(&database, 8).await.expect("a database");
        let plain = connections.reader.clone();
        let statements = Statements::default();
        let log = Arc::clone(&statements);
        connections.observe(move |info| log.lock().expect("the log").push(info.statement.clone()));
        let store = Store::new(connections, Arc::new(SystemClock)).with_read_grace(chrono::Duration::zero());
        Self {
            executor: Executor::new(graphql::schema(store)),
            statements,
            plain,
            explain: env("TIMESTORE_BENCH_EXPLAIN").is_some(),
        }
    }

    async fn run(&self, document: &str, variables: Value) -> Value {
        let request = async_graphql::Request::new(document)
            .variables(async_graphql::Variables::from_json(variables))
            .data(Requester::unrestricted(Some("bench".to_owned())));
        let response = self.executor.execute(request).await;
        assert!(response.errors.is_empty(), "{:?}", response.errors);
        let mut answer: Value = serde_json::from_slice(&to_json(&response)).expect("JSON");
        let data = answer["data"].take();
        let text = data.to_string();
        assert!(!text.contains("\"userErrors\":[{"), "{text}");
        data
    }

    async fn fill(&self, files: u64) {
        let target = json!({ "input": { "name": "bench", "kind": "LOCAL", "baseUri": "file:///bench" } });
        self.run("mutation ($input: UpsertStorageTargetInput!) { upsertStorageTarget(input: $input) { userErrors { message } } }", target).await;
        for n in 0..DATASETS {
            let slug = format!("small-{n}");
            self.create(&slug).await;
            for version in 0..15_u64 {
                let fields: Vec<Value> = (0..=version / 5)
                    .map(|n| json!({ "name": format!("c{n}"), "type": "DOUBLE" }))
                    .collect();
                let add = partitions(&slug, version * 20, 20);
                self.publish_input(&slug, add, Some(fields)).await;
            }
            let policy = json!({ "input": { "dataset": { "slug": slug }, "maxAge": "P30D" } });
            self.run("mutation ($input: SetRetentionPolicyInput!) { setRetentionPolicy(input: $input) { userErrors { message } } }", policy).await;
        }
        self.create("large").await;
        let mut from = 0;
        while from < files {
            let n = (files - from).min(10_000);
            self.publish_input("large", partitions("large", from, n), None)
                .await;
            from += n;
        }
    }

    async fn create(&self, slug: &str) {
        let input =
            json!({ "input": { "slug": slug, "name": slug, "defaultStorageTarget": { "name": "bench" } } });
        self.run("mutation ($input: CreateDatasetInput!) { createDataset(input: $input) { userErrors { message } } }", input).await;
    }

    async fn publish_input(&self, slug: &str, add: Vec<Value>, fields: Option<Vec<Value>>) {
        let schema = fields.map(|fields| json!({ "fields": fields }));
        let input = json!({ "input": { "dataset": { "slug": slug }, "add": add, "schema": schema } });
        self.run(PUBLISH, input).await;
    }

    async fn vacuum(&self) {
        self.plain.execute_unprepared("analyze").await.ok();
    }

    /// Measures a read, and shows its statements once.
    async fn read(&self, name: &str, document: &str, variables: Value) {
        self.run(document, variables.clone()).await;
        self.statements.lock().expect("the log").clear();
        self.run(document, variables.clone()).await;
        let statements = self.taken();
        let mut times = Vec::new();
        for _ in 0..RUNS {
            let start = Instant::now();
            self.run(document, variables.clone()).await;
            times.push(start.elapsed());
        }
        self.report(name, times, statements).await;
    }

    async fn publish(&self, n: u64, files: u64) {
        for (slug, from) in [("small-0", 10_000_000), ("large", files + 20_000_000)] {
            let runs = if n > 1_000 { 3 } else { RUNS as u64 };
            let mut times = Vec::new();
            let mut statements = Vec::new();
            for run in 0..runs {
                let add = partitions(slug, from + n * 1_000 + run * n, n);
                self.statements.lock().expect("the log").clear();
                let start = Instant::now();
                self.publish_input(slug, add, None).await;
                times.push(start.elapsed());
                statements = self.taken();
            }
            self.report(&format!("publish {n} into {slug}"), times, statements)
                .await;
        }
    }

    /// What a policy lets go of the large dataset: 15,000 files, from the preview to their end.
    async fn let_go(&self) {
        let totals = "{ dataset(by: {slug: \"large\"}) { totals { totalBytes } } }";
        let total = self.run(totals, json!({})).await["dataset"]["totals"]["totalBytes"].take();
        let total: u64 = total
            .as_str()
            .and_then(|total| total.parse().ok())
            .expect("bytes");
        let policy = json!({ "input": { "dataset": { "slug": "large" }, "mode": "SIZE", "keepVersions": 1,
            "maxTotalBytes": (total - 15_000 * FILE_SIZE).to_string(), "deleteGrace": "PT0S" } });
        self.run("mutation ($input: SetRetentionPolicyInput!) { setRetentionPolicy(input: $input) { userErrors { message } } }", policy).await;
        self.read("retention preview (15,000 files go)", PREVIEW, json!({}))
            .await;
        for step in ["10,000", "5,000"] {
            self.once(&format!("apply retention ({step} files)"), APPLY, json!({}))
                .await;
        }
        for step in ["100 versions, 10,000 files", "5,000 files"] {
            self.once(&format!("expire history ({step})"), EXPIRE, json!({}))
                .await;
        }
        let claimed = self.once("claim 100 of 15,000 removals", CLAIM, json!({})).await;
        let removals = claimed["claimFileRemovals"]["removals"]
            .as_array()
            .expect("removals");
        let removed: Vec<Value> = removals
            .iter()
            .map(|removal| json!({ "removal": removal["id"] }))
            .collect();
        assert_eq!(removed.len(), 100);
        let acknowledge =
            json!({ "input": { "leaseId": claimed["claimFileRemovals"]["leaseId"], "removed": removed } });
        self.once("acknowledge 100 removals", ACKNOWLEDGE, acknowledge)
            .await;
        self.read("list of dead letters", DEAD, json!({})).await;
        self.read("list of lifecycle runs", RUNS_LIST, json!({})).await;
    }

    /// Measures what can be done once.
    async fn once(&self, name: &str, document: &str, variables: Value) -> Value {
        self.statements.lock().expect("the log").clear();
        let start = Instant::now();
        let data = self.run(document, variables).await;
        let time = start.elapsed();
        let statements = self.taken();
        self.report(name, vec![time], statements).await;
        data
    }

    fn taken(&self) -> Vec<Statement> {
        std::mem::take(&mut self.statements.lock().expect("the log"))
    }

    async fn report(&self, name: &str, mut times: Vec<Duration>, statements: Vec<Statement>) {
        times.sort_unstable();
        let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
        println!(
            "{name}: {} statements, median {:.2} ms, min {:.2} ms",
            statements.len(),
            ms(times[times.len() / 2]),
            ms(times[0])
        );
        if self.explain {
            for statement in statements {
                println!("{}", self.plan(statement).await);
            }
            println!();
        }
    }

    /// A statement, shortened, with its plan.
    async fn plan(&self, statement: Statement) -> String {
        let head: String = statement.sql.chars().take(300).collect();
        let mut text = format!("  -- {head}\n");
        let postgres = statement.db_backend == sea_orm::DbBackend::Postgres;
        let verb = statement.sql.split(' ').next().unwrap_or_default().to_lowercase();
        if !["select", "with", "insert", "update", "delete"].contains(&&*verb) {
            return text;
        }
        let how = if postgres && verb == "select" && !statement.sql.ends_with("skip locked") {
            "explain (analyze, buffers, costs off, timing off) "
        } else if postgres {
            // What writes is not done again.
            "explain (costs off) "
        } else {
            "explain query plan "
        };
        let explained = Statement {
            sql: format!("{how}{}", statement.sql),
            ..statement
        };
        for row in self.plain.query_all_raw(explained).await.unwrap_or_default() {
            let line: String = row
                .try_get_by_index(if postgres { 0 } else { 3 })
                .unwrap_or_default();
            writeln!(text, "     {line}").expect("a string");
        }
        text
    }
}

/// Minute files: so many, from minute `from` of 2020 on.
fn partitions(slug: &str, from: u64, n: u64) -> Vec<Value> {
    (from..from + n)
        .map(|minute| {
            json!({
                "filePath": format!("{slug}/{minute:010}.parquet"), "fileSizeBytes": FILE_SIZE, "rowCount": "60",
                "startTime": at(minute * 60), "endTime": at(minute * 60 + 59),
                "partitionKey": { "series": format!("s{}", minute % 100) }, "checksum": format!("sha256:{minute:064x}"),
            })
        })
        .collect()
}

fn window(from: u64, minutes: u64) -> Value {
    json!({ "from": at(from * 60), "to": at((from + minutes) * 60) })
}

fn at(second: u64) -> String {
    let start = 1_577_836_800 + i64::try_from(second).expect("a second");
    chrono::DateTime::from_timestamp(start, 0)
        .expect("an instant")
        .to_rfc3339()
}
