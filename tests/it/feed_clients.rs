//! The change feed, followed with the clients `graphql-ws` and `graphql-sse` from npm while publishers work and gateways die.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use chrono::Duration;
use serde_json::{Value, json};

use crate::support::both;
use crate::support::builders::{partition, slug};
use crate::support::catalog::minute;
use crate::support::client::document;
use crate::support::database::TestDatabase;
use crate::support::npm::node;
use crate::support::process::{Process, post};

both! {
    an_expired_cursor_is_an_error_for_either_client,
}

const DATASETS: [&str; 3] = ["weather", "traffic", "energy"];

/// How many versions each dataset gets.
const VERSIONS: usize = 20;

const CHANGES: &str =
    "query ($after: String, $filter: ChangeFilter) { changes(after: $after, first: 100, filter: $filter) {
    nodes { cursor kind manifest { version dataset { slug } } } pageInfo { hasNextPage endCursor } } }";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_client_sees_every_change_once_through_three_gateways() {
    follow_while_publishing(&TestDatabase::postgres().await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_client_sees_every_change_once_through_one_gateway_on_sqlite() {
    follow_while_publishing(&TestDatabase::sqlite().await, 1);
}

/// Publishers and clients spread over `gateways`. The first of them is killed amid the work, and started again.
fn follow_while_publishing(database: &TestDatabase, gateways: usize) {
    let mut gateways: Vec<Process> = (0..gateways).map(|_| Process::start(database)).collect();
    let addresses: Arc<Vec<String>> = Arc::new(
        gateways
            .iter()
            .map(|gateway| gateway.address().to_owned())
            .collect(),
    );
    let begin = set_up(&addresses[0]).pop().unwrap()["cursor"].take();
    let one = json!({ "dataset": slug("weather"), "kinds": ["MANIFEST_PUBLISHED", "DATASET_DELETED"] });
    let all = VERSIONS * DATASETS.len();
    let clients: Vec<(Value, JoinHandle<Value>)> = [
        ("ws", 0, Value::Null, all),
        ("sse", 0, Value::Null, all),
        ("ws", 1, one.clone(), VERSIONS),
        ("sse", 2, one, VERSIONS),
    ]
    .into_iter()
    .map(|(transport, gateway, filter, count)| {
        let address = &addresses[gateway % addresses.len()];
        let task = json!({
            "transport": transport, "address": address, "after": begin, "filter": filter, "count": count,
        });
        (
            filter,
            thread::spawn(move || node("feed.js", &[&task.to_string()])),
        )
    })
    .collect();

    let (publish_done, done) = channel();
    let publishers: Vec<JoinHandle<()>> = (0..DATASETS.len() * 2)
        .map(|n| {
            let (addresses, publish_done) = (addresses.clone(), publish_done.clone());
            thread::spawn(move || publish(n, &addresses, &publish_done))
        })
        .collect();
    drop(publish_done);
    assert_eq!(done.iter().take(all / 3).count(), all / 3);
    gateways[0].kill();
    gateways[0] = Process::start_at(&addresses[0], database, &[]);
    for publisher in publishers {
        publisher.join().unwrap();
    }
    for (filter, client) in clients {
        let mut told = client.join().unwrap();
        assert_eq!(told["error"], Value::Null);
        let expected = feed(&addresses[0], &begin, &filter);
        assert_eq!(told["changes"].take(), json!(expected), "{filter}");
    }
}

/// Makes the datasets; returns the changes that this came to, once the feed shows them.
fn set_up(address: &str) -> Vec<Value> {
    let target = json!({ "name": "lake", "kind": "S3", "baseUri": "s3://lake/timestore" });
    granted(address, "upsertStorageTarget", &target);
    for name in DATASETS {
        let input = json!({ "slug": name, "name": name, "defaultStorageTarget": { "name": "lake" } });
        granted(address, "createDataset", &input);
    }
    loop {
        // Transactions of other tests may hold it back on PostgreSQL.
        let changes = feed(address, &Value::Null, &Value::Null);
        if changes.len() == 1 + DATASETS.len() {
            return changes;
        }
    }
}

/// Publishes half of the versions of a dataset, each until some gateway says that it is there.
fn publish(publisher: usize, addresses: &[String], done: &Sender<()>) {
    let dataset = DATASETS[publisher % DATASETS.len()];
    for n in 0..VERSIONS / 2 {
        let name = format!("{publisher}-{n}");
        let input = json!({
            "dataset": slug(dataset), "add": [partition("2020-01-01", &name)], "idempotencyKey": name,
        });
        let document = document("publishManifest");
        let mut gateways = addresses.iter().cycle().skip(publisher + n);
        let answer = gateways.find_map(|address| {
            let answer = post(address, &document, &json!({ "input": input })).ok();
            let answer = answer.filter(|answer| answer.get("errors").is_none());
            if answer.is_none() {
                thread::yield_now();
            }
            answer
        });
        let answer = answer.unwrap();
        assert_eq!(
            answer["data"]["publishManifest"]["userErrors"],
            json!([]),
            "{answer}"
        );
        done.send(()).unwrap();
    }
}

/// The feed after a cursor, page by page.
fn feed(address: &str, after: &Value, filter: &Value) -> Vec<Value> {
    let mut changes = Vec::new();
    let mut after = after.clone();
    loop {
        let variables = json!({ "after": after, "filter": filter });
        let mut answer = post(address, CHANGES, &variables).unwrap();
        let page = &mut answer["data"]["changes"];
        let Value::Array(nodes) = page["nodes"].take() else {
            panic!("no page: {answer}")
        };
        changes.extend(nodes);
        after = page["pageInfo"]["endCursor"].take();
        if page["pageInfo"]["hasNextPage"] == json!(false) {
            return changes;
        }
    }
}

fn granted(address: &str, mutation: &str, input: &Value) {
    let answer = post(address, &document(mutation), &json!({ "input": input })).unwrap();
    assert_eq!(answer["data"][mutation]["userErrors"], json!([]), "{answer}");
}

async fn an_expired_cursor_is_an_error_for_either_client(database: TestDatabase) {
    let gateway = Process::start(&database);
    let changes = set_up(gateway.address());
    let store = database.store().await;
    let later = minute(0) + Duration::days(36_500);
    assert_eq!(store.changes_forget(later, 2).await.unwrap(), 2);
    for transport in ["ws", "sse"] {
        let follow = |after: &Value| {
            let task = json!({
                "transport": transport, "address": gateway.address(), "after": after, "filter": null, "count": 2,
            });
            node("feed.js", &[&task.to_string()])
        };
        let told = follow(&changes[0]["cursor"]);
        assert_eq!(told["changes"], json!([]), "{transport}");
        assert_eq!(told["error"]["code"], "EXPIRED", "{transport}");
        assert_eq!(told["error"]["field"], json!(["after"]), "{transport}");
        let expected = json!({ "changes": changes[2..4], "error": null });
        assert_eq!(follow(&changes[1]["cursor"]), expected, "{transport}");
    }
}

#[tokio::test]
async fn a_client_that_misbehaves_is_told_why_it_is_let_go() {
    let database = TestDatabase::sqlite().await;
    let impatient = ["--stream-patience", "PT1S", "--stream-ping-interval", "PT1S"];
    for (misbehaviour, arguments, code, reason) in [
        ("stalls", &impatient[..], 1008, "slow consumer"),
        ("floods", &[], 1009, "expected a message of at most"),
    ] {
        let gateway = Process::start_with(&database, arguments);
        let task = json!({ "transport": "ws", "address": gateway.address(), "misbehaves": misbehaviour });
        let told = node("feed.js", &[&task.to_string()]);
        assert_eq!(told["closed"]["code"], code, "{told}");
        assert!(
            told["closed"]["reason"].as_str().unwrap().starts_with(reason),
            "{told}"
        );
    }
}

#[tokio::test]
async fn a_gateway_that_stops_sends_its_clients_elsewhere() {
    let database = TestDatabase::sqlite().await;
    for (transport, reason) in [
        ("ws", "the gateway is stopping"),
        ("sse", "Connection closed while having active streams"),
    ] {
        let gateway = Process::start(&database);
        let changes = feed(gateway.address(), &Value::Null, &Value::Null);
        let begin = match &changes[..] {
            [] => set_up(gateway.address()).remove(0)["cursor"].take(),
            changes => changes[0]["cursor"].clone(),
        };
        let task = json!({
            "transport": transport, "address": gateway.address(), "after": begin, "misbehaves": "ends", "gateway": gateway.id(),
        });
        let told = node("feed.js", &[&task.to_string()]);
        assert_eq!(told["closed"]["reason"], reason, "{told}");
        assert!(gateway.terminate().success());
    }
}
