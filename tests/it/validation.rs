//! What async-graphql does not see when it validates a document: such documents do nothing that they should not.

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::builders::partition;
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

#[tokio::test]
async fn a_document_that_was_valid_is_not_for_whatever_variables() {
    const WINDOW: &str = "query ($slug: String!, $by: ManifestRef, $window: TimeWindow, $key: [KeyPredicate!], $first: Int = 10) {
        dataset(by: { slug: $slug }) { manifest(by: $by) {
            partitions(first: $first, window: $window, partitionKey: $key) { nodes { filePath } } } } }";
    const LIST: &str = "query ($filter: DatasetFilter, $after: String, $first: Int, $with: Boolean!) {
        datasets(first: $first, after: $after, filter: $filter) { nodes { slug name @include(if: $with) } } }";
    const WITHIN: &str = "query ($slug: String, $status: DatasetStatus) {
        dataset(by: { slug: $slug }) { slug } datasets(filter: { status: $status }) { totalCount } }";
    let (database, app) = gateway().await;
    app.append("weather", [partition("2020-01-01", "a")]).await;
    let day = json!({ "from": "2020-01-01T00:00:00Z", "to": "2020-01-02T00:00:00Z" });
    for (document, good, other) in [
        (
            WINDOW,
            json!({ "slug": "weather", "window": day, "by": { "version": 1 }, "key": [{ "key": "city", "eq": "x" }] }),
            vec![
                json!({ "slug": "weather" }),
                json!({ "slug": "weather", "by": null, "window": null, "key": null, "first": 3 }),
                json!({ "slug": null }),
                json!({}),
                json!({ "slug": 7 }),
                json!({ "slug": "weather", "by": { "version": "1" } }),
                json!({ "slug": "weather", "by": { "version": 1, "snapshot": "x" } }),
                json!({ "slug": "weather", "by": { "version": null } }),
                json!({ "slug": "weather", "by": {} }),
                json!({ "slug": "weather", "by": { "revision": 1 } }),
                json!({ "slug": "weather", "by": { "asOf": "yesterday" } }),
                json!({ "slug": "weather", "by": 1 }),
                json!({ "slug": "weather", "window": { "from": "2020-01-01T00:00:00Z" } }),
                json!({ "slug": "weather", "window": { "from": "2020", "to": "2021" } }),
                json!({ "slug": "weather", "window": [day, day] }),
                json!({ "slug": "weather", "window": day, "first": 1.5 }),
                json!({ "slug": "weather", "first": null }),
                json!({ "slug": "weather", "first": 4_294_967_296_u64 }),
                json!({ "slug": "weather", "first": 1_000_000 }),
                json!({ "slug": "weather", "key": { "key": "city", "eq": "x" } }),
                json!({ "slug": "weather", "key": [null] }),
                json!({ "slug": "weather", "key": [{ "eq": "x" }] }),
                json!({ "slug": "weather", "key": [{ "key": "city", "like": "x" }] }),
                json!({ "slug": "weather", "key": [{ "key": "city", "in": "x" }] }),
                json!({ "slug": "wea\u{0}ther" }),
            ],
        ),
        (
            LIST,
            json!({ "filter": { "status": "ACTIVE" }, "with": true }),
            vec![
                json!({ "with": false, "first": 1 }),
                json!({ "with": "true" }),
                json!({ "with": null }),
                json!({ "with": true, "filter": { "status": "active" } }),
                json!({ "with": true, "filter": { "status": 1 } }),
                json!({ "with": true, "filter": { "stat": "ACTIVE" } }),
                json!({ "with": true, "filter": "ACTIVE" }),
                json!({ "with": true, "after": "nothing" }),
                json!({ "with": true, "first": 101 }),
            ],
        ),
        (
            WITHIN,
            json!({ "slug": "weather", "status": "ACTIVE" }),
            vec![
                json!({}),
                json!({ "slug": null }),
                json!({ "slug": "weather", "status": null }),
                json!({ "slug": "weather" }),
                json!({ "slug": "weather", "status": "LOST" }),
            ],
        ),
    ] {
        let known = app.execute(document, good.clone()).await;
        assert_eq!(known.get("errors"), None, "{document}");
        for variables in std::iter::once(good).chain(other) {
            let expected = App::over(database.connections().await)
                .execute(document, variables.clone())
                .await;
            for _ in 0..2 {
                assert_eq!(
                    app.execute(document, variables.clone()).await,
                    expected,
                    "{variables}"
                );
            }
        }
    }
}
