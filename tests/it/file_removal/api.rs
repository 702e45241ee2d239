//! Claiming, acknowledging, releasing, requeueing and listing through the API.

use chrono::{Duration, Utc};
use serde_json::{Value, json};
use timestore_entity::ids::DatasetId;
use timestore_gateway::store::Page;
use timestore_gateway::store::file_removal::FileRemovalFilter;

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{code_and_path, slug};
use crate::support::catalog::{dataset, queue_removal};
use crate::support::database::TestDatabase;

use super::Bench;

both! {
    what_a_worker_releases_is_handed_out_again_at_once,
    the_api_claims_lists_acknowledges_and_requeues,
    claims_and_acknowledgements_that_cannot_be_are_refused,
}

async fn what_a_worker_releases_is_handed_out_again_at_once(database: TestDatabase) {
    let app = App::new(&database).await;
    let bench = Bench::new(&database).await;
    for path in ["a", "b"] {
        bench.queue(path).await;
    }
    let claimed = app.granted("claimFileRemovals", json!({ "owner": "w" })).await;
    let ids: Vec<&Value> = (claimed["removals"].as_array().unwrap().iter())
        .map(|removal| &removal["id"])
        .collect();
    let input = json!({ "leaseId": claimed["leaseId"], "removed": [{ "removal": ids[0] }], "released": [ids[0], "nothing"] });
    let errors = app.refused("acknowledgeFileRemovals", input).await;
    let paths: Vec<_> = errors.iter().map(code_and_path).collect();
    assert_eq!(
        paths,
        [
            ("INVALID_INPUT", "input.released.0".to_owned()),
            ("INVALID_INPUT", "input.released.1".to_owned())
        ]
    );
    let input =
        json!({ "leaseId": claimed["leaseId"], "removed": [{ "removal": ids[0] }], "released": [ids[1]] });
    let done = app.granted("acknowledgeFileRemovals", input.clone()).await;
    assert_eq!((&done["removed"], &done["released"]), (&json!(1), &json!(1)));
    app.refused("acknowledgeFileRemovals", input).await;
    let again = app.granted("claimFileRemovals", json!({ "owner": "w" })).await;
    let removal = &again["removals"][0];
    assert_eq!((&removal["id"], &removal["attempts"]), (ids[1], &json!(1)));
}

async fn the_api_claims_lists_acknowledges_and_requeues(database: TestDatabase) {
    let app = App::new(&database).await;
    let store = database.store().await;
    let id = dataset(&store, "weather").await.id;
    let connection = database.connections().await.writer;
    let past = Utc::now() - Duration::hours(1);
    for path in ["a.parquet", "b c.parquet", "c.parquet"] {
        queue_removal(&connection, &store, id, ("files", path), past).await;
    }
    let gone = DatasetId(uuid::Uuid::now_v7());
    queue_removal(&connection, &store, gone, ("files", "gone.parquet"), past).await;
    let list = "query ($filter: FileRemovalFilter, $after: String) {
        fileRemovals(first: 2, after: $after, filter: $filter) { totalCount pageInfo { hasNextPage endCursor }
          nodes { id filePath state uri dataset { slug } outcome } } }";
    let first = app.query(list, json!({})).await;
    assert_eq!(first["fileRemovals"]["totalCount"], 4);
    assert_eq!(
        first["fileRemovals"]["nodes"][1]["uri"],
        "file:///files/b%20c.parquet"
    );
    assert_eq!(first["fileRemovals"]["nodes"][1]["state"], "DUE");
    let after = &first["fileRemovals"]["pageInfo"]["endCursor"];
    let second = app.query(list, json!({ "after": after })).await;
    assert_eq!(second["fileRemovals"]["pageInfo"]["hasNextPage"], false);
    assert_eq!(second["fileRemovals"]["nodes"][1]["filePath"], "gone.parquet");
    assert_eq!(second["fileRemovals"]["nodes"][1]["dataset"], Value::Null);
    let claimed = app
        .granted("claimFileRemovals", json!({ "owner": "worker-1" }))
        .await;
    let ids: Vec<&Value> = (claimed["removals"].as_array().unwrap().iter())
        .map(|removal| &removal["id"])
        .collect();
    assert_eq!(ids.len(), 4);
    assert_eq!(claimed["removals"][0]["leaseOwner"], "worker-1");
    let node = app
        .query(
            "query ($id: ID!) { node(id: $id) { ... on FileRemoval { state } } }",
            json!({ "id": ids[0] }),
        )
        .await;
    assert_eq!(node["node"]["state"], "CLAIMED");
    let input = json!({
        "leaseId": claimed["leaseId"],
        "removed": [{ "removal": ids[0] }, { "removal": ids[3], "missing": true }],
        "failed": [{ "removal": ids[1], "error": "denied" }, { "removal": ids[2], "error": "no", "permanent": true }],
    });
    let said = app.granted("acknowledgeFileRemovals", input).await;
    assert_eq!(
        (&said["removed"], &said["retried"], &said["dead"]),
        (&json!(2), &json!(1), &json!(1))
    );
    let count = async |filter: Value| {
        app.query(list, json!({ "filter": filter })).await["fileRemovals"]["totalCount"].clone()
    };
    for (state, expected) in [
        ("DONE", 2),
        ("DEAD", 1),
        ("WAITING", 1),
        ("DUE", 0),
        ("CLAIMED", 0),
    ] {
        assert_eq!(count(json!({ "state": state })).await, expected, "{state}");
    }
    assert_eq!(count(json!({ "dataset": slug("weather") })).await, 3);
    assert_eq!(count(json!({ "storageTarget": { "name": "none" } })).await, 0);
    let again = app
        .granted("requeueFileRemovals", json!({ "dataset": slug("weather") }))
        .await;
    assert_eq!(again["requeued"], 1);
    assert_eq!(count(json!({ "state": "DUE" })).await, 1);
}

async fn claims_and_acknowledgements_that_cannot_be_are_refused(database: TestDatabase) {
    let app = App::new(&database).await;
    for (input, path) in [
        (json!({ "owner": "" }), "input.owner"),
        (json!({ "owner": "w", "limit": 0 }), "input.limit"),
        (json!({ "owner": "w", "limit": -5 }), "input.limit"),
        (json!({ "owner": "w", "limit": 1001 }), "input.limit"),
        (json!({ "owner": "w", "leaseFor": "PT29S" }), "input.leaseFor"),
        (json!({ "owner": "w", "leaseFor": "P2D" }), "input.leaseFor"),
    ] {
        let error = app.mutate("claimFileRemovals", input).await["userErrors"][0].take();
        assert_eq!(code_and_path(&error), ("INVALID_INPUT", path.to_owned()));
    }
    for (input, path) in [
        (json!({ "leaseId": "x" }), "input.removed"),
        (
            json!({ "leaseId": "x", "removed": [{ "removal": "y" }] }),
            "input.removed.0.removal",
        ),
        (
            json!({ "leaseId": "x", "failed": [{ "removal": "y", "error": "z" }] }),
            "input.failed.0.removal",
        ),
    ] {
        let error = app.mutate("acknowledgeFileRemovals", input).await["userErrors"][0].take();
        assert_eq!(code_and_path(&error), ("INVALID_INPUT", path.to_owned()));
    }
    for input in [json!({ "removals": ["x"] }), json!({ "dataset": slug("none") })] {
        let error = app.mutate("requeueFileRemovals", input).await["userErrors"][0].take();
        assert_eq!(code_and_path(&error).0, "NOT_FOUND");
    }
}

/// The publisher has looked for leases, and has not committed yet.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_removals_are_in_order() {
    let database = TestDatabase::sqlite().await;
    let bench = Bench::new(&database).await;
    let mut keys = Vec::new();
    for n in 0..5 {
        keys.push(bench.queue(&format!("{n}.parquet")).await);
    }
    let mut page = Page::first(2, None);
    let mut seen = Vec::new();
    loop {
        let rows = bench
            .store
            .file_removal_page(&FileRemovalFilter::default(), &page)
            .await
            .unwrap();
        seen.extend(
            rows.rows
                .iter()
                .map(|(row, _)| (row.dataset_id, row.partition_id)),
        );
        if !rows.has_more {
            break;
        }
        page.after = seen.last().copied();
    }
    assert_eq!(seen, keys);
}
