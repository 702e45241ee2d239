//! The change feed: as a query, and as a subscription.

use chrono::Duration;
use futures_util::StreamExt;
use serde_json::{Value, json};
use timestore_gateway::store::change::ChangeFilter;
use timestore_gateway::store::{DatasetRef, StoreError};

use crate::support::app::App;
use crate::support::builders::{field, partition, slug};
use crate::support::catalog::minute;
use crate::support::database::TestDatabase;
use crate::support::everywhere;
use crate::support::feed::{json_of, responses};

everywhere! {
    the_feed_tells_what_happened_in_commit_order,
    the_feed_is_paged_without_skip_or_repeat,
    a_subscription_resumes_after_a_cursor_and_completes_after_first,
    a_subscription_delivers_what_is_published_after_it_began,
    a_subscription_refuses_what_can_never_be_right,
    the_feed_is_filtered_by_dataset_and_kind,
    a_cursor_is_good_as_long_as_what_follows_it_is_there,
    a_reader_of_a_quiet_dataset_keeps_up_with_the_feed,
}

const FOLLOW: &str = "subscription ($after: String, $first: Int, $filter: ChangeFilter) {
    changes(after: $after, first: $first, filter: $filter) {
      cursor kind dataset { slug } manifest { version } payload } }";

const PAGE: &str =
    "query ($after: String, $filter: ChangeFilter) { changes(after: $after, first: 100, filter: $filter) {
    totalCount nodes { cursor kind dataset { slug } manifest { version } payload } } }";

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
    let mut expected: Vec<Value> = changes[2..6]
        .iter()
        .map(|change| json!({ "data": { "changes": change } }))
        .collect();
    // What it costs is told once.
    expected[0]["extensions"] =
        json!({ "cost": { "requested": delivered[0]["extensions"]["cost"]["requested"].as_u64() } });
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
        (json!({ "filter": { "kinds": [] } }), "filter.kinds"),
        (
            json!({ "filter": { "dataset": slug("nowhere") } }),
            "filter.dataset",
        ),
    ] {
        let field: Vec<&str> = field.split('.').collect();
        let expected = json!({ "code": "BAD_USER_INPUT", "field": field });
        assert_eq!(refusal(&database, variables).await, expected);
    }
}

/// Why a subscription does not begin.
async fn refusal(database: &TestDatabase, variables: Value) -> Value {
    let responses = responses(database, FOLLOW, variables).await;
    let mut delivered: Vec<Value> = responses.map(json_of).collect().await;
    assert_eq!(delivered.len(), 1, "{delivered:?}");
    delivered[0]["errors"][0]["extensions"].take()
}

async fn the_feed_is_filtered_by_dataset_and_kind(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.dataset("traffic").await;
    for (dataset, path) in [("weather", "a"), ("traffic", "a"), ("weather", "b")] {
        app.append(dataset, [partition("2020-01-01", path)]).await;
    }
    let all = app.feed(6).await;
    let of = |wanted: &dyn Fn(&Value) -> bool| {
        all.iter()
            .filter(|change| wanted(change))
            .cloned()
            .collect::<Vec<_>>()
    };
    let weather = of(&|change| change["dataset"]["slug"] == "weather");
    let published = of(&|change| change["kind"] == "MANIFEST_PUBLISHED");
    let created = of(&|change| change["dataset"]["slug"] == "traffic" && change["kind"] == "DATASET_CREATED");
    for (filter, expected) in [
        (json!({ "dataset": slug("Weather") }), weather),
        (
            json!({ "kinds": ["MANIFEST_PUBLISHED", "MANIFEST_PUBLISHED"] }),
            published,
        ),
        (
            json!({ "dataset": slug("traffic"), "kinds": ["DATASET_CREATED", "DATASET_DELETED"] }),
            created,
        ),
        (json!({ "kinds": ["DATASET_DELETED"] }), Vec::new()),
        (json!({}), all.clone()),
    ] {
        let data = app.query(PAGE, json!({ "filter": filter })).await;
        assert_eq!(data["changes"]["nodes"], json!(expected), "{filter}");
        assert_eq!(data["changes"]["totalCount"], expected.len(), "{filter}");
        // The query and the subscription share their cursors, whatever the filter.
        let first = expected.len().saturating_sub(1);
        let after = expected.first().unwrap_or(&all[0])["cursor"].clone();
        let variables = json!({ "filter": filter, "after": after, "first": first });
        let delivered: Vec<Value> = responses(&database, FOLLOW, variables)
            .await
            .map(json_of)
            .collect()
            .await;
        let told: Vec<Value> = delivered
            .iter()
            .map(|response| response["data"]["changes"].clone())
            .collect();
        assert_eq!(told, expected.get(1..).unwrap_or_default(), "{filter}");
    }
    let nowhere = app
        .query(PAGE, json!({ "filter": { "dataset": slug("nowhere") } }))
        .await;
    assert_eq!(nowhere["changes"], json!({ "totalCount": 0, "nodes": [] }));
}

async fn a_cursor_is_good_as_long_as_what_follows_it_is_there(database: TestDatabase) {
    let app = App::new(&database).await;
    happen(&app).await;
    let changes = app.feed(7).await;
    let store = database.store().await;
    let later = minute(0) + Duration::days(36_500);
    assert_eq!(store.changes_forget(later, 3).await.unwrap(), 3);
    let expired = json!({ "code": "EXPIRED", "field": ["after"] });
    for gone in &changes[..2] {
        let variables = json!({ "after": gone["cursor"] });
        assert_eq!(app.error(PAGE, variables.clone()).await["extensions"], expired);
        assert_eq!(refusal(&database, variables).await, expired);
    }
    // The last one that was cleared has been seen by whoever has its cursor.
    for after in [changes[2]["cursor"].clone(), Value::Null] {
        let data = app.query(PAGE, json!({ "after": after })).await;
        assert_eq!(data["changes"]["nodes"], json!(changes[3..]));
    }
    let variables = json!({ "after": changes[2]["cursor"], "first": 1 });
    let delivered: Vec<Value> = responses(&database, FOLLOW, variables)
        .await
        .map(|response| json_of(response)["data"].take())
        .collect()
        .await;
    assert_eq!(delivered, [json!({ "changes": changes[3] })]);
    // A feed that was cleared to its end is no feed that never was.
    assert_eq!(store.changes_forget(later, 100).await.unwrap(), 4);
    let error = app.error(PAGE, json!({ "after": changes[5]["cursor"] })).await;
    assert_eq!(error["extensions"], expired);
    let data = app.query(PAGE, json!({ "after": changes[6]["cursor"] })).await;
    assert_eq!(data["changes"], json!({ "totalCount": 0, "nodes": [] }));
}

async fn a_reader_of_a_quiet_dataset_keeps_up_with_the_feed(database: TestDatabase) {
    let app = App::new(&database).await;
    happen(&app).await;
    app.dataset("quiet").await;
    let all = app.feed(8).await.len();
    let store = database.store().await;
    let quiet = ChangeFilter {
        dataset: Some(DatasetRef::Slug("quiet".to_owned())),
        kinds: None,
    };
    let page = store.change_page(&quiet, None, 1).await.unwrap();
    assert_eq!((page.rows.rows.len(), page.rows.has_more), (1, false));
    assert_eq!(page.end, store.change_end().await.unwrap());
    // Nothing of it has been missed, although the feed has been cleared.
    let later = minute(0) + Duration::days(36_500);
    assert_eq!(store.changes_forget(later, 100).await.unwrap(), all as u64);
    let next = store.change_page(&quiet, Some(page.end), 1).await.unwrap();
    assert_eq!((next.rows.rows.len(), next.end), (0, page.end));
    let first = (0, 1);
    let missed = store.change_page(&quiet, Some(first), 1).await;
    assert!(matches!(missed, Err(StoreError::ChangesCleared)), "{missed:?}");
}
