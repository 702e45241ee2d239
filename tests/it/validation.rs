//! What async-graphql does not see when it validates a document: such documents do nothing that they should not.

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::database::TestDatabase;

async fn gateway() -> (TestDatabase, App) {
    let database = TestDatabase::sqlite().await;
    let app = App::new(&database).await;
    app.dataset("weather").await;
    (database, app)
}

/// The code of the first error.
async fn code(app: &App, document: &str, variables: Value) -> Value {
    app.execute(document, variables).await["errors"][0]["extensions"]["code"].take()
}

#[tokio::test]
async fn nothing_is_selected_of_the_name_of_a_type() {
    let (_database, app) = gateway().await;
    for document in [
        "{ __typename { nothing(a: $b) } }",
        "{ __typename(a: $b) }",
        "{ datasets { nodes { __typename { ...f } } } }",
    ] {
        assert_eq!(
            code(&app, document, json!({})).await,
            "GRAPHQL_VALIDATION_FAILED",
            "{document}"
        );
    }
}

#[tokio::test]
async fn fields_of_one_name_that_differ_do_not_mix() {
    let (_database, app) = gateway().await;
    let document =
        "{ a: dataset(by: {slug: \"weather\"}) { name } a: dataset(by: {slug: \"other\"}) { name } }";
    assert_eq!(code(&app, document, json!({})).await, "GRAPHQL_VALIDATION_FAILED");
    // Further inside it is not seen. One of both is the answer.
    let document =
        "{ dataset(by: {slug: \"weather\"}) { slug } dataset(by: {slug: \"weather\"}) { slug: name } }";
    let answer = app.execute(document, json!({})).await;
    let slug = &answer["data"]["dataset"]["slug"];
    assert!(
        answer["errors"].is_array() || [json!("weather"), json!("Weather")].contains(slug),
        "{answer}"
    );
}

#[tokio::test]
async fn a_variable_that_may_be_null_is_not_taken_for_a_value() {
    let (_database, app) = gateway().await;
    let document = "query ($id: ID) { node(id: $id) { id } }";
    for variables in [json!({}), json!({ "id": null })] {
        let answer = app.execute(document, variables).await;
        let code = &answer["errors"][0]["extensions"]["code"];
        assert!(
            *code == "BAD_USER_INPUT" || *code == "GRAPHQL_VALIDATION_FAILED",
            "{answer}"
        );
    }
}

#[tokio::test]
async fn an_argument_whose_variable_is_not_given_is_as_if_it_were_not_there() {
    let (_database, app) = gateway().await;
    let document = "query ($first: Int, $filter: DatasetFilter) { datasets(first: $first, filter: $filter) { totalCount pageInfo { hasNextPage } } }";
    let data = app.query(document, json!({})).await;
    assert_eq!(data["datasets"]["totalCount"], 1);
}

#[tokio::test]
async fn an_escape_of_the_newer_kind_is_a_syntax_error() {
    let (_database, app) = gateway().await;
    let document = r#"{ dataset(by: {slug: "\u{77}eather"}) { slug } }"#;
    assert_eq!(code(&app, document, json!({})).await, "GRAPHQL_PARSE_FAILED");
    let document = r#"{ dataset(by: {slug: "\u0077eather"}) { slug } }"#;
    let data = app.query(document, json!({})).await;
    assert_eq!(data["dataset"]["slug"], "weather");
}
