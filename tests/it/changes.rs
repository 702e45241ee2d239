//! The change feed: as a query, and as a subscription.

use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::builders::{field, partition, slug};
use crate::support::database::TestDatabase;
use crate::support::everywhere;
use crate::support::feed::{json_of, responses};

everywhere! {
    the_feed_tells_what_happened_in_commit_order,
    the_feed_is_paged_without_skip_or_repeat,
    a_subscription_resumes_after_a_cursor_and_completes_after_first,
    a_subscription_delivers_what_is_published_after_it_began,
    a_subscription_refuses_what_can_never_be_right,
}

const FOLLOW: &str = "subscription ($after: String, $first: Int) { changes(after: $after, first: $first) {
    cursor kind dataset { slug } manifest { version } payload } }";

/// Six changes, one of each of the common kinds.
async fn happen(app: &App) {
    app.dataset("weather").await;
    let input = json!({
        "dataset": slug("weather"), "schema": { "fields": [field("t", "DOUBLE")] },
        "add": [partition("2020-01-01", "a")],
    });
    app.granted("publishManifest", input).await;
    app.granted(
        "createSnapshot",
        json!({ "dataset": slug("weather"), "name": "q3" }),
    )
    .await;
    app.granted(
        "setRetentionPolicy",
        json!({ "dataset": slug("weather"), "keepVersions": 3 }),
    )
    .await;
    app.granted("archiveDataset", json!({ "dataset": slug("weather") }))
        .await;
}

fn cursors(changes: &[Value]) -> Vec<&str> {
    changes
        .iter()
        .map(|change| change["cursor"].as_str().unwrap())
        .collect()
}

async fn the_feed_tells_what_happened_in_commit_order(database: TestDatabase) {
    let app = App::new(&database).await;
    happen(&app).await;
    let changes = app.feed(7).await;
    let told: Value = changes
        .iter()
        .map(|change| {
            json!([
                change["kind"],
                change["dataset"]["slug"],
                change["manifest"]["version"]
            ])
        })
        .collect();
    let expected = json!([
        ["STORAGE_TARGET_UPSERTED", null, null],
        ["DATASET_CREATED", "weather", null],
        ["SCHEMA_VERSION_CREATED", "weather", null],
        ["MANIFEST_PUBLISHED", "weather", 1],
        ["SNAPSHOT_CREATED", "weather", null],
        ["RETENTION_POLICY_SET", "weather", null],
        ["DATASET_ARCHIVED", "weather", null],
    ]);
    assert_eq!(told, expected);
    let payload = json!({ "name": "lake", "kind": "S3", "baseUri": "s3://lake/timestore" });
    assert_eq!(changes[0]["payload"], payload);
    assert_eq!(
        changes[1]["payload"],
        json!({ "slug": "weather", "name": "weather" })
    );
    let published = &changes[3]["payload"];
    for (name, value) in [
        ("slug", json!("weather")),
        ("version", json!(1)),
        ("operation", json!("APPEND")),
        ("schemaVersion", json!(1)),
        ("addedCount", json!(1)),
    ] {
        assert_eq!(published[name], value, "{name}");
    }
    let payload = json!({ "snapshot": "q3", "version": 1, "expiresAt": null });
    assert_eq!(changes[4]["payload"], payload);
}

async fn the_feed_is_paged_without_skip_or_repeat(database: TestDatabase) {
    let app = App::new(&database).await;
    happen(&app).await;
    let changes = app.feed(7).await;
    let document = "query ($after: String, $first: Int) { changes(first: $first, after: $after) {
        totalCount nodes { cursor } edges { cursor } pageInfo { hasNextPage hasPreviousPage endCursor } } }";
    let mut walked = Vec::new();
    let mut after = Value::Null;
    for (has_next, has_previous) in [(true, false), (true, true), (false, true)] {
        let data = app.query(document, json!({ "first": 3, "after": after })).await;
        let page = &data["changes"];
        assert_eq!(page["nodes"], page["edges"]);
        assert_eq!(page["totalCount"], 7);
        walked.extend(
            page["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .map(|node| node["cursor"].clone()),
        );
        after = walked[walked.len() - 1].clone();
        let expected =
            json!({ "hasNextPage": has_next, "hasPreviousPage": has_previous, "endCursor": after });
        assert_eq!(page["pageInfo"], expected);
    }
    assert_eq!(walked, cursors(&changes));
    let error = app.error(document, json!({ "after": "garbage" })).await;
    let expected = json!({ "code": "BAD_USER_INPUT", "field": ["after"] });
    assert_eq!(error["extensions"], expected);
    let error = app.error(document, json!({ "first": 101 })).await;
    assert_eq!(error["extensions"]["field"], json!(["first"]));
}

async fn a_subscription_resumes_after_a_cursor_and_completes_after_first(database: TestDatabase) {
    let app = App::new(&database).await;
    happen(&app).await;
    let changes = app.feed(7).await;
    let variables = json!({ "after": changes[1]["cursor"], "first": 4 });
    let responses = responses(&database, FOLLOW, variables).await;
    let delivered: Vec<Value> = responses.map(json_of).collect().await;
    let expected: Vec<Value> = changes[2..6]
        .iter()
        .map(|change| json!({ "data": { "changes": change } }))
        .collect();
    assert_eq!(delivered, expected);
    let none = crate::support::feed::responses(&database, FOLLOW, json!({ "first": 0 })).await;
    assert_eq!(none.map(json_of).collect::<Vec<_>>().await, Vec::<Value>::new());
}

async fn a_subscription_delivers_what_is_published_after_it_began(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.feed(2).await;
    let responses = responses(&database, FOLLOW, json!({ "first": 3 })).await;
    let following = tokio::spawn(responses.map(json_of).collect::<Vec<_>>());
    // When it begins is not told: it is published until it has seen enough.
    let mut published = 0;
    while !following.is_finished() {
        app.append("weather", [partition("2020-01-01", &format!("{published}"))])
            .await;
        published += 1;
    }
    let delivered = following.await.expect("no panic");
    let delivered: Vec<&Value> = delivered
        .iter()
        .map(|response| &response["data"]["changes"])
        .collect();
    assert_eq!(delivered.len(), 3, "{delivered:?}");
    let first = delivered[0]["manifest"]["version"].as_i64().expect("a version");
    for (version, change) in (first..).zip(&delivered) {
        assert_eq!(change["kind"], "MANIFEST_PUBLISHED");
        assert_eq!(change["manifest"]["version"], version);
    }
    let document = "query ($after: String) { changes(after: $after, first: 2) { nodes { cursor } } }";
    let rest = app
        .query(document, json!({ "after": delivered[0]["cursor"] }))
        .await;
    let expected: Value = delivered[1..]
        .iter()
        .map(|change| json!({ "cursor": change["cursor"] }))
        .collect();
    assert_eq!(rest["changes"]["nodes"], expected);
}

async fn a_subscription_refuses_what_can_never_be_right(database: TestDatabase) {
    for (variables, field) in [
        (json!({ "after": "garbage" }), "after"),
        (json!({ "first": -1 }), "first"),
    ] {
        let responses = responses(&database, FOLLOW, variables).await;
        let delivered: Vec<Value> = responses.map(json_of).collect().await;
        assert_eq!(delivered.len(), 1, "{delivered:?}");
        let expected = json!({ "code": "BAD_USER_INPUT", "field": [field] });
        assert_eq!(delivered[0]["errors"][0]["extensions"], expected);
    }
}
