//! Queries on a streaming replica, which lags as much as a test says, dies, and comes back.

use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use sea_orm::{ConnectOptions, ConnectionTrait, Database as SeaDatabase, DatabaseConnection, Statement};
use serde_json::{Value, json};
use timestore_gateway::store::backend::{Database, connect_replica};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

use crate::support::app::App;
use crate::support::builders::{partition, slug};
use crate::support::client::document;
use crate::support::database::TestDatabase;
use crate::support::http::post_json;

/// How long the replica may take for what it is not kept from.
const PATIENCE: Duration = Duration::from_secs(30);

const NAME: &str = "{ dataset(by: { slug: \"weather\" }) { name } }";

fn server(variable: &str) -> String {
    std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} names no server: run scripts/test, which starts one"))
}

/// The replica, for as long as one test decides how far it is.
struct Turn {
    /// The session on the primary that holds the turn.
    primary: DatabaseConnection,
    replica: DatabaseConnection,
}

impl Turn {
    async fn take() -> Self {
        let connect = async |variable: &str| {
            let mut options = ConnectOptions::new(server(variable));
            options.max_connections(1);
            SeaDatabase::connect(options).await.unwrap()
        };
        let primary = connect("TIMESTORE_TEST_POSTGRES_URL").await;
        primary
            .execute_unprepared("select pg_advisory_lock(20261127)")
            .await
            .unwrap();
        let turn = Self {
            primary,
            replica: connect("TIMESTORE_TEST_REPLICA_URL").await,
        };
        turn.resume().await;
        turn
    }

    async fn text(connection: &DatabaseConnection, function: &str) -> String {
        let sql = format!("select {function}::text");
        let statement = Statement::from_string(connection.get_database_backend(), sql);
        connection
            .query_one_raw(statement)
            .await
            .unwrap()
            .unwrap()
            .try_get_by_index(0)
            .unwrap()
    }

    /// Waits until the replica has all that was committed so far.
    async fn catch_up(&self) {
        // What was committed may still be on its way to the disk of the primary, since the test server waits for no disk.
        let position = Self::text(&self.primary, "pg_current_wal_insert_lsn()").await;
        let has = format!("(pg_last_wal_replay_lsn() >= '{position}')");
        let start = Instant::now();
        while Self::text(&self.replica, &has).await != "true" {
            assert!(
                start.elapsed() < PATIENCE,
                "the replica does not get to {position}"
            );
            tokio::task::yield_now().await;
        }
    }

    async fn pause(&self) {
        self.catch_up().await;
        self.replica
            .execute_unprepared("select pg_wal_replay_pause()")
            .await
            .unwrap();
        while Self::text(&self.replica, "pg_get_wal_replay_pause_state()").await != "paused" {
            tokio::task::yield_now().await;
        }
    }

    async fn resume(&self) {
        self.replica
            .execute_unprepared("select pg_wal_replay_resume()")
            .await
            .unwrap();
    }
}

/// The same database on another server.
fn on(database: &TestDatabase, address: &str) -> Database {
    let replica = server("TIMESTORE_TEST_REPLICA_URL");
    let (user, _) = replica.rsplit_once('@').unwrap();
    format!("{user}@{address}/{}", database.name()).parse().unwrap()
}

fn replica_address() -> String {
    let url = server("TIMESTORE_TEST_REPLICA_URL");
    let (_, rest) = url.rsplit_once('@').unwrap();
    rest.split('/').next().unwrap().to_owned()
}

impl App {
    /// A gateway on `database` that reads from replicas at these addresses.
    async fn with_replicas(database: &TestDatabase, addresses: &[&str]) -> Self {
        let mut connections = database.connections().await;
        for address in addresses {
            connections.add_replica(connect_replica(&on(database, address), 4).await.unwrap());
        }
        Self::over(connections)
    }

    /// The whole answer to a request that may say after what it reads.
    async fn ask(&self, document: &str, variables: Value, read_after: &Value) -> Value {
        let body =
            json!({ "query": document, "variables": variables, "extensions": { "readAfter": read_after } });
        let request = Request::post("/graphql")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    /// Names the dataset anew; returns after what a query sees that.
    async fn rename(&self, name: &str) -> Value {
        let input = json!({ "dataset": slug("weather"), "name": name });
        let answer = self
            .ask(
                &document("updateDataset"),
                json!({ "input": input }),
                &Value::Null,
            )
            .await;
        assert_eq!(
            answer["data"]["updateDataset"]["dataset"]["name"], name,
            "{answer}"
        );
        answer["extensions"]["readAfter"].clone()
    }

    /// The name of the dataset, as a query reads it.
    async fn name(&self, read_after: &Value) -> String {
        let answer = self.ask(NAME, json!({}), read_after).await;
        answer["data"]["dataset"]["name"]
            .as_str()
            .unwrap_or_else(|| panic!("{answer}"))
            .to_owned()
    }

    /// Waits until queries read this name.
    async fn until_named(&self, name: &str) {
        let start = Instant::now();
        while self.name(&Value::Null).await != name {
            assert!(start.elapsed() < PATIENCE, "{name} is not read");
            tokio::task::yield_now().await;
        }
    }

    /// The names that the queries of a batch read, in which other requests have none.
    async fn names(&self, batch: Value) -> Vec<Value> {
        let answer = post_json(self, batch).await.json();
        let answers = answer.as_array().unwrap_or_else(|| panic!("{answer}"));
        answers
            .iter()
            .map(|answer| answer["data"]["dataset"]["name"].clone())
            .collect()
    }
}

/// A dataset `weather`, called `before` on the replica and `after` on the primary, and after what the latter is read.
async fn lagging(app: &App, turn: &Turn) -> Value {
    app.dataset("weather").await;
    app.rename("before").await;
    turn.pause().await;
    let read_after = app.rename("after").await;
    // A gateway reads from the primary until it knows how far the replica is.
    app.until_named("before").await;
    read_after
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_reads_what_a_mutation_wrote_when_it_says_so() {
    let database = TestDatabase::postgres().await;
    let turn = Turn::take().await;
    let app = App::with_replicas(&database, &[&replica_address()]).await;
    let read_after = lagging(&app, &turn).await;
    assert_eq!(app.name(&read_after).await, "after", "the primary answers");
    assert_eq!(app.name(&Value::Null).await, "before", "the replica answers");
    let waiting = async {
        let answers = [app.name(&read_after), app.name(&read_after)];
        futures_util::future::join_all(answers).await
    };
    let (names, ()) = futures_util::join!(waiting, turn.resume());
    assert_eq!(names, ["after", "after"]);
    app.until_named("after").await;
    for wrong in [json!("1"), json!(7), json!("x/y")] {
        let answer = app.ask(NAME, json!({}), &wrong).await;
        let extensions = &answer["errors"][0]["extensions"];
        assert_eq!(extensions["code"], "BAD_USER_INPUT", "{answer}");
        assert_eq!(extensions["field"], json!(["extensions", "readAfter"]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_reads_what_it_wrote_unless_it_says_otherwise() {
    let database = TestDatabase::postgres().await;
    let turn = Turn::take().await;
    let app = App::with_replicas(&database, &[&replica_address()]).await;
    lagging(&app, &turn).await;
    let read = json!({ "query": NAME });
    let input = json!({ "dataset": slug("weather"), "name": "anew" });
    let rename = json!({ "query": document("updateDataset"), "variables": { "input": input } });
    // The replica had this from the beginning.
    let read_early = json!({ "query": NAME, "extensions": { "readAfter": "0/1" } });
    let batch = json!([read, rename, read, read_early, read]);
    let names = app.names(batch).await;
    assert_eq!(json!(names), json!(["before", null, "anew", "before", "anew"]));
    assert_eq!(
        json!(app.names(json!([read, read])).await),
        json!(["before", "before"])
    );
    turn.resume().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_query_names_is_found_though_the_replica_lacks_it() {
    let database = TestDatabase::postgres().await;
    let turn = Turn::take().await;
    let app = App::with_replicas(&database, &[&replica_address()]).await;
    app.dataset("weather").await;
    app.append("weather", [partition("2020-01-01", "a.parquet")])
        .await;
    lagging_versions(&app, &turn).await;
    let read = async |arguments: &str| {
        let document = format!(
            "{{ dataset(by: {{ slug: \"weather\" }}) {{ manifest{arguments} {{ version publishedAt
            partitions(first: 1) {{ totalCount pageInfo {{ endCursor }} }} }} }} }}"
        );
        app.query(&document, json!({})).await["dataset"]["manifest"].clone()
    };
    assert_eq!(read("").await["version"], 1, "the newest one of the replica");
    let second = read("(by: { version: 2 })").await;
    assert_eq!(
        (&second["version"], &second["partitions"]["totalCount"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(read("(by: { version: 3 })").await, Value::Null, "there is none");
    let instant = format!("(by: {{ asOf: {} }})", second["publishedAt"]);
    assert_eq!(read(&instant).await["version"], 2);
    assert_eq!(read("(by: { snapshot: \"second\" })").await["version"], 2);
    // Paging goes on where another gateway began it.
    let page = "query ($after: String) { dataset(by: { slug: \"weather\" }) { manifest {
        partitions(first: 1, after: $after) { resolvedVersion nodes { filePath } } } } }";
    let after = json!({ "after": second["partitions"]["pageInfo"]["endCursor"] });
    let rest = app.query(page, after).await["dataset"]["manifest"]["partitions"].clone();
    assert_eq!(
        rest,
        json!({ "resolvedVersion": 2, "nodes": [{ "filePath": "b.parquet" }] })
    );
    turn.resume().await;
}

/// A second version, which only the primary has.
async fn lagging_versions(app: &App, turn: &Turn) {
    turn.pause().await;
    app.append("weather", [partition("2020-01-02", "b.parquet")])
        .await;
    app.granted(
        "createSnapshot",
        json!({ "dataset": slug("weather"), "name": "second" }),
    )
    .await;
    let newest = "{ dataset(by: { slug: \"weather\" }) { manifest { version } } }";
    let start = Instant::now();
    while app.query(newest, json!({})).await["dataset"]["manifest"]["version"] != 1 {
        assert!(start.elapsed() < PATIENCE, "the replica is not read");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_dies_is_left_alone_until_it_is_back() {
    let database = TestDatabase::postgres().await;
    let turn = Turn::take().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = listener.local_addr().unwrap();
    let way = tokio::spawn(forward(listener));
    // One that was never there does not keep the other from its turn.
    let app = App::with_replicas(&database, &["127.0.0.1:1", &proxy.to_string()]).await;
    lagging(&app, &turn).await;
    way.abort();
    drop(way.await);
    // From the first query on: what is under way, too, is asked of the primary.
    for _ in 0..20 {
        assert_eq!(app.name(&Value::Null).await, "after");
    }
    let listener = TcpListener::bind(proxy).await.unwrap();
    let way = tokio::spawn(forward(listener));
    app.until_named("before").await;
    way.abort();
    turn.resume().await;
}

/// Passes connections on to the replica, for as long as it is not aborted.
async fn forward(listener: TcpListener) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (mut client, _) = listener.accept().await.unwrap();
        connections.spawn(async move {
            let mut server = TcpStream::connect(replica_address()).await.unwrap();
            drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_and_the_state_of_a_commit_are_read_on_the_primary() {
    let database = TestDatabase::postgres().await;
    let turn = Turn::take().await;
    let app = App::with_replicas(&database, &[&replica_address()]).await;
    lagging(&app, &turn).await;
    let publish = json!({ "dataset": slug("weather"), "idempotencyKey": "k", "add": [partition("2020-01-01", "a.parquet")] });
    app.granted("publishManifest", publish).await;
    let status = "{ commitStatus(dataset: { slug: \"weather\" }, idempotencyKey: \"k\") { state } }";
    assert_eq!(
        app.query(status, json!({})).await["commitStatus"]["state"],
        "COMMITTED"
    );
    let changes = app.feed(5).await;
    assert_eq!(changes.last().unwrap()["kind"], "MANIFEST_PUBLISHED");
    turn.resume().await;
}
