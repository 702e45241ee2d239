//! What browsers are told, and what pages of other origins may do: nothing, unless their origin is named.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::json;
use timestore_gateway::http::{Origins, Settings};

use crate::support::app::App;
use crate::support::database::TestDatabase;
use crate::support::http::{Answer, get, post_json, send};

const APP: &str = "https://app.example.com";

async fn gateway(origins: &[&str]) -> (TestDatabase, App) {
    let origins = origins.iter().map(|origin| origin.parse().unwrap()).collect();
    let settings = Settings {
        origins: Origins(origins),
        ..Settings::default()
    };
    let database = TestDatabase::sqlite().await;
    let app = App::with_settings(&database, settings).await;
    (database, app)
}

/// What a browser asks before it sends JSON.
async fn preflight(app: &App, origin: &str) -> Answer {
    let request = Request::options("/graphql")
        .header(header::ORIGIN, origin)
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .header(
            header::ACCESS_CONTROL_REQUEST_HEADERS,
            "content-type,authorization",
        );
    send(app, request.body(Body::empty()).unwrap()).await
}

async fn websocket(app: &App, origin: Option<&str>) -> StatusCode {
    let mut request = Request::get("/graphql")
        .header(header::HOST, "127.0.0.1:4100")
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ==")
        .header(header::SEC_WEBSOCKET_PROTOCOL, "graphql-transport-ws");
    if let Some(origin) = origin {
        request = request.header(header::ORIGIN, origin);
    }
    send(app, request.body(Body::empty()).unwrap()).await.status
}

#[tokio::test]
async fn a_page_of_another_origin_may_neither_send_nor_read_unless_it_is_named() {
    let (_closed_database, closed) = gateway(&[]).await;
    let (_open_database, open) = gateway(&[APP]).await;
    for (app, origin, allowed) in [
        (&closed, APP, ""),
        (&open, APP, APP),
        (&open, "https://evil.example", ""),
    ] {
        let told = preflight(app, origin).await;
        assert_eq!(
            told.header(header::ACCESS_CONTROL_ALLOW_ORIGIN),
            allowed,
            "{origin}"
        );
        assert_eq!(told.header(header::ACCESS_CONTROL_ALLOW_CREDENTIALS), "");
        let request = Request::get("/graphql?query=%7B__typename%7D").header(header::ORIGIN, origin);
        let answer = send(app, request.body(Body::empty()).unwrap()).await;
        assert_eq!(
            answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN),
            allowed,
            "{origin}"
        );
    }
    let told = preflight(&open, APP).await;
    assert_eq!(told.header(header::ACCESS_CONTROL_ALLOW_METHODS), "GET,POST");
    assert_eq!(
        told.header(header::ACCESS_CONTROL_ALLOW_HEADERS),
        "content-type,authorization"
    );
}

#[tokio::test]
async fn a_websocket_of_a_page_of_another_origin_is_refused_unless_it_is_named() {
    let (_database, app) = gateway(&[APP]).await;
    // Without a socket below, an upgrade that is let through ends as 426.
    let let_through = websocket(&app, None).await;
    assert_ne!(let_through, StatusCode::FORBIDDEN);
    for origin in ["http://127.0.0.1:4100", APP] {
        assert_eq!(websocket(&app, Some(origin)).await, let_through, "{origin}");
    }
    for origin in ["https://evil.example", "http://127.0.0.1:3000", "null"] {
        assert_eq!(
            websocket(&app, Some(origin)).await,
            StatusCode::FORBIDDEN,
            "{origin}"
        );
    }
}

#[tokio::test]
async fn an_answer_says_what_it_depends_on_and_is_not_taken_for_a_script() {
    let (_database, app) = gateway(&[APP]).await;
    let answer = get(&app, "/graphql?query=%7B__schema%7Btypes%7Bname%7D%7D%7D").await;
    assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    assert_eq!(answer.header(header::CACHE_CONTROL), "private, no-cache");
    let vary: Vec<_> = answer.headers.get_all(header::VARY).iter().collect();
    let vary = vary
        .iter()
        .map(|value| value.to_str().unwrap())
        .collect::<Vec<_>>()
        .join(", ");
    for on in ["accept", "authorization", "accept-encoding", "origin"] {
        assert!(vary.split(", ").any(|name| name == on), "{on} is not in {vary}");
    }
}

#[tokio::test]
async fn large_answers_are_compressed_for_those_who_ask() {
    let (_database, app) = gateway(&[]).await;
    let ask = async |accept: &'static str, query: &str| {
        let request = Request::post("/graphql")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT_ENCODING, accept)
            .body(Body::from(json!({ "query": query }).to_string()));
        send(&app, request.unwrap()).await
    };
    let large = "{ __schema { types { name description } } }";
    let plain = post_json(&app, json!({ "query": large })).await;
    for encoding in ["gzip", "br"] {
        let answer = ask(encoding, large).await;
        assert_eq!(answer.header(header::CONTENT_ENCODING), encoding);
        assert!(answer.body.len() < plain.body.len() / 2);
    }
    assert_eq!(
        ask("gzip", "{ __typename }")
            .await
            .header(header::CONTENT_ENCODING),
        ""
    );
    assert_eq!(ask("identity", large).await.body, plain.body);
}
