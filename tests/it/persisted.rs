//! Documents that requests name by their hash: brought along once, or out of a list.

use std::collections::HashMap;

use serde_json::{Value, json};
use timestore_gateway::graphql::Execution;
use timestore_gateway::graphql::persisted::{Documents, sha256};
use timestore_gateway::http::Settings;

use crate::support::app::App;
use crate::support::database::TestDatabase;
use crate::support::http::{get, post_json};

const DOCUMENT: &str = "query Who { __typename }";

async fn gateway(documents: Documents) -> (TestDatabase, App) {
    let settings = Settings {
        execution: Execution {
            documents,
            ..Execution::default()
        },
        ..Settings::default()
    };
    let database = TestDatabase::sqlite().await;
    let app = App::with_settings(&database, settings).await;
    (database, app)
}

/// A request that names a document as Apollo's clients do.
fn named(hash: &str) -> Value {
    json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": hash } } })
}

fn brought(hash: &str, document: &str) -> Value {
    let mut request = named(hash);
    request["query"] = json!(document);
    request
}

/// The code of the answer's only error, or the data.
async fn outcome(app: &App, request: Value) -> Value {
    let answer = post_json(app, request).await.json();
    match answer.pointer("/errors/0/extensions/code") {
        Some(code) => code.clone(),
        None => answer["data"].clone(),
    }
}

#[tokio::test]
async fn a_document_that_was_brought_along_is_known_by_its_hash_from_then_on() {
    let (_database, app) = gateway(Documents::default()).await;
    let hash = sha256(DOCUMENT);
    let missing = post_json(&app, named(&hash)).await.json();
    let expected = json!({ "errors": [{
        "message": "PersistedQueryNotFound",
        "extensions": { "code": "PERSISTED_QUERY_NOT_FOUND" },
    }] });
    assert_eq!(missing, expected);
    let who = json!({ "__typename": "Query" });
    assert_eq!(outcome(&app, brought(&hash, DOCUMENT)).await, who);
    assert_eq!(outcome(&app, named(&hash)).await, who);
    let by_id = json!({ "documentId": format!("sha256:{hash}") });
    assert_eq!(outcome(&app, by_id).await, who);
    let uri = format!("/graphql?documentId=sha256:{hash}");
    assert_eq!(get(&app, &uri).await.json()["data"], who);
}

#[tokio::test]
async fn only_good_documents_are_remembered() {
    let (_database, app) = gateway(Documents::default()).await;
    let deep = format!("{{ {}a{} }}", "a { ".repeat(25), " }".repeat(25));
    for (document, code) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        (&deep, "GRAPHQL_VALIDATION_FAILED"),
    ] {
        let hash = sha256(document);
        assert_eq!(outcome(&app, brought(&hash, document)).await, code);
        assert_eq!(outcome(&app, named(&hash)).await, "PERSISTED_QUERY_NOT_FOUND");
    }
    let hash = sha256("{ other: __typename }");
    assert_eq!(outcome(&app, brought(&hash, DOCUMENT)).await, "BAD_USER_INPUT");
    assert_eq!(outcome(&app, named(&hash)).await, "PERSISTED_QUERY_NOT_FOUND");
    for extension in [
        json!(7),
        json!({ "version": 2, "sha256Hash": hash }),
        json!({ "version": 1 }),
    ] {
        let request = json!({ "query": DOCUMENT, "extensions": { "persistedQuery": extension } });
        assert_eq!(outcome(&app, request).await, "BAD_USER_INPUT");
    }
}

#[tokio::test]
async fn a_mutation_by_its_hash_is_still_no_get() {
    let (_database, app) = gateway(Documents::default()).await;
    let document = "mutation { createDataset(input: {slug: \"weather\", name: \"w\"}) { dataset { slug } } }";
    let hash = sha256(document);
    let created = outcome(&app, brought(&hash, document)).await;
    assert_eq!(
        created,
        json!({ "createDataset": { "dataset": { "slug": "weather" } } })
    );
    let answer = get(&app, &format!("/graphql?documentId=sha256:{hash}")).await;
    assert_eq!(answer.refusal(), (405, json!("METHOD_NOT_ALLOWED")));
}

#[tokio::test]
async fn a_gateway_that_remembers_nothing_says_so() {
    let (_database, app) = gateway(Documents::automatic(0)).await;
    let hash = sha256(DOCUMENT);
    assert_eq!(outcome(&app, named(&hash)).await, "PERSISTED_QUERY_NOT_SUPPORTED");
    let who = json!({ "__typename": "Query" });
    assert_eq!(outcome(&app, brought(&hash, DOCUMENT)).await, who);
}

#[tokio::test]
async fn nothing_but_trusted_documents_is_executed_where_there_are_any() {
    let listed = HashMap::from([("a1".to_owned(), DOCUMENT.to_owned())]);
    let (_database, app) = gateway(Documents::trusted(listed)).await;
    let who = json!({ "__typename": "Query" });
    assert_eq!(outcome(&app, named("a1")).await, who);
    assert_eq!(outcome(&app, json!({ "documentId": "sha256:A1" })).await, who);
    // What is listed is executed, whatever comes along with its hash.
    assert_eq!(outcome(&app, brought("a1", "{ other: __typename }")).await, who);
    assert_eq!(outcome(&app, named("b2")).await, "PERSISTED_QUERY_NOT_IN_LIST");
    let unlisted = brought(&sha256("{ __typename }"), "{ __typename }");
    assert_eq!(outcome(&app, unlisted).await, "PERSISTED_QUERY_NOT_IN_LIST");
    for document in [DOCUMENT, "{ __schema { types { name } } }"] {
        let plain = json!({ "query": document });
        assert_eq!(outcome(&app, plain).await, "PERSISTED_QUERY_ID_REQUIRED");
    }
    let uri = "/graphql?query=%7B__typename%7D";
    let code = get(&app, uri).await.json()["errors"][0]["extensions"]["code"].take();
    assert_eq!(code, "PERSISTED_QUERY_ID_REQUIRED");
}
