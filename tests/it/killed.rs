//! A gateway that is killed, or told to stop, in the middle of publishes, again and again: what it answered is there, nothing is half done, and
//! what it did not answer can be found out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::both;
use crate::support::catalog::{dataset, paths};
use crate::support::database::TestDatabase;
use crate::support::process::{Process, post};

const ROUNDS: usize = 5;
const CLIENTS: usize = 3;

const PUBLISH: &str = "mutation ($input: PublishManifestInput!) {
    publishManifest(input: $input) { manifest { version } replayed userErrors { message } } }";
const STATUS: &str = "query ($key: String!) {
    commitStatus(dataset: { slug: \"killed\" }, idempotencyKey: $key) { state manifest { version } } }";

both! {
    a_gateway_killed_in_the_middle_of_publishes_loses_and_doubles_nothing,
    a_gateway_told_to_stop_in_the_middle_of_publishes_loses_and_doubles_nothing,
}

/// What became of a key, as its client knows it: the version, or none where no answer came.
type Outcomes = BTreeMap<String, Option<i64>>;

async fn a_gateway_killed_in_the_middle_of_publishes_loses_and_doubles_nothing(database: TestDatabase) {
    lose_and_double_nothing(&database, |mut gateway| gateway.kill()).await;
}

async fn a_gateway_told_to_stop_in_the_middle_of_publishes_loses_and_doubles_nothing(database: TestDatabase) {
    let stop = |gateway: Process| assert!(gateway.terminate().success());
    lose_and_double_nothing(&database, stop).await;
}

async fn lose_and_double_nothing(database: &TestDatabase, end: impl Fn(Process)) {
    let store = database.store().await;
    let id = dataset(&store, "killed").await.id;
    let outcomes = tokio::task::block_in_place(|| end_again_and_again(database, end));
    let mut versions: Vec<i64> = outcomes.values().map(|version| version.unwrap()).collect();
    versions.sort_unstable();
    let count = i64::try_from(versions.len()).unwrap();
    assert_eq!(
        versions,
        (1..=count).collect::<Vec<_>>(),
        "each key has a version of its own, without gaps"
    );
    let head = &store.dataset_heads(&[id]).await.unwrap()[&id];
    assert_eq!((i64::from(head.latest_version), head.total_rows), (count, count));
    assert_eq!(paths(&store, id, head.latest_version).await.len(), versions.len());
}

fn end_again_and_again(database: &TestDatabase, end: impl Fn(Process)) -> Outcomes {
    let mut outcomes = Outcomes::new();
    for round in 0..ROUNDS {
        let gateway = Process::start(database);
        let answered = AtomicUsize::new(0);
        let published = std::thread::scope(|scope| {
            let (address, answered) = (gateway.address().to_owned(), &answered);
            let clients: Vec<_> = (0..CLIENTS)
                .map(|client| {
                    let address = address.clone();
                    scope.spawn(move || publish_until_cut(&address, &format!("{round}-{client}"), answered))
                })
                .collect();
            // In the middle of some publish, after a few that were answered.
            while answered.load(Ordering::Relaxed) < 5 + round {
                std::thread::yield_now();
            }
            end(gateway);
            clients
                .into_iter()
                .flat_map(|client| client.join().unwrap())
                .collect::<Outcomes>()
        });
        outcomes.extend(published);
        settle(database, &mut outcomes);
    }
    outcomes
}

/// Publishes one file after the other until no answer comes.
fn publish_until_cut(address: &str, name: &str, answered: &AtomicUsize) -> Outcomes {
    let mut outcomes = Outcomes::new();
    for n in 0.. {
        let key = format!("{name}-{n}");
        let Ok(answer) = post(address, PUBLISH, &json!({ "input": input(&key) })) else {
            outcomes.insert(key, None);
            break;
        };
        outcomes.insert(key, Some(version(&answer["data"]["publishManifest"])));
        answered.fetch_add(1, Ordering::Relaxed);
    }
    outcomes
}

/// Finds out from another gateway what became of the keys without an answer, and publishes those that were not seen.
fn settle(database: &TestDatabase, outcomes: &mut Outcomes) {
    let gateway = Process::start(database);
    for (key, outcome) in outcomes.iter_mut().filter(|(_, outcome)| outcome.is_none()) {
        let status = post(gateway.address(), STATUS, &json!({ "key": key })).unwrap();
        let status = &status["data"]["commitStatus"];
        let again = post(gateway.address(), PUBLISH, &json!({ "input": input(key) })).unwrap();
        let again = &again["data"]["publishManifest"];
        assert_eq!(
            status["state"] == "COMMITTED",
            again["replayed"] == true,
            "{status} {again}"
        );
        if status["state"] == "COMMITTED" {
            assert_eq!(version(status), version(again));
        }
        *outcome = Some(version(again));
    }
    assert!(gateway.terminate().success(), "it stops when it is asked to");
}

fn version(answer: &Value) -> i64 {
    answer["manifest"]["version"]
        .as_i64()
        .unwrap_or_else(|| panic!("{answer}"))
}

fn input(key: &str) -> Value {
    json!({
        "dataset": { "slug": "killed" }, "idempotencyKey": key,
        "add": [{ "filePath": format!("{key}.parquet"), "fileSizeBytes": "1", "rowCount": "1",
            "startTime": "2020-01-01T00:00:00Z", "endTime": "2020-01-01T01:00:00Z" }],
    })
}
