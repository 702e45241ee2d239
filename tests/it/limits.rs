//! What a request may ask for at the most: each limit at its edge, and past it.

use serde_json::{Value, json};
use timestore_gateway::graphql::Execution;
use timestore_gateway::graphql::limits::Limits;
use timestore_gateway::http::{Identity, Settings};

use crate::support::app::App;
use crate::support::database::TestDatabase;
use crate::support::http::{post, post_json};
use crate::support::npm::node;
use crate::support::process::Process;

async fn gateway(limits: Limits) -> (TestDatabase, App) {
    let settings = Settings {
        execution: Execution {
            limits,
            ..Execution::default()
        },
        ..Settings::default()
    };
    let database = TestDatabase::sqlite().await;
    let app = App::with_settings(&database, settings).await;
    (database, app)
}

#[tokio::test]
async fn a_document_is_answered_at_the_edge_of_each_limit_and_refused_past_it() {
    let any = Limits::default;
    for (limits, allowed, past, message) in [
        (
            Limits { tokens: 5, ..any() },
            "{ a: __typename }",
            "query { a: __typename }",
            "the document has more than 5 tokens; send values as variables",
        ),
        (
            Limits { depth: 3, ..any() },
            "{ storageTargets { nodes { name } } }",
            "{ datasets { nodes { defaultStorageTarget { name } } } }",
            "the document has 4 levels of fields; at most 3 are allowed",
        ),
        (
            Limits { fields: 3, ..any() },
            "{ storageTargets { nodes { name } } }",
            "{ storageTargets { nodes { ...n } } } fragment n on StorageTarget { name }",
            "the document has 4 fields with its fragments spread; at most 3 are allowed",
        ),
        (
            Limits {
                root_fields: 2,
                ..any()
            },
            "{ a: __typename b: __typename }",
            "{ a: __typename ...q } fragment q on Query { b: __typename c: __typename }",
            "the document has 3 root fields; at most 2 are allowed",
        ),
        (
            Limits { aliases: 1, ..any() },
            "{ a: storageTargets { totalCount } }",
            "{ a: storageTargets { b: totalCount } }",
            "the document has 2 aliases; at most 1 are allowed",
        ),
        (
            Limits {
                directives: 1,
                ..any()
            },
            "{ __typename @include(if: true) }",
            "{ __typename @include(if: true) @skip(if: false) }",
            "the document has 2 directives; at most 1 are allowed",
        ),
        (
            Limits {
                complexity: 21,
                ..any()
            },
            "{ storageTargets(first: 10) { nodes { name } } }",
            "{ storageTargets(first: 11) { nodes { name } } }",
            "the answer could have 23 fields; at most 21 are allowed: ask for smaller pages",
        ),
        (
            Limits {
                introspection: false,
                ..any()
            },
            "{ __typename }",
            "{ __schema { queryType { name } } }",
            "the schema may not be asked for here",
        ),
        (
            Limits {
                introspection: false,
                ..any()
            },
            "{ _entities(representations: []) { __typename } }",
            "{ _service { sdl } }",
            "the schema may not be asked for here",
        ),
    ] {
        let (_database, app) = gateway(limits).await;
        app.query(allowed, json!({})).await;
        let error = app.error(past, json!({})).await;
        assert_eq!(error["message"], message, "{past}");
        assert_eq!(error["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
    }
}

#[tokio::test]
async fn no_error_suggests_a_name() {
    let (_database, app) = gateway(Limits::default()).await;
    for (document, name) in [
        ("{ storageTargt { name } }", "\"storageTarget\""),
        ("{ storageTargets(firs: 1) { totalCount } }", "\"first\""),
    ] {
        let error = app.error(document, json!({})).await;
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with("Unknown "), "{message}");
        assert!(!message.contains(name), "{message}");
    }
}

#[tokio::test]
async fn documents_may_have_so_many_bytes_and_no_more() {
    let (_database, app) = gateway(Limits {
        document: 20,
        ..Limits::default()
    })
    .await;
    app.query(&format!("{:20}", "{ __typename }"), json!({})).await;
    let error = app.error(&format!("{:21}", "{ __typename }"), json!({})).await;
    assert_eq!(error["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("21 bytes; at most 20"), "{message}");
}

#[tokio::test]
async fn the_size_of_a_page_counts_when_a_variable_says_it() {
    let (_database, app) = gateway(Limits {
        complexity: 21,
        ..Limits::default()
    })
    .await;
    let document = "query ($n: Int = 10) { storageTargets(first: $n) { nodes { name } } }";
    app.query(document, json!({})).await;
    app.query(document, json!({ "n": 10 })).await;
    let error = app.error(document, json!({ "n": 11 })).await;
    assert_eq!(error["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
}

#[tokio::test]
async fn bodies_and_batches_may_be_so_large_and_no_larger() {
    let (_database, app) = gateway(Limits {
        body: 60,
        batch: 2,
        ..Limits::default()
    })
    .await;
    let body = |length: usize| format!("{:length$}", r#"{"query": "{ __typename }"}"#);
    assert_eq!(post(&app, "application/json", body(60)).await.status, 200);
    let large = post(&app, "application/json", body(61)).await;
    assert_eq!(large.refusal(), (413, json!("PAYLOAD_TOO_LARGE")));
    let one = json!({ "query": "{ a }" });
    assert_eq!(post_json(&app, json!([one, one])).await.status, 200);
    let long = post_json(&app, json!([one, one, one])).await;
    assert_eq!(long.refusal(), (400, json!("BAD_REQUEST")));
    let (_database, app) = gateway(Limits {
        batch: 1,
        ..Limits::default()
    })
    .await;
    let answer = post_json(&app, json!([one])).await;
    assert_eq!(answer.refusal(), (400, json!("BAD_REQUEST")));
    let Value::String(message) = answer.json()["errors"][0]["message"].take() else {
        panic!("a message")
    };
    assert_eq!(message, "expected one request, not a batch");
}

#[tokio::test]
async fn only_those_who_write_may_send_large_bodies() {
    let database = TestDatabase::sqlite().await;
    let app = App::identifying(&database, Identity::default()).await;
    let small = 1 << 20;
    let body = |length: usize| {
        let document = r#"{"query": "{ __typename }"}"#;
        document.to_owned() + &" ".repeat(length - document.len())
    };
    for (scope, length, status) in [
        ("timestore:read", small, 200),
        ("timestore:read", small + 1, 413),
        ("timestore:write", small + 1, 200),
        ("team:write", small + 1, 200),
    ] {
        let app = app.with_scopes("svc", &[scope]).await;
        let answer = post(&app, "application/json", body(length)).await;
        assert_eq!(answer.status, status, "{scope} {length}");
    }
}

#[tokio::test]
async fn tools_can_ask_for_the_whole_schema() {
    let database = TestDatabase::sqlite().await;
    let gateway = Process::start(&database);
    let url = format!("http://{}/graphql", gateway.address());
    let schema = node("introspect.js", &[&url]);
    let sdl = schema["sdl"].as_str().unwrap();
    for promised in [
        "type Dataset implements Node",
        "scalar BigInt",
        "input DatasetRef @oneOf",
    ] {
        assert!(sdl.contains(promised), "{promised} is not in {sdl}");
    }
}
