//! How much each caller may ask for, and what it is told of that.

use std::num::NonZeroU32;

use axum::http::header;
use serde_json::json;
use timestore_gateway::graphql::Execution;
use timestore_gateway::graphql::rate::Rate;
use timestore_gateway::http::Settings;

use crate::support::app::App;
use crate::support::database::TestDatabase;
use crate::support::http::post_json;

/// A gateway whose callers may spend 50, and then hardly anything.
async fn gateway() -> (TestDatabase, App) {
    let settings = Settings {
        execution: Execution {
            rate: Some(Rate {
                per_minute: NonZeroU32::MIN,
                burst: NonZeroU32::new(50).unwrap(),
            }),
            ..Execution::default()
        },
        ..Settings::default()
    };
    let database = TestDatabase::sqlite().await;
    let app = App::with_settings(&database, settings).await;
    (database, app)
}

#[tokio::test]
async fn what_a_request_costs_is_taken_and_told_until_there_is_too_little_left() {
    let (_database, app) = gateway().await;
    let page =
        |rows: u32| json!({ "query": format!("{{ storageTargets(first: {rows}) {{ nodes {{ name }} }} }}") });
    let answer = post_json(&app, page(20)).await.json();
    let expected = json!({ "requested": 41, "limit": 50, "remaining": 9, "resetAfter": 2460 });
    assert_eq!(answer["extensions"]["cost"], expected);
    // Too much for what is left, and so nothing is taken.
    let refused = post_json(&app, page(5)).await;
    assert_eq!(refused.refusal(), (429, json!("RATE_LIMITED")));
    let seconds: i64 = refused.header(header::RETRY_AFTER).parse().unwrap();
    assert!((1..=120).contains(&seconds), "{seconds}");
    assert_eq!(refused.json()["errors"][0]["extensions"]["retryAfter"], seconds);
    let answer = post_json(&app, page(4)).await.json();
    assert_eq!(answer["extensions"]["cost"]["remaining"], 0);
    // No time would do.
    let hopeless = post_json(&app, page(25)).await;
    assert_eq!(hopeless.refusal(), (429, json!("RATE_LIMITED")));
    assert_eq!(hopeless.header(header::RETRY_AFTER), "");
}

#[tokio::test]
async fn a_caller_can_ask_what_is_left() {
    let document = "{ rateLimit { limit remaining cost resetAt } }";
    let (_database, app) = gateway().await;
    let limit = app.query(document, json!({})).await["rateLimit"].take();
    assert_eq!(
        (&limit["limit"], &limit["remaining"], &limit["cost"]),
        (&json!(50), &json!(45), &json!("5"))
    );
    assert!(limit["resetAt"].as_str().unwrap().ends_with('Z'), "{limit}");
    let database = TestDatabase::sqlite().await;
    let unlimited = App::new(&database).await;
    assert_eq!(
        unlimited.query(document, json!({})).await,
        json!({ "rateLimit": null })
    );
}

#[tokio::test]
async fn what_a_request_costs_is_told_where_there_is_no_limit_too() {
    let database = TestDatabase::sqlite().await;
    let app = App::new(&database).await;
    let document = "{ storageTargets(first: 20) { nodes { name } } }";
    let answer = app.execute(document, json!({})).await;
    assert_eq!(answer["extensions"], json!({ "cost": { "requested": 41 } }));
    // Nothing was executed.
    let refused = app.execute("{ nothing }", json!({})).await;
    assert_eq!(refused.get("extensions"), None);
}
