//! How many operations run at once, how long they may take, and what is left of those that may not go on.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use futures_util::future::select_all;
use futures_util::{StreamExt, poll, stream};
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, Statement, TransactionTrait};
use serde_json::json;
use timestore_gateway::graphql::capacity::Capacity;
use timestore_gateway::graphql::{self, Execution, Executor};
use timestore_gateway::http::Settings;
use tower::ServiceExt;

use crate::support::app::App;
use crate::support::database::TestDatabase;
use crate::support::feed::json_of;
use crate::support::http::{post, post_json};

const READ: &str = "{ datasets { totalCount } }";

async fn gateway(database: &TestDatabase, capacity: Capacity) -> App {
    let settings = Settings {
        execution: Execution {
            capacity,
            ..Execution::default()
        },
        ..Settings::default()
    };
    App::with_settings(database, settings).await
}

/// How many statements of gateways are under way.
async fn under_way(connection: &DatabaseConnection) -> i64 {
    let sql = "select count(*) from pg_stat_activity where datname = current_database() and state <> 'idle' \
               and wait_event_type = 'Lock'";
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

async fn until_under_way(connection: &DatabaseConnection, count: i64) {
    while under_way(connection).await != count {
        tokio::task::yield_now().await;
    }
}

/// Holds a lock that every statement on datasets waits for, as a slow statement would, until it is dropped.
async fn hold(database: &TestDatabase) -> (DatabaseConnection, DatabaseTransaction) {
    let connection = database.connections().await.writer;
    let lock = connection.begin().await.unwrap();
    lock.execute_unprepared("lock table timestore.datasets in access exclusive mode")
        .await
        .unwrap();
    (connection, lock)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_runs_out_of_time_is_cancelled_in_the_database_too() {
    let database = TestDatabase::postgres().await;
    let capacity = Capacity {
        timeout: Duration::from_secs(2),
        ..Capacity::default()
    };
    let app = gateway(&database, capacity).await;
    let (watcher, lock) = hold(&database).await;
    let create = "mutation { createDataset(input: {slug: \"weather\", name: \"w\"}) { dataset { slug } } }";
    for (document, known) in [(READ, true), (create, false)] {
        let answer = post_json(&app, json!({ "query": document })).await;
        assert_eq!(answer.refusal(), (504, json!("TIMEOUT")));
        let message = answer.json()["errors"][0]["message"].to_string();
        assert_eq!(
            message.contains("whether it was done is not known"),
            !known,
            "{message}"
        );
        until_under_way(&watcher, 0).await;
    }
    // The pool is as good as before, and nothing was done later.
    lock.rollback().await.unwrap();
    let data = app.query(READ, json!({})).await;
    assert_eq!(data, json!({ "datasets": { "totalCount": 0 } }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_whose_client_leaves_gives_its_connection_back() {
    let database = TestDatabase::postgres().await;
    let app = gateway(&database, Capacity::default()).await;
    let (watcher, lock) = hold(&database).await;
    let size = 20;
    let requests: Vec<_> = (0..size)
        .map(|_| {
            let router = app.router.clone();
            tokio::spawn(async move {
                let request = Request::post("/graphql")
                    .header(header::CONTENT_TYPE, "application/json")
                    .body(Body::from(json!({ "query": READ }).to_string()));
                router.oneshot(request.unwrap()).await
            })
        })
        .collect();
    // As many as the pool has connections wait for the lock.
    while under_way(&watcher).await == 0 {
        tokio::task::yield_now().await;
    }
    requests.iter().for_each(tokio::task::JoinHandle::abort);
    until_under_way(&watcher, 0).await;
    // What needs a connection gets one, while the lock is still held.
    let data = app.query("{ storageTargets { totalCount } }", json!({})).await;
    assert_eq!(data, json!({ "storageTargets": { "totalCount": 0 } }));
    lock.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn past_the_queue_requests_are_sent_away_with_when_to_come_again() {
    let database = TestDatabase::postgres().await;
    let capacity = Capacity {
        concurrency: 1,
        queue: 1,
        ..Capacity::default()
    };
    let app = Arc::new(gateway(&database, capacity).await);
    let (watcher, lock) = hold(&database).await;
    let read = |app: Arc<App>| tokio::spawn(async move { post_json(&app, json!({ "query": READ })).await });
    let running = read(app.clone());
    until_under_way(&watcher, 1).await;
    // One of the two takes the place in the queue, whichever comes first; the other is sent away.
    let (sent_away, _, waiting) = select_all([read(app.clone()), read(app.clone())]).await;
    let sent_away = sent_away.unwrap();
    assert_eq!(sent_away.refusal(), (503, json!("OVERLOADED")));
    assert_eq!(sent_away.header(header::RETRY_AFTER), "1");
    lock.rollback().await.unwrap();
    assert_eq!(running.await.unwrap().status, 200);
    for later in waiting {
        assert_eq!(later.await.unwrap().status, 200);
    }
    assert_eq!(post_json(&app, json!({ "query": READ })).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscriptions_take_no_room_and_streamed_queries_do() {
    let database = TestDatabase::postgres().await;
    let execution = Execution {
        capacity: Capacity {
            concurrency: 1,
            queue: 0,
            ..Capacity::default()
        },
        ..Execution::default()
    };
    let executor = Executor::with(
        graphql::schema(database.store().await, &execution.limits),
        execution,
    );
    let streamed = |document: &str| executor.execute_stream(document.into(), Arc::default());
    let mut subscriptions = [(); 3].map(|()| streamed("subscription { changes { cursor } }"));
    for subscription in &mut subscriptions {
        assert!(poll!(subscription.next()).is_pending());
    }
    let (watcher, lock) = hold(&database).await;
    let running = {
        let executor = executor.clone();
        tokio::spawn(async move { executor.execute(READ.into()).await })
    };
    until_under_way(&watcher, 1).await;
    let refused = json_of(streamed(READ).next().await.unwrap());
    assert_eq!(refused["errors"][0]["extensions"]["code"], "OVERLOADED");
    lock.rollback().await.unwrap();
    assert!(running.await.unwrap().is_ok());
    let answer = json_of(streamed(READ).next().await.unwrap());
    assert_eq!(answer["data"], json!({ "datasets": { "totalCount": 0 } }));
}

#[tokio::test]
async fn a_body_that_does_not_come_to_its_end_is_not_waited_for() {
    let database = TestDatabase::sqlite().await;
    let capacity = Capacity {
        timeout: Duration::from_millis(50),
        ..Capacity::default()
    };
    let app = gateway(&database, capacity).await;
    let beginning = stream::iter([Ok::<_, Infallible>(r#"{"query": "#)]);
    let body = Body::from_stream(beginning.chain(stream::pending()));
    let answer = post(&app, "application/json", body).await;
    assert_eq!(answer.refusal(), (408, json!("BAD_REQUEST")));
}
