//! The audit trail, read.

use chrono::{DateTime, Duration, Utc};
use sea_orm::{ActiveModelTrait, DatabaseConnection};
use serde_json::{Value, json};
use timestore_entity::audit_event::{ActiveModel, Model};
use timestore_entity::enums::AuditOutcome;
use timestore_entity::ids::AuditEventId;
use uuid::Uuid;

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{partition, slug, with};
use crate::support::catalog::minute;
use crate::support::database::TestDatabase;

both! {
    an_event_says_who_did_what_to_which_dataset,
    pages_lose_no_event_of_the_same_instant,
    the_filter_is_by_dataset_actor_action_outcome_and_time,
    the_trail_of_a_dataset_that_is_gone_is_read_by_its_slug,
    what_a_filter_cannot_mean_is_an_error,
    events_are_counted_only_when_asked,
}

const EVENTS: &str =
    "query ($filter: AuditEventFilter, $first: Int, $after: String, $last: Int, $before: String) {
    auditEvents(filter: $filter, first: $first, after: $after, last: $last, before: $before) {
      nodes { id actor scopes action outcome dataset { slug } datasetSlug detail occurredAt }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";

/// An event that happened so many minutes after a beginning.
fn event(action: &str, minutes: i64) -> Model {
    Model {
        id: AuditEventId(Uuid::now_v7()),
        actor: None,
        scopes: json!(["timestore:admin"]),
        action: action.to_owned(),
        outcome: AuditOutcome::Success,
        dataset_id: None,
        dataset_slug: None,
        detail: json!({}),
        occurred_at: minute(minutes),
    }
}

async fn insert(connection: &DatabaseConnection, events: impl IntoIterator<Item = Model>) {
    for event in events {
        ActiveModel::from(event).insert(connection).await.unwrap();
    }
}

async fn page(app: &App, arguments: Value) -> Value {
    app.query(EVENTS, arguments).await["auditEvents"].take()
}

/// The actions of the events on a page.
fn actions(page: &Value) -> Vec<&str> {
    let nodes = page["nodes"].as_array().unwrap();
    nodes
        .iter()
        .map(|node| node["action"].as_str().unwrap())
        .collect()
}

fn instant(time: DateTime<Utc>) -> Value {
    json!(time.to_rfc3339())
}

async fn an_event_says_who_did_what_to_which_dataset(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.append("weather", [partition("2020-01-01", "a.parquet")])
        .await;
    let page = page(&app, json!({})).await;
    assert_eq!(
        actions(&page),
        ["publishManifest", "createDataset", "upsertStorageTarget"]
    );
    let publish = &page["nodes"][0];
    assert_eq!(publish["actor"], Value::Null);
    assert_eq!(publish["scopes"], json!(["timestore:admin"]));
    assert_eq!(publish["outcome"], "SUCCESS");
    assert_eq!(publish["dataset"], slug("weather"));
    assert_eq!(publish["datasetSlug"], "weather");
    assert_eq!(publish["detail"]["version"], 1);
    let target = &page["nodes"][2];
    assert_eq!(
        (&target["dataset"], &target["datasetSlug"]),
        (&Value::Null, &Value::Null)
    );
}

async fn pages_lose_no_event_of_the_same_instant(database: TestDatabase) {
    let app = App::new(&database).await;
    let writer = database.connections().await.writer;
    insert(&writer, (0..7).map(|n| event(&format!("same-{n}"), 1))).await;
    insert(&writer, [event("earlier", 0), event("later", 2)]).await;
    let all = page(&app, json!({})).await;
    let expected: Vec<String> = actions(&all).into_iter().map(str::to_owned).collect();
    assert_eq!(expected.len(), 9);
    assert_eq!((&*expected[0], &*expected[8]), ("later", "earlier"));
    for size in 1..=3 {
        for (count, from, cursor, more) in [
            ("first", "after", "endCursor", "hasNextPage"),
            ("last", "before", "startCursor", "hasPreviousPage"),
        ] {
            let (mut read, mut arguments) = (Vec::new(), json!({ count: size }));
            loop {
                let page = page(&app, arguments.clone()).await;
                let found = actions(&page).into_iter().map(str::to_owned);
                match count {
                    "first" => read.extend(found),
                    _ => drop(read.splice(0..0, found.collect::<Vec<_>>())),
                }
                if page["pageInfo"][more] == false {
                    break;
                }
                arguments = with(arguments, json!({ from: page["pageInfo"][cursor] }));
            }
            assert_eq!(read, expected, "{count}: {size}");
        }
    }
}

async fn the_filter_is_by_dataset_actor_action_outcome_and_time(database: TestDatabase) {
    let app = App::new(&database).await;
    let dataset = app.dataset("weather").await;
    let writer = database.connections().await.writer;
    let by_ann = Model {
        actor: Some("ann".to_owned()),
        ..event("one", 1)
    };
    let refused = Model {
        outcome: AuditOutcome::Refused,
        ..event("two", 2)
    };
    insert(&writer, [by_ann, refused, event("three", 3)]).await;
    let until = json!({ "to": instant(minute(60)) });
    for (filter, expected) in [
        (json!({}), vec!["three", "two", "one"]),
        (json!({ "actor": "ann" }), vec!["one"]),
        (json!({ "actor": "Ann" }), vec![]),
        (json!({ "action": "three" }), vec!["three"]),
        (json!({ "outcome": "REFUSED" }), vec!["two"]),
        (json!({ "outcome": "SUCCESS", "action": "two" }), vec![]),
        (json!({ "from": instant(minute(2)) }), vec!["three", "two"]),
        (json!({ "to": instant(minute(2)) }), vec!["one"]),
        (
            json!({ "from": instant(minute(2)), "to": instant(minute(2) + Duration::microseconds(1)) }),
            vec!["two"],
        ),
        (
            json!({ "from": instant(minute(2)), "to": instant(minute(2)) }),
            vec![],
        ),
    ] {
        let filter = with(until.clone(), filter);
        let page = page(&app, json!({ "filter": filter })).await;
        assert_eq!(actions(&page), expected, "{filter}");
    }
    for by in [json!({ "id": dataset["id"] }), slug("weather"), slug("Weather")] {
        let page = page(&app, json!({ "filter": { "dataset": by } })).await;
        assert_eq!(actions(&page), ["createDataset"], "{by}");
    }
    for by in [json!({ "id": "nothing" }), slug("other"), slug("no slug!")] {
        let page = page(&app, json!({ "filter": { "dataset": by } })).await;
        assert_eq!(actions(&page), [""; 0], "{by}");
    }
}

async fn the_trail_of_a_dataset_that_is_gone_is_read_by_its_slug(database: TestDatabase) {
    let app = App::new(&database).await;
    let writer = database.connections().await.writer;
    let gone = Model {
        dataset_id: Some(timestore_entity::ids::DatasetId(Uuid::now_v7())),
        dataset_slug: Some("gone".to_owned()),
        ..event("createDataset", 0)
    };
    insert(&writer, [gone]).await;
    let page = page(&app, json!({ "filter": { "dataset": slug("gone") } })).await;
    assert_eq!(actions(&page), ["createDataset"]);
    let event = &page["nodes"][0];
    assert_eq!(
        (&event["dataset"], &event["datasetSlug"]),
        (&Value::Null, &json!("gone"))
    );
}

async fn what_a_filter_cannot_mean_is_an_error(database: TestDatabase) {
    let app = App::new(&database).await;
    for (filter, field) in [
        (
            json!({ "from": instant(minute(2)), "to": instant(minute(1)) }),
            json!(["filter", "to"]),
        ),
        (json!({ "actor": "a\0" }), json!(["filter", "actor"])),
        (
            json!({ "action": "a".repeat(10_001) }),
            json!(["filter", "action"]),
        ),
    ] {
        let error = app.error(EVENTS, json!({ "filter": filter })).await;
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT");
        assert_eq!(error["extensions"]["field"], field);
    }
    let error = app.error(EVENTS, json!({ "after": "elsewhere" })).await;
    assert_eq!(error["extensions"]["field"], json!(["after"]));
}

async fn events_are_counted_only_when_asked(database: TestDatabase) {
    let app = App::new(&database).await;
    let writer = database.connections().await.writer;
    insert(&writer, (0..4).map(|n| event(&format!("e{n}"), n))).await;
    let (_, statements) = app.statements_of(page(&app, json!({ "first": 2 }))).await;
    assert_eq!(statements.len(), 1, "{statements:#?}");
    let document = "query ($filter: AuditEventFilter) { auditEvents(first: 1, filter: $filter) { totalCount nodes { id } } }";
    let data = app.query(document, json!({})).await;
    assert_eq!(data["auditEvents"]["totalCount"], 4);
    let data = app
        .query(document, json!({ "filter": { "from": instant(minute(1)) } }))
        .await;
    assert_eq!(data["auditEvents"]["totalCount"], 3);
}
