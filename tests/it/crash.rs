//! Gateways and workers that are killed at random, through hundreds of rounds of publishing, retention, expiry and removal: at the
//! end every file that a version names is there, and every other one is gone or on its way out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use serde_json::{Value, json};
use timestore_gateway::doctor::{Doctor, Finding};
use timestore_gateway::storage::Environment;
use timestore_gateway::store::{DatasetRef, Store};

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{path, slug};
use crate::support::catalog::paths;
use crate::support::client::document;
use crate::support::database::{TestDatabase, count};
use crate::support::dice::Dice;
use crate::support::process::{Process, Worker, post};
use crate::support::schedule::Gateways;
use crate::support::storage::TestStorage;

both! { nothing_is_lost_and_nothing_is_left_however_often_it_is_killed }

/// How many gateways are killed; about half as many workers are.
const ROUNDS: usize = 200;

const DATASETS: [&str; 2] = ["rain", "wind"];

/// How long a client, or a round, may come to nothing.
const PATIENCE: Duration = Duration::from_secs(60);

async fn nothing_is_lost_and_nothing_is_left_however_often_it_is_killed(database: TestDatabase) {
    let storage = TestStorage::disk();
    let app = App::new(&database).await;
    let target = json!({ "name": "disk", "kind": "LOCAL", "baseUri": storage.base_uri() });
    app.granted("upsertStorageTarget", target).await;
    for name in DATASETS {
        let dataset = json!({ "slug": name, "name": name, "defaultStorageTarget": { "name": "disk" } });
        app.granted("createDataset", dataset).await;
        let policy = json!({ "dataset": slug(name), "maxAge": "P30D", "maxTotalBytes": "150", "keepVersions": 3,
            "deleteGrace": "PT0S" });
        app.granted("setRetentionPolicy", policy).await;
    }
    let dice = Dice::new();
    let writer = database.connections().await.writer;
    let base = storage.directory().join("base");
    tokio::task::block_in_place(|| kill_again_and_again(&database, &writer, &base, dice));

    let store = database.store().await;
    let named = named(&store, &base).await;
    for name in DATASETS {
        let dataset = DatasetRef::Slug(name.to_owned());
        let dataset = store.dataset_find(&dataset).await.unwrap().unwrap();
        assert_eq!(store.dataset_flaws(&dataset).await.unwrap(), [], "{name}");
    }
    let known: BTreeSet<String> = texts(
        &writer,
        "select file_path from timestore.partitions union select file_path from timestore.file_removals where done_at is null",
    )
    .await;
    let files: BTreeSet<String> = storage.list().await.into_iter().collect();
    let strays: Vec<&String> = files.difference(&known).collect();
    assert!(strays.is_empty(), "nobody is going to delete {strays:?}");
    // The rounds came to something: files were deleted, claims and runs were cut off in the middle.
    let rounds = i64::try_from(ROUNDS).unwrap();
    for (what, least) in [
        ("file_removals where outcome = 'deleted'", rounds / 2),
        ("file_removals where attempts > 1", 1),
        ("manifests where expired_at is not null", rounds),
        ("lifecycle_runs where error = 'its worker fell silent'", 1),
    ] {
        let found = count(&writer, what).await;
        assert!(found >= least, "{what}: {found}");
    }
    assert!(named.len() > 2, "{named:?}");

    // Once all leases and pauses have ended, what was begun is ended, and only what versions name is left.
    app.granted("requeueFileRemovals", json!({})).await;
    let gateways = Gateways::at(&database, chrono::Utc::now() + chrono::Duration::days(2)).await;
    let (_gateway, _halt) = gateways.start(&database, "last").await;
    for _ in 0..3 {
        let runs = gateways.ended(0).await.len();
        gateways.clock.advance(chrono::Duration::hours(7));
        gateways.ended(runs + 4).await;
    }
    let named = self::named(&store, &base).await;
    let files: BTreeSet<String> = storage.list().await.into_iter().collect();
    assert_eq!(files, named);
    let open = "select file_path from timestore.file_removals where done_at is null";
    assert_eq!(texts(&writer, open).await, BTreeSet::new());
    assert_eq!(findings(&gateways).await, []);
}

/// What the doctor finds in the records and on disk.
async fn findings(gateways: &Gateways) -> Vec<Finding> {
    let doctor = Doctor {
        store: &gateways.store,
        clock: &*gateways.clock,
        environment: &Environment::process(),
        orphans_older_than: "PT0S".parse().unwrap(),
        fix: false,
    };
    let mut findings = Vec::new();
    let mut report = |finding| findings.push(finding);
    doctor.look_at_records(None, &mut report).await.unwrap();
    let notes = doctor.look_at_storage(None, None, &mut report).await.unwrap();
    assert_eq!(notes, Vec::<String>::new());
    findings
}

/// The files that versions name which can be read; each is there, as it was written.
async fn named(store: &Store, base: &Path) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for name in DATASETS {
        let dataset = DatasetRef::Slug(name.to_owned());
        let id = store.dataset_find(&dataset).await.unwrap().unwrap().id;
        let latest = store.dataset_heads(&[id]).await.unwrap()[&id].latest_version;
        let keys: Vec<_> = (1..=latest).map(|version| (id, version)).collect();
        for (key, manifest) in store.manifests_by_key(&keys).await.unwrap() {
            if manifest.expired_at.is_some() {
                continue;
            }
            let files = paths(store, id, key.1).await;
            assert_eq!(files.len(), usize::try_from(manifest.partition_count).unwrap());
            for path in files {
                let content = std::fs::read_to_string(base.join(&path));
                let content = content.unwrap_or_else(|error| panic!("{name} {}: {path}: {error}", key.1));
                assert_eq!(i64::try_from(content.len()).unwrap(), SIZE);
                named.insert(path);
            }
        }
    }
    named
}

async fn texts(connection: &DatabaseConnection, sql: &str) -> BTreeSet<String> {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

fn kill_again_and_again(database: &TestDatabase, writer: &DatabaseConnection, base: &Path, mut dice: Dice) {
    let runtime = tokio::runtime::Handle::current();
    let front = Front::default();
    std::thread::scope(|scope| {
        let clients: Vec<_> = DATASETS
            .iter()
            .map(|dataset| {
                let client = Client {
                    front: &front,
                    base: base.to_owned(),
                    dataset,
                    dice: dice.fork(),
                    count: 0,
                };
                scope.spawn(|| client.work())
            })
            .collect();
        for _ in 0..ROUNDS {
            let mut gateway = front.start(database);
            let mut worker = dice.one_in(2).then(|| Worker::start(database));
            let (gateway_at, worker_at) = (1 + dice.below(8), dice.below(9));
            front.wait_for(worker_at.min(gateway_at));
            if worker_at < gateway_at
                && let Some(worker) = &mut worker
            {
                worker.kill();
            }
            front.wait_for(gateway_at - worker_at.min(gateway_at));
            front.kill(&mut gateway);
            if let Some(worker) = worker {
                worker.end(dice.one_in(2));
            }
            // Nobody is at work: as if so much time had passed that whatever they held had come to its end.
            let past = "'2020-01-01 00:00:00+00:00'";
            let freed = format!(
                "delete from timestore.leases; \
                 update timestore.file_removals set due_at = {past} where done_at is null and dead_at is null; \
                 update timestore.lifecycle_runs set heartbeat_at = {past} where status = 'running'"
            );
            runtime.block_on(writer.execute_unprepared(&freed)).unwrap();
        }
        let gateway = front.start(database);
        front.is_over.store(true, Ordering::Relaxed);
        clients.into_iter().for_each(|client| client.join().unwrap());
        assert!(gateway.terminate().success());
    });
}

/// What clients know of the gateways.
#[derive(Default)]
struct Front {
    address: Mutex<Option<String>>,
    answered: AtomicUsize,
    is_over: AtomicBool,
}

impl Front {
    fn start(&self, database: &TestDatabase) -> Process {
        let schedule = [
            "--lifecycle",
            "--lifecycle-interval",
            "PT1S",
            "--read-grace",
            "PT0S",
        ];
        let gateway = Process::start_with(database, &schedule);
        *self.address.lock().unwrap() = Some(gateway.address().to_owned());
        gateway
    }

    fn kill(&self, gateway: &mut Process) {
        *self.address.lock().unwrap() = None;
        gateway.kill();
    }

    /// Until so many more requests were answered, and then some.
    fn wait_for(&self, more: usize) {
        let (count, since) = (self.answered.load(Ordering::Relaxed) + more, Instant::now());
        while self.answered.load(Ordering::Relaxed) < count {
            assert!(since.elapsed() < PATIENCE, "the clients stand still");
            std::thread::yield_now();
        }
    }

    /// What a gateway answers, however many die before.
    fn ask(&self, document: &str, variables: &Value) -> Value {
        let since = Instant::now();
        loop {
            assert!(since.elapsed() < PATIENCE, "no gateway answers {variables}");
            let address = self.address.lock().unwrap().clone();
            let Some(address) = address else {
                std::thread::yield_now();
                continue;
            };
            if let Ok(answer) = post(&address, document, variables) {
                assert!(answer["errors"].is_null(), "{answer}");
                self.answered.fetch_add(1, Ordering::Relaxed);
                return answer["data"].clone();
            }
        }
    }
}

/// The size of every file: a path, filled up with blanks.
const SIZE: i64 = 10;

/// Who publishes one dataset: writes files first, and repeats what was not answered under the same key.
struct Client<'a> {
    front: &'a Front,
    base: PathBuf,
    dataset: &'static str,
    dice: Dice,
    count: usize,
}

impl Client<'_> {
    fn work(mut self) {
        std::fs::create_dir_all(self.base.join(self.dataset)).unwrap();
        while !self.front.is_over.load(Ordering::Relaxed) {
            match self.dice.below(12) {
                0..=4 => self.append(),
                5 => self.compact(),
                6 => self.delete(),
                7 => self.roll_back(),
                8 => self.relocate(),
                9 => self.pin(),
                10 => self.unpin(),
                _ => self.trigger(),
            }
        }
    }

    fn append(&mut self) {
        let files: Vec<Value> = (0..=self.dice.below(3)).map(|_| self.write()).collect();
        let key = files[0]["filePath"].clone();
        let input = json!({ "dataset": slug(self.dataset), "add": files, "idempotencyKey": key });
        let answer = self.ask("publishManifest", &input);
        assert_eq!(answer["userErrors"], json!([]));
    }

    fn compact(&mut self) {
        if let [one, two, ..] = &*self.live() {
            let mut file = self.write();
            file["rowCount"] = json!(2);
            let remove = [path(one), path(two)];
            let input = json!({ "dataset": slug(self.dataset), "operation": "COMPACT", "add": [file], "remove": remove,
                "idempotencyKey": file["filePath"] });
            self.ask_with_file("publishManifest", &input, &file["filePath"]);
        }
    }

    fn delete(&mut self) {
        if let [file, ..] = &*self.live() {
            let input = json!({ "dataset": slug(self.dataset), "operation": "DELETE", "remove": [path(file)],
                "idempotencyKey": self.key() });
            self.ask("publishManifest", &input);
        }
    }

    fn roll_back(&mut self) {
        let latest = self.head()["version"].as_i64().unwrap_or_default();
        let input = json!({ "dataset": slug(self.dataset), "to": latest - 1, "idempotencyKey": self.key() });
        self.ask("rollbackDataset", &input);
    }

    fn relocate(&mut self) {
        if let [file, ..] = &*self.live() {
            let copy = self.write();
            let moved = json!({ "partition": path(file), "storageTarget": { "name": "disk" }, "filePath": copy["filePath"] });
            let input = json!({ "dataset": slug(self.dataset), "moves": [moved], "idempotencyKey": copy["filePath"] });
            self.ask_with_file("relocatePartitions", &input, &copy["filePath"]);
        }
    }

    fn pin(&mut self) {
        let name = format!("pin-{}", self.dice.below(2));
        self.ask(
            "createSnapshot",
            &json!({ "dataset": slug(self.dataset), "name": name }),
        );
    }

    fn unpin(&mut self) {
        let name = format!("pin-{}", self.dice.below(2));
        self.ask(
            "deleteSnapshot",
            &json!({ "dataset": slug(self.dataset), "name": name }),
        );
    }

    fn trigger(&mut self) {
        let kind = ["RETENTION", "HISTORY", "REMOVAL", "HOUSEKEEPING"][self.dice.below(4)];
        self.ask("triggerLifecycleRun", &json!({ "kind": kind }));
    }

    fn ask(&self, mutation: &str, input: &Value) -> Value {
        self.front.ask(&document(mutation), &json!({ "input": input }))[mutation].take()
    }

    /// The same, for a request that adds a file; where it was refused, nobody will ever name the file.
    fn ask_with_file(&self, mutation: &str, input: &Value, file: &Value) {
        if self.ask(mutation, input)["userErrors"] != json!([]) {
            std::fs::remove_file(self.base.join(file.as_str().unwrap())).unwrap();
        }
    }

    /// Writes a file of a day that the policy keeps, or of one that it does not.
    fn write(&mut self) -> Value {
        let path = self.key();
        let width = usize::try_from(SIZE).unwrap();
        std::fs::write(self.base.join(&path), format!("{path:<width$}")).unwrap();
        let year = if self.dice.one_in(4) { 2001 } else { 2091 };
        json!({ "filePath": path, "fileSizeBytes": SIZE, "rowCount": 1, "startTime": format!("{year}-01-01T00:00:00Z"),
            "endTime": format!("{year}-01-01T01:00:00Z") })
    }

    /// A name that was never used.
    fn key(&mut self) -> String {
        self.count += 1;
        format!("{}/{}", self.dataset, self.count)
    }

    /// Some of the files that are live, in a random order.
    fn live(&mut self) -> Vec<String> {
        let head = self.head();
        let nodes = head["partitions"]["nodes"].as_array();
        let mut files: Vec<String> = (nodes.into_iter().flatten())
            .map(|node| node["filePath"].as_str().unwrap().to_owned())
            .collect();
        self.dice.shuffle(&mut files);
        files
    }

    fn head(&self) -> Value {
        let document = "query ($slug: String!) { dataset(by: { slug: $slug }) {
            manifest { version partitions(first: 100) { nodes { filePath } } } } }";
        self.front.ask(document, &json!({ "slug": self.dataset }))["dataset"]["manifest"].take()
    }
}
