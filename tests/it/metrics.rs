//! `/metrics`: what is counted, and that clients cannot make it grow.

use std::collections::BTreeMap;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use futures_util::StreamExt;
use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::json;
use timestore_gateway::graphql;
use timestore_gateway::graphql::persisted::sha256;
use timestore_gateway::http::{self, Exposure, Identity};
use tower::ServiceExt;

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::{partition, slug};
use crate::support::client::document;
use crate::support::database::TestDatabase;
use crate::support::http::{post, post_json, send};

both! {
    an_operation_is_counted_with_its_statements,
    errors_and_refusals_are_counted_by_their_codes,
    what_never_comes_to_be_executed_is_counted_too,
    a_forbidden_mutation_is_an_error_and_no_refusal,
    a_cache_counts_what_it_knew_and_what_it_did_not,
    publishes_are_counted_once_for_each_manifest,
    a_client_cannot_add_series,
    an_open_subscription_is_counted_until_its_client_leaves,
    the_metrics_can_have_an_address_of_their_own,
    a_gateway_is_not_ready_on_tables_of_another_version,
}

impl App {
    async fn get(&self, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    /// All series, by their names with labels.
    async fn series(&self) -> BTreeMap<String, f64> {
        let (status, text) = self.get("/metrics").await;
        assert_eq!(status, StatusCode::OK);
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| {
                let (name, value) = line.rsplit_once(' ').unwrap();
                (name.to_owned(), value.parse().unwrap())
            })
            .collect()
    }

    async fn value(&self, name: &str) -> f64 {
        self.series().await.get(name).copied().unwrap_or_default()
    }
}

async fn an_operation_is_counted_with_its_statements(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.append("weather", [partition("2020-01-01", "a.parquet")])
        .await;
    let document = "query Named { alias: datasets(first: 5) { nodes { slug defaultStorageTarget { name }
        manifest { partitions(first: 5) { nodes { filePath storageTarget { name } } } } } } }";
    let before = app.series().await;
    let (_, statements) = app.statements_of(app.query(document, json!({}))).await;
    let after = app.series().await;
    let grown = |name: &str| {
        let value = |series: &BTreeMap<String, f64>| series.get(name).copied().unwrap_or_default();
        value(&after) - value(&before)
    };
    let labels = "{kind=\"query\",field=\"datasets\"}";
    assert_eq!(
        grown(&format!("timestore_operation_duration_seconds_count{labels}")),
        1.0
    );
    // Batches run in tasks of their own, and count all the same.
    assert!(statements.len() > 2, "{statements:#?}");
    assert_eq!(
        grown("timestore_operation_statements_sum{kind=\"query\"}"),
        statements.len() as f64
    );
    assert_eq!(grown("timestore_batch_keys_count{of=\"StorageTargetById\"}"), 2.0);
    assert_eq!(
        grown("timestore_http_requests_total{route=\"/graphql\",status=\"200\"}"),
        1.0
    );
    // The second scrape ran one more, for the lag of the feed.
    assert_eq!(
        grown("timestore_statement_duration_seconds_count"),
        statements.len() as f64 + 1.0
    );
    let open: f64 = after
        .iter()
        .filter(|(name, _)| name.starts_with("timestore_pool_connections{"))
        .map(|(_, value)| value)
        .sum();
    assert!(open >= 1.0, "{after:#?}");
}

async fn errors_and_refusals_are_counted_by_their_codes(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.execute("{ nothing }", json!({})).await;
    app.execute("{ datasets(first: 1000) { totalCount } }", json!({}))
        .await;
    app.execute("{", json!({})).await;
    app.refused_once(
        "archiveDataset",
        json!({ "dataset": slug("nowhere"), "reason": "gone" }),
    )
    .await;
    for code in [
        "GRAPHQL_VALIDATION_FAILED",
        "BAD_USER_INPUT",
        "GRAPHQL_PARSE_FAILED",
    ] {
        assert_eq!(
            app.value(&format!("timestore_errors_total{{code=\"{code}\"}}"))
                .await,
            1.0,
            "{code}"
        );
    }
    assert_eq!(
        app.value("timestore_user_errors_total{code=\"NOT_FOUND\"}").await,
        1.0
    );
}

async fn what_never_comes_to_be_executed_is_counted_too(database: TestDatabase) {
    let app = App::new(&database).await;
    let mutation = "/graphql?query=mutation%7BarchiveDataset%7D";
    assert_eq!(app.get(mutation).await.0, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(
        post(&app, "text/plain", "{}").await.status,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    post(&app, "application/json", "[]").await;
    app.showing("timestore_wrong")
        .execute("{ __typename }", json!({}))
        .await;
    // A stream looks at its document before it executes it, and that counts once.
    let document = json!({ "query": "{" }).to_string();
    let request = Request::post("/graphql/stream").header(header::CONTENT_TYPE, "application/json");
    let events = send(&app, request.body(Body::from(document)).unwrap()).await;
    assert!(events.text().contains("syntax error"), "{}", events.text());
    for code in [
        "METHOD_NOT_ALLOWED",
        "UNSUPPORTED_MEDIA_TYPE",
        "BAD_REQUEST",
        "UNAUTHENTICATED",
        "GRAPHQL_PARSE_FAILED",
    ] {
        let name = format!("timestore_errors_total{{code=\"{code}\"}}");
        assert_eq!(app.value(&name).await, 1.0, "{code}");
    }
}

async fn a_forbidden_mutation_is_an_error_and_no_refusal(database: TestDatabase) {
    let app = App::identifying(&database, Identity::default()).await;
    let reader = app.with_scopes("reader", &["timestore:read"]).await;
    let input = json!({ "input": { "slug": "weather", "name": "weather" } });
    reader.error(&document("createDataset"), input).await;
    assert_eq!(app.value("timestore_errors_total{code=\"FORBIDDEN\"}").await, 1.0);
    let series = app.series().await;
    assert!(
        !series
            .keys()
            .any(|name| name.starts_with("timestore_user_errors_total"))
    );
}

async fn a_cache_counts_what_it_knew_and_what_it_did_not(database: TestDatabase) {
    let app = App::new(&database).await;
    let (document, of_it) = ("{ __typename }", |outcome: &str| {
        format!("timestore_cache_requests_total{{cache=\"persisted_documents\",result=\"{outcome}\"}}")
    });
    let hash = sha256(document);
    // By GET it is looked at before it is executed, and counts once.
    app.get(&format!("/graphql?documentId=sha256:{hash}")).await;
    assert_eq!(app.value(&of_it("miss")).await, 1.0);
    let extensions = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
    post_json(&app, json!({ "query": document, "extensions": extensions })).await;
    assert_eq!(app.value(&of_it("hit")).await, 0.0);
    let bytes = app
        .value("timestore_cache_size_bytes{cache=\"persisted_documents\"}")
        .await;
    assert_eq!(bytes, (hash.len() + document.len()) as f64);
    app.get(&format!("/graphql?documentId=sha256:{hash}")).await;
    post_json(&app, json!({ "extensions": extensions })).await;
    assert_eq!(
        (app.value(&of_it("hit")).await, app.value(&of_it("miss")).await),
        (2.0, 1.0)
    );
}

async fn publishes_are_counted_once_for_each_manifest(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let input = json!({
        "dataset": slug("weather"), "add": [partition("2020-01-01", "a.parquet")], "idempotencyKey": "once",
    });
    app.granted("publishManifest", input.clone()).await;
    let replay = app.granted("publishManifest", input).await;
    assert_eq!(replay["replayed"], true);
    app.append("weather", [partition("2020-01-02", "b.parquet")])
        .await;
    app.granted("rollbackDataset", json!({ "dataset": slug("weather"), "to": 1 }))
        .await;
    for (operation, count) in [("append", 2.0), ("rollback", 1.0)] {
        let name = format!("timestore_publishes_total{{operation=\"{operation}\"}}");
        assert_eq!(app.value(&name).await, count, "{operation}");
    }
}

async fn a_client_cannot_add_series(database: TestDatabase) {
    let app = App::new(&database).await;
    let attempt = async |n: usize| {
        for document in [
            format!("query Name{n} {{ alias{n}: datasets(first: 1) {{ totalCount }} }}"),
            format!("{{ unknown{n} }}"),
            format!("{{ __typename @unknown{n} }}"),
            format!("{{ datasets(unknown{n}: 1) {{ totalCount }} }}"),
            format!("query ($v{n}: Unknown{n}) {{ datasets {{ totalCount }} }}"),
        ] {
            app.execute(&document, json!({})).await;
        }
        app.get(&format!("/unknown/{n}")).await;
        app.get(&format!("/graphiql/{n}")).await;
        app.series().await.into_keys().collect::<Vec<_>>()
    };
    // A scrape is counted too, after what it shows.
    app.series().await;
    let first = attempt(0).await;
    for n in 1..20 {
        assert_eq!(attempt(n).await, first);
    }
}

async fn an_open_subscription_is_counted_until_its_client_leaves(database: TestDatabase) {
    let app = App::new(&database).await;
    let document = json!({ "query": "subscription { changes { cursor } }" }).to_string();
    let request = Request::post("/graphql/stream")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(document))
        .unwrap();
    let response = app.router.clone().oneshot(request).await.unwrap();
    let mut events = response.into_body().into_data_stream();
    assert!(futures_util::poll!(events.next()).is_pending());
    assert_eq!(app.value("timestore_active_subscriptions").await, 1.0);
    drop(events);
    // Its task hears of it at its next turn.
    while app.value("timestore_active_subscriptions").await > 0.0 {
        tokio::task::yield_now().await;
    }
}

async fn the_metrics_can_have_an_address_of_their_own(database: TestDatabase) {
    let store = database.store().await;
    let settings = http::Settings {
        metrics: Exposure::Elsewhere,
        ..http::Settings::default()
    };
    let schema = graphql::schema(store.clone());
    let api = http::router(schema, store.clone(), settings);
    let answer = async |router: axum::Router| {
        let request = Request::get("/metrics").body(Body::empty()).unwrap();
        router.oneshot(request).await.unwrap()
    };
    assert_eq!(answer(api).await.status(), StatusCode::NOT_FOUND);
    let shown = answer(http::metrics_router(&store)).await;
    assert_eq!(shown.status(), StatusCode::OK);
    assert_eq!(
        shown.headers()[header::CONTENT_TYPE],
        "text/plain; version=0.0.4; charset=utf-8"
    );
}

async fn a_gateway_is_not_ready_on_tables_of_another_version(database: TestDatabase) {
    let app = App::new(&database).await;
    let admin = database.connections().await.writer;
    let ledger = "timestore.seaql_migrations";
    let unready = (
        StatusCode::SERVICE_UNAVAILABLE,
        "the database has other tables than this version needs\n".to_owned(),
    );
    admin
        .execute_unprepared(&format!(
            "insert into {ledger} (version, applied_at) values ('m29990101_future', 0)"
        ))
        .await
        .unwrap();
    assert_eq!(app.get("/readyz").await, unready);
    admin
        .execute_unprepared(&format!(
            "delete from {ledger} where version = 'm29990101_future'"
        ))
        .await
        .unwrap();
    assert_eq!(app.get("/readyz").await, (StatusCode::OK, "ready\n".to_owned()));
    admin
        .execute_unprepared(&format!(
            "delete from {ledger} where version = (select max(version) from {ledger})"
        ))
        .await
        .unwrap();
    assert_eq!(app.get("/readyz").await, unready);
    assert_eq!(app.get("/healthz").await, (StatusCode::OK, "ok\n".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_lags_while_a_transaction_holds_it_back() {
    let database = TestDatabase::postgres().await;
    let app = App::new(&database).await;
    let long = app.connection.begin().await.unwrap();
    long.execute_unprepared("select pg_current_xact_id()")
        .await
        .unwrap();
    app.dataset("weather").await;
    let lag = app.value("timestore_feed_lag_seconds").await;
    assert!(lag > 0.0, "{lag}");
    assert!(app.value("timestore_feed_lag_seconds").await > lag, "it grows");
    long.rollback().await.unwrap();
}
