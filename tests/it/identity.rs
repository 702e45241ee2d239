//! Who a request is taken to come from: tokens, proxies, and strangers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::request::Builder;
use axum::http::{HeaderName, Request, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use timestore_gateway::auth::jwks::{Jwks, JwksSource};
use timestore_gateway::auth::jwt::{Jwt, JwtSettings};
use timestore_gateway::auth::proxy::TrustedProxies;
use timestore_gateway::http::{Identity, Strangers};
use tower::ServiceExt;

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::code_and_path;
use crate::support::database::TestDatabase;
use crate::support::npm::node;
use crate::support::process::Process;

both! {
    strangers_are_refused_and_told_how_to_come_in,
    a_token_lasts_until_it_runs_out_or_is_revoked,
    a_token_is_shown_once_and_kept_as_its_hash,
    what_is_wrong_with_a_token_is_named,
    only_trusted_proxies_say_who_is_calling,
    what_is_shown_counts_where_nothing_need_be_shown,
    probes_and_the_playground_are_for_everyone,
    a_site_that_points_to_this_machine_is_a_stranger,
    a_request_that_a_proxy_passed_on_is_a_strangers,
    a_websocket_says_who_is_calling_when_it_begins,
    a_websocket_outlives_no_token,
    keys_are_fetched_once_for_all_who_come_and_not_for_every_stranger,
}

/// How long what happens by itself may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A key made for these tests.
const ED: &str = "MC4CAQAwBQYDK2VwBCIEIPlFoByT5z8OSjO6nVB8qfTE1yobMS3cDBEMKdBnxCUE";

const VIEWER: &str = "{ viewer { subject scopes expiresAt } }";

/// The status of an answer, its challenge, and its body.
async fn send(app: &App, request: Builder) -> (StatusCode, String, Value) {
    let body = json!({ "query": VIEWER }).to_string();
    let request = request
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body));
    let response = app
        .router
        .clone()
        .oneshot(request.expect("a request"))
        .await
        .expect("an answer");
    let (parts, body) = response.into_parts();
    let challenge = parts.headers.get(header::WWW_AUTHENTICATE);
    let challenge = challenge
        .map_or("", |value| value.to_str().expect("text"))
        .to_owned();
    let bytes = to_bytes(body, usize::MAX).await.expect("a whole answer");
    (
        parts.status,
        challenge,
        serde_json::from_slice(&bytes).expect("JSON"),
    )
}

/// A gateway where callers on this machine may do everything.
async fn local(database: &TestDatabase) -> App {
    let identity = Identity {
        strangers: Strangers::Local,
        ..Identity::default()
    };
    App::identifying(database, identity).await
}

fn post() -> Builder {
    Request::post("/graphql")
}

async fn viewer(app: &App) -> Value {
    app.query(VIEWER, json!({})).await["viewer"].take()
}

async fn strangers_are_refused_and_told_how_to_come_in(database: TestDatabase) {
    let app = App::identifying(&database, Identity::default()).await;
    let plain = "Bearer realm=\"timestore\"";
    let invalid = "Bearer realm=\"timestore\", error=\"invalid_token\"";
    let long = format!("Bearer timestore_{}", "f".repeat(100_000));
    for (authorization, challenge) in [
        (None, plain),
        (Some(""), invalid),
        (Some("Bearer"), invalid),
        (Some("Bearer "), invalid),
        (Some("Basic dXNlcjpwYXNz"), invalid),
        (Some("Bearer timestore_"), invalid),
        (
            Some("Bearer timestore_0000000000000000000000000000000000000000000000000000000000000000"),
            invalid,
        ),
        (Some("Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ."), invalid),
        (Some(&long), invalid),
    ] {
        let request = match authorization {
            Some(value) => post().header(header::AUTHORIZATION, value),
            None => post(),
        };
        let (status, told, body) = send(&app, request).await;
        assert_eq!(
            (status, &told[..]),
            (StatusCode::UNAUTHORIZED, challenge),
            "{authorization:?}"
        );
        assert_eq!(body["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
        assert_eq!(body.get("data"), None);
    }
    let twice = post()
        .header(header::AUTHORIZATION, "Bearer a")
        .header(header::AUTHORIZATION, "Bearer b");
    assert_eq!(send(&app, twice).await.0, StatusCode::BAD_REQUEST);
}

async fn a_token_lasts_until_it_runs_out_or_is_revoked(database: TestDatabase) {
    let app = App::identifying(&database, Identity::default()).await;
    let admin = app.with_scopes("root", &["timestore:admin"]).await;
    let create =
        |lasts: Value| json!({ "name": "ingest", "scopes": ["timestore:write"], "expiresIn": lasts });
    let lasting = admin.granted("createApiToken", create(Value::Null)).await;
    let ingest = app.showing(lasting["secret"].as_str().expect("a secret"));
    assert_eq!(
        viewer(&ingest).await,
        json!({ "subject": "ingest", "scopes": ["timestore:write"], "expiresAt": null })
    );
    let short = admin.granted("createApiToken", create(json!("PT5S"))).await;
    let brief = app.showing(short["secret"].as_str().expect("a secret"));
    assert_eq!(viewer(&brief).await["expiresAt"], short["token"]["expiresAt"]);
    let start = Instant::now();
    let refused = loop {
        let answer = brief.execute(VIEWER, json!({})).await;
        if answer.get("errors").is_some() {
            break answer;
        }
        assert!(start.elapsed() < PATIENCE, "the token does not run out");
        tokio::task::yield_now().await;
    };
    assert_eq!(refused["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    let usual = admin
        .granted("createApiToken", json!({ "name": "x", "scopes": ["a"] }))
        .await;
    assert!(
        usual["token"]["expiresAt"].is_string(),
        "90 days when nothing is said"
    );

    let revoke = json!({ "token": lasting["token"]["id"] });
    let revoked = admin.granted("revokeApiToken", revoke.clone()).await["token"].take();
    assert_eq!(revoked["revokedBy"], "root");
    assert_eq!(
        ingest.error(VIEWER, json!({})).await["extensions"]["code"],
        "UNAUTHENTICATED"
    );
    assert_eq!(
        admin.granted("revokeApiToken", revoke).await["token"],
        revoked,
        "once is enough"
    );
}

async fn a_token_is_shown_once_and_kept_as_its_hash(database: TestDatabase) {
    let app = App::identifying(&database, Identity::default()).await;
    let admin = app.with_scopes("root", &["timestore:admin"]).await;
    let created = admin
        .granted("createApiToken", json!({ "name": "x", "scopes": ["a", "b"] }))
        .await;
    let secret = created["secret"].as_str().expect("a secret");
    assert!(secret.starts_with("timestore_"));
    let document = "{ apiTokens { totalCount nodes { id name scopes createdBy createdAt expiresAt lastUsedAt revokedAt } }
        auditEvents { nodes { action detail } } }";
    let data = admin.query(document, json!({})).await;
    assert_eq!(data["apiTokens"]["totalCount"], 2);
    let newest = &data["apiTokens"]["nodes"][0];
    assert_eq!(
        (&newest["id"], &newest["createdBy"]),
        (&created["token"]["id"], &json!("root"))
    );
    assert_eq!(
        (&newest["scopes"], &newest["lastUsedAt"]),
        (&json!(["a", "b"]), &Value::Null)
    );
    assert_eq!(data["auditEvents"]["nodes"][0]["action"], "createApiToken");
    assert!(!data.to_string().contains(secret));
    let node = admin
        .query(
            "query ($id: ID!) { node(id: $id) { __typename id } }",
            json!({ "id": newest["id"] }),
        )
        .await;
    assert_eq!(
        node["node"],
        json!({ "__typename": "ApiToken", "id": newest["id"] })
    );
    // The use is noted on the side.
    viewer(&app.showing(secret)).await;
    let start = Instant::now();
    loop {
        let used = admin
            .query("{ apiTokens(first: 1) { nodes { lastUsedAt } } }", json!({}))
            .await;
        if used["apiTokens"]["nodes"][0]["lastUsedAt"].is_string() {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "the use is not noted");
        tokio::task::yield_now().await;
    }
}

async fn what_is_wrong_with_a_token_is_named(database: TestDatabase) {
    let app = App::new(&database).await;
    let token = |name: &str, scopes: Value, lasts: &str| json!({ "name": name, "scopes": scopes, "expiresIn": lasts });
    for (input, path) in [
        (token("", json!(["a"]), "P1D"), "input.name"),
        (token("x", json!([]), "P1D"), "input.scopes"),
        (token("x", json!(["a", "b c"]), "P1D"), "input.scopes.1"),
        (token("x", json!(vec!["a"; 101]), "P1D"), "input.scopes"),
        (token("x", json!(["a"]), "PT0S"), "input.expiresIn"),
        (token("x", json!(["a"]), "P9999Y"), "input.expiresIn"),
    ] {
        let error = app.refused_once("createApiToken", input).await;
        assert_eq!(code_and_path(&error), ("INVALID_INPUT", path.to_owned()));
    }
    let error = app
        .refused_once("revokeApiToken", json!({ "token": "AAAA" }))
        .await;
    assert_eq!(code_and_path(&error), ("NOT_FOUND", "input.token".to_owned()));
}

async fn only_trusted_proxies_say_who_is_calling(database: TestDatabase) {
    let proxies = TrustedProxies {
        networks: vec!["10.0.0.0/8".parse().expect("a network")],
        subject_header: HeaderName::from_static("x-user"),
        scopes_header: HeaderName::from_static("x-scopes"),
    };
    let identity = Identity {
        proxies: Some(Arc::new(proxies)),
        ..Identity::default()
    };
    let app = App::identifying(&database, identity).await;
    let from = |peer: &str| {
        let peer: SocketAddr = peer.parse().expect("an address");
        post().extension(ConnectInfo(peer))
    };
    let named = |peer| {
        from(peer)
            .header("x-user", "ann")
            .header("x-scopes", "timestore:read, team")
    };
    let (status, _, body) = send(&app, named("10.1.2.3:9")).await;
    let expected = json!({ "subject": "ann", "scopes": ["timestore:read", "team"], "expiresAt": null });
    assert_eq!((status, &body["data"]["viewer"]), (StatusCode::OK, &expected));
    for request in [
        named("11.1.2.3:9"),
        named("127.0.0.1:9"),
        from("10.1.2.3:9"),
        post()
            .header("x-user", "ann")
            .header("x-scopes", "timestore:admin"),
    ] {
        assert_eq!(send(&app, request).await.0, StatusCode::UNAUTHORIZED);
    }
    let twice = named("10.1.2.3:9").header("x-user", "eve");
    assert_eq!(send(&app, twice).await.0, StatusCode::BAD_REQUEST);
    // Behind a proxy, a service can show a token of its own.
    let token = app.with_scopes("svc", &["a"]).await.bearer.expect("a token");
    let request = from("10.1.2.3:9").header(header::AUTHORIZATION, format!("bearer {token}"));
    assert_eq!(send(&app, request).await.2["data"]["viewer"]["subject"], "svc");
}

async fn what_is_shown_counts_where_nothing_need_be_shown(database: TestDatabase) {
    let app = App::new(&database).await;
    assert_eq!(
        viewer(&app).await,
        json!({ "subject": null, "scopes": ["timestore:admin"], "expiresAt": null })
    );
    let reader = app.with_scopes("reader", &["timestore:read"]).await;
    assert_eq!(viewer(&reader).await["scopes"], json!(["timestore:read"]));
    let wrong = app.showing("timestore_wrong").error(VIEWER, json!({})).await;
    assert_eq!(wrong["extensions"]["code"], "UNAUTHENTICATED");
}

async fn probes_and_the_playground_are_for_everyone(database: TestDatabase) {
    let app = App::identifying(&database, Identity::default()).await;
    for (path, expected) in [
        ("/healthz", StatusCode::OK),
        ("/readyz", StatusCode::OK),
        ("/graphiql", StatusCode::OK),
        ("/graphql?query=%7B__typename%7D", StatusCode::UNAUTHORIZED),
        ("/graphql/stream?query=%7B__typename%7D", StatusCode::UNAUTHORIZED),
    ] {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let response = app.router.clone().oneshot(request).await.expect("an answer");
        assert_eq!(response.status(), expected, "{path}");
    }
}

async fn a_site_that_points_to_this_machine_is_a_stranger(database: TestDatabase) {
    let app = local(&database).await;
    assert_eq!(
        send(&app, post().header(header::HOST, "localhost:4100")).await.0,
        StatusCode::OK
    );
    let (status, _, body) = send(&app, post().header(header::HOST, "rebound.example:4100")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(body["errors"][0]["extensions"]["code"], "FORBIDDEN");
    let token = app.with_scopes("x", &["a"]).await.bearer.expect("a token");
    let named = post()
        .header(header::HOST, "gateway.example")
        .header(header::AUTHORIZATION, format!("Bearer {token}"));
    assert_eq!(send(&app, named).await.0, StatusCode::OK);
}

async fn a_request_that_a_proxy_passed_on_is_a_strangers(database: TestDatabase) {
    let app = local(&database).await;
    let local = || post().header(header::HOST, "127.0.0.1:4100");
    assert_eq!(send(&app, local()).await.0, StatusCode::OK);
    for name in [
        "x-forwarded-for",
        "X-Forwarded-Host",
        "x-real-ip",
        "forwarded",
        "via",
    ] {
        let (status, _, body) = send(&app, local().header(name, "203.0.113.9")).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{name}");
        assert_eq!(body["errors"][0]["extensions"]["code"], "FORBIDDEN");
    }
    // HTTP/2 names the host in the URI, which may be another one.
    for (uri, host, expected) in [
        ("http://localhost/graphql", None, StatusCode::OK),
        ("http://evil.example/graphql", None, StatusCode::FORBIDDEN),
        (
            "http://localhost/graphql",
            Some("evil.example"),
            StatusCode::FORBIDDEN,
        ),
        (
            "http://evil.example/graphql",
            Some("localhost"),
            StatusCode::FORBIDDEN,
        ),
        ("/graphql", None, StatusCode::FORBIDDEN),
    ] {
        let request = host.into_iter().fold(post().uri(uri), |request, host| {
            request.header(header::HOST, host)
        });
        assert_eq!(send(&app, request).await.0, expected, "{uri} {host:?}");
    }
}

async fn a_websocket_outlives_no_token(database: TestDatabase) {
    let gateway = Process::start_with(&database, &["--trusted-proxies", "10.0.0.0/8"]);
    let app = App::identifying(&database, Identity::default()).await;
    let admin = app.with_scopes("svc", &["timestore:admin"]).await;
    let token = admin.bearer.clone().expect("a token");
    let id =
        admin.query("{ apiTokens { nodes { id } } }", json!({})).await["apiTokens"]["nodes"][0]["id"].take();
    let answers = node(
        "outlive.js",
        &[gateway.address(), &token, id.as_str().expect("an id")],
    );
    assert_eq!(
        answers["before"],
        json!({ "viewer": { "subject": "svc" } }),
        "{answers}"
    );
    assert_eq!(
        answers["revoked"]["data"]["revokeApiToken"]["userErrors"],
        json!([]),
        "{answers}"
    );
    assert_eq!(answers["after"]["code"], 4403, "{answers}");
    // Who has not said who they are says little.
    let url = format!("ws://{}/graphql", gateway.address());
    assert_eq!(node("shout.js", &[&url, "65537"]), 1009);
    assert_eq!(node("shout.js", &[&url, "65536"]), 4400);
}

async fn a_websocket_says_who_is_calling_when_it_begins(database: TestDatabase) {
    let gateway = Process::start_with(&database, &["--trusted-proxies", "10.0.0.0/8"]);
    let app = App::identifying(&database, Identity::default()).await;
    let token = app.with_scopes("svc", &["a"]).await.bearer.expect("a token");
    let url = format!("ws://{}/graphql", gateway.address());
    let answers = node("identify.js", &[&url, "", "", "timestore_wrong", &token]);
    assert_eq!(answers[0]["code"], 4403, "{answers}");
    assert_eq!(answers[1]["code"], 4403, "{answers}");
    assert_eq!(
        answers[2],
        json!({ "viewer": { "subject": "svc", "scopes": ["a"] } })
    );
}

/// An issuer that counts how often its keys are asked for, and where it answers.
async fn issuer(keys: Value) -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let keys = axum::routing::get(async move || {
        count.fetch_add(1, Ordering::SeqCst);
        axum::Json(keys.clone())
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("an address");
    let url = format!("http://{}/keys", listener.local_addr().expect("an address"));
    tokio::spawn(async { axum::serve(listener, axum::Router::new().route("/keys", keys)).await });
    (url, asked)
}

async fn keys_are_fetched_once_for_all_who_come_and_not_for_every_stranger(database: TestDatabase) {
    let key = EncodingKey::from_ed_der(&STANDARD.decode(ED).expect("base64"));
    let mut public = Jwk::from_encoding_key(&key, Algorithm::EdDSA).expect("a key");
    public.common.key_id = Some("one".to_owned());
    let (url, asked) = issuer(json!({ "keys": [public] })).await;
    let settings = JwtSettings {
        issuer: "https://issuer".to_owned(),
        audiences: vec!["timestore".to_owned()],
        algorithms: vec![Algorithm::EdDSA],
        scope_claim: "scope".to_owned(),
        leeway: 60,
    };
    let identity = Identity {
        jwt: Some(Arc::new(Jwt::new(
            settings,
            Jwks::new(JwksSource::Url(url)).expect("keys"),
        ))),
        ..Identity::default()
    };
    let app = App::identifying(&database, identity).await;
    let token = |id: &str| {
        let claims = json!({ "iss": "https://issuer", "aud": "timestore", "sub": "ann", "scope": "timestore:read",
            "exp": chrono::Utc::now().timestamp() + 600 });
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(id.to_owned());
        encode(&header, &claims, &key).expect("a token")
    };
    let ann = app.showing(&token("one"));
    let viewers = futures_util::future::join_all((0..20).map(|_| viewer(&ann))).await;
    assert!(
        viewers
            .iter()
            .all(|viewer| viewer["subject"] == "ann" && viewer["scopes"] == json!(["timestore:read"]))
    );
    for _ in 0..20 {
        let stranger = app.showing(&token("unknown"));
        assert_eq!(
            stranger.error(VIEWER, json!({})).await["extensions"]["code"],
            "UNAUTHENTICATED"
        );
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}
