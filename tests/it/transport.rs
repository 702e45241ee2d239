//! What comes over HTTP: methods, media types, sizes, statuses, and what is served beside the API.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::both;
use crate::support::builders::partition;
use crate::support::database::TestDatabase;
use crate::support::http::{get, post, send};

both! {
    a_query_may_come_by_get,
    an_answer_to_a_get_that_the_client_has_is_not_sent_again,
    a_mutation_by_get_is_refused,
    another_method_is_refused,
    a_body_of_another_type_is_refused,
    a_body_that_is_not_a_request_is_refused_in_plain_words,
    a_body_that_is_too_large_is_refused,
    a_batch_is_answered_in_order,
    the_accepted_media_type_decides_the_status,
    a_required_variable_that_is_missing_is_named,
    an_input_field_that_is_given_twice_is_named,
    a_query_with_a_nul_character_is_refused_with_the_name_of_the_field,
    the_operation_name_chooses,
    probes_answer,
    the_playground_is_served_by_the_gateway_itself,
}

async fn a_query_may_come_by_get(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    let expected =
        json!({ "data": { "dataset": { "slug": "weather" } }, "extensions": { "cost": { "requested": 2 } } });
    let answer = get(
        &app,
        "/graphql?query=%7Bdataset(by:%7Bslug:%22weather%22%7D)%7Bslug%7D%7D",
    )
    .await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, expected.clone()));
    let uri = "/graphql?query=query%20A($s:String!)%7Bdataset(by:%7Bslug:$s%7D)%7Bslug%7D%7D%20query%20B%7B__typename%7D\
        &variables=%7B%22s%22:%22weather%22%7D&operationName=A";
    let answer = get(&app, uri).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, expected));
    for uri in [
        "/graphql",
        "/graphql?query=",
        "/graphql?query=%7Ba%7D&variables=7",
    ] {
        assert_eq!(
            get(&app, uri).await.refusal(),
            (400, json!("BAD_REQUEST")),
            "{uri}"
        );
    }
}

async fn an_answer_to_a_get_that_the_client_has_is_not_sent_again(database: TestDatabase) {
    let app = App::new(&database).await;
    app.dataset("weather").await;
    app.append("weather", [partition("2020-01-01", "a")]).await;
    let ask = async |query: &str, shown: &str| {
        let request = Request::get(format!("/graphql?query={query}")).header(header::IF_NONE_MATCH, shown);
        send(&app, request.body(Body::empty()).expect("a request")).await
    };
    // { dataset(by: {slug: "weather"}) { manifest { version } } }
    let current = "%7Bdataset(by:%7Bslug:%22weather%22%7D)%7Bmanifest%7Bversion%7D%7D%7D";
    let first = ask(current, "\"x\"").await;
    assert_eq!(first.status, StatusCode::OK);
    let tag = first.header(header::ETAG).to_owned();
    let again = ask(current, &tag).await;
    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(again.header(header::ETAG), tag);
    app.append("weather", [partition("2020-01-02", "b")]).await;
    let changed = ask(current, &tag).await;
    assert_eq!(changed.status, StatusCode::OK);
    assert_ne!(changed.header(header::ETAG), tag);
    // Nothing that comes by POST is kept.
    let answer = post(&app, "application/json", r#"{"query": "{ __typename }"}"#).await;
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
    assert!(!answer.headers.contains_key(header::ETAG));
}

async fn a_mutation_by_get_is_refused(database: TestDatabase) {
    let app = App::new(&database).await;
    let uri = "/graphql?query=mutation%7BcreateDataset(input:%7Bslug:%22weather%22,name:%22w%22%7D)%7Bdataset%7Bslug%7D%7D%7D";
    let before = app.catalog().await;
    let answer = get(&app, uri).await;
    assert_eq!(answer.refusal(), (405, json!("METHOD_NOT_ALLOWED")));
    assert_eq!(answer.header(header::ALLOW), "GET, POST");
    assert_eq!(app.catalog().await, before);
}

async fn another_method_is_refused(database: TestDatabase) {
    let app = App::new(&database).await;
    for method in ["PUT", "DELETE", "PATCH"] {
        let request = Request::builder().method(method).uri("/graphql");
        let answer = send(&app, request.body(Body::empty()).expect("a request")).await;
        assert_eq!(answer.refusal(), (405, json!("METHOD_NOT_ALLOWED")), "{method}");
    }
}

async fn a_body_of_another_type_is_refused(database: TestDatabase) {
    let app = App::new(&database).await;
    let body = r#"{"query": "{ __typename }"}"#;
    for media in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/graphql",
        "application/json; charset=latin1",
    ] {
        let answer = post(&app, media, body).await;
        assert_eq!(
            answer.refusal(),
            (415, json!("UNSUPPORTED_MEDIA_TYPE")),
            "{media}"
        );
    }
    let bare = Request::post("/graphql")
        .body(Body::from(body))
        .expect("a request");
    assert_eq!(
        send(&app, bare).await.refusal(),
        (415, json!("UNSUPPORTED_MEDIA_TYPE"))
    );
    let answer = post(&app, "application/json; charset=utf-8", body).await;
    assert_eq!(answer.json()["data"], json!({ "__typename": "Query" }));
}

async fn a_body_that_is_not_a_request_is_refused_in_plain_words(database: TestDatabase) {
    let app = App::new(&database).await;
    for (body, message) in [
        (
            "{\"query\": ",
            "the body is not JSON: EOF while parsing a value at line 1 column 10",
        ),
        (
            "{} {}",
            "the body is not JSON: trailing characters at line 1 column 4",
        ),
        ("7", "expected a request to be an object"),
        ("{}", "expected the document of the request as `query`"),
        (
            r#"{"query": "{a}", "variables": 7}"#,
            "expected `variables` to be an object",
        ),
    ] {
        let answer = post(&app, "application/json", body).await;
        let expected = json!({ "errors": [{ "message": message, "extensions": { "code": "BAD_REQUEST" } }] });
        assert_eq!(
            (answer.status, answer.json()),
            (StatusCode::BAD_REQUEST, expected),
            "{body}"
        );
    }
    let answer = post(&app, "application/json", vec![0xff, 0xfe]).await;
    let expected = json!({ "errors": [{ "message": "the body is not UTF-8", "extensions": { "code": "BAD_REQUEST" } }] });
    assert_eq!(
        (answer.status, answer.json()),
        (StatusCode::BAD_REQUEST, expected)
    );
}

async fn a_body_that_is_too_large_is_refused(database: TestDatabase) {
    let app = App::new(&database).await;
    let limit = 32 << 20;
    let body = |length: usize| {
        let mut body = br#"{"query": "{ __typename }"}"#.to_vec();
        body.resize(length, b' ');
        body
    };
    let answer = post(&app, "application/json", body(limit + 1)).await;
    assert_eq!(answer.refusal(), (413, json!("PAYLOAD_TOO_LARGE")));
    let answer = post(&app, "application/json", body(limit)).await;
    assert_eq!(answer.status, StatusCode::OK);
}

async fn a_batch_is_answered_in_order(database: TestDatabase) {
    let app = App::new(&database).await;
    let create = "mutation { createDataset(input: { slug: \"weather\", name: \"w\" }) { dataset { slug } } }";
    let read = "{ dataset(by: { slug: \"weather\" }) { slug } }";
    let batch = json!([{ "query": read }, { "query": create }, { "query": "{" }, { "query": read }]);
    let answer = post(&app, "application/json", batch.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK);
    let answers = answer.json();
    assert_eq!(answers[0]["data"], json!({ "dataset": null }));
    assert_eq!(
        answers[1]["data"],
        json!({ "createDataset": { "dataset": { "slug": "weather" } } })
    );
    assert_eq!(
        answers[2]["errors"][0]["extensions"]["code"],
        "GRAPHQL_PARSE_FAILED"
    );
    assert_eq!(answers[2].get("data"), None);
    assert_eq!(answers[3]["data"], json!({ "dataset": { "slug": "weather" } }));
    let many = |count: usize| json!(vec![json!({ "query": "{ __typename }" }); count]).to_string();
    let answer = post(&app, "application/json", many(20)).await;
    assert_eq!(
        (answer.status, answer.json().as_array().map(Vec::len)),
        (StatusCode::OK, Some(20))
    );
    for (body, message) in [
        (many(21), "expected a batch of at most 20 requests, not 21"),
        (many(0), "the batch is empty"),
    ] {
        let answer = post(&app, "application/json", body).await;
        assert_eq!(answer.refusal(), (400, json!("BAD_REQUEST")));
        assert_eq!(answer.json()["errors"][0]["message"], message);
    }
}

async fn the_accepted_media_type_decides_the_status(database: TestDatabase) {
    let app = App::new(&database).await;
    let graphql = "application/graphql-response+json";
    for (accept, query, status, code) in [
        (graphql, "{ __typename }", 200, Value::Null),
        (graphql, "{", 400, json!("GRAPHQL_PARSE_FAILED")),
        (graphql, "{ nothing }", 400, json!("GRAPHQL_VALIDATION_FAILED")),
        (
            graphql,
            "query ($id: ID!) { node(id: $id) { id } }",
            400,
            json!("BAD_USER_INPUT"),
        ),
        ("application/json", "{ __typename }", 200, Value::Null),
        ("application/json", "{", 200, json!("GRAPHQL_PARSE_FAILED")),
        (
            "application/json",
            "{ nothing }",
            200,
            json!("GRAPHQL_VALIDATION_FAILED"),
        ),
    ] {
        let request = Request::post("/graphql")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, accept)
            .body(Body::from(json!({ "query": query }).to_string()))
            .expect("a request");
        let answer = send(&app, request).await;
        assert_eq!(
            answer.header(header::CONTENT_TYPE),
            format!("{accept}; charset=utf-8")
        );
        assert_eq!(answer.status.as_u16(), status, "{accept} {query}");
        let body = answer.json();
        assert_eq!(body["errors"][0]["extensions"]["code"], code, "{accept} {query}");
        assert_eq!(
            body.get("data").is_some(),
            code == Value::Null,
            "{accept} {query}"
        );
    }
}

async fn a_required_variable_that_is_missing_is_named(database: TestDatabase) {
    let app = App::new(&database).await;
    let document =
        "query ($a: ID = \"x\", $wanted: ID!) { node(id: $wanted) { id } nodes(ids: [$a]) { id } }";
    for variables in [json!({}), json!({ "other": 1 }), json!({ "wanted": null })] {
        let error = app.error(document, variables).await;
        assert_eq!(error["message"], "the variable $wanted of type ID! is not given");
        let expected = json!({ "code": "BAD_USER_INPUT", "field": ["wanted"] });
        assert_eq!(error["extensions"], expected);
    }
}

async fn the_operation_name_chooses(database: TestDatabase) {
    let app = App::new(&database).await;
    let document = "query A { a: __typename } query B { b: __typename }";
    let named = async |name: Value| {
        let body = json!({ "query": document, "operationName": name }).to_string();
        post(&app, "application/json", body).await
    };
    assert_eq!(named(json!("A")).await.json()["data"], json!({ "a": "Query" }));
    assert_eq!(named(json!("B")).await.json()["data"], json!({ "b": "Query" }));
    for name in [json!("C"), Value::Null] {
        let answer = named(name).await;
        assert_eq!(answer.refusal(), (200, json!("GRAPHQL_VALIDATION_FAILED")));
    }
}

async fn probes_answer(database: TestDatabase) {
    let app = App::new(&database).await;
    for (uri, text) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let answer = get(&app, uri).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, text));
    }
    app.store.clone().close().await.unwrap();
    assert_eq!(get(&app, "/healthz").await.status, StatusCode::OK);
    let answer = get(&app, "/readyz").await;
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n")
    );
}

async fn the_playground_is_served_by_the_gateway_itself(database: TestDatabase) {
    let app = App::new(&database).await;
    let answer = get(&app, "/graphiql").await;
    let policy = answer.header(header::CONTENT_SECURITY_POLICY);
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self';"),
        "{policy}"
    );
    assert!(!policy.contains("http"), "{policy}");
    assert_eq!(answer.header(header::CONTENT_TYPE), "text/html; charset=utf-8");
    let page = answer.text();
    // A checkout may not have built it.
    if answer.status == StatusCode::NOT_FOUND {
        assert!(
            page.contains("<h1>The playground is not part of this build</h1>"),
            "{page}"
        );
        assert!(page.contains("npm ci"), "{page}");
    } else {
        assert_eq!(answer.status, StatusCode::OK);
        let source = page
            .split("src=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        let source = source.expect("a script");
        let script = get(&app, source).await;
        assert_eq!(script.status, StatusCode::OK, "{source}");
        assert_eq!(
            script.header(header::CONTENT_TYPE),
            "text/javascript; charset=utf-8"
        );
    }
    assert_eq!(
        get(&app, "/graphiql/assets/nothing.js").await.status,
        StatusCode::NOT_FOUND
    );
    let root = get(&app, "/").await;
    assert_eq!(
        (root.status, root.header(header::LOCATION)),
        (StatusCode::TEMPORARY_REDIRECT, "/graphiql")
    );
}

async fn an_input_field_that_is_given_twice_is_named(database: TestDatabase) {
    let app = App::new(&database).await;
    let error = app
        .error("{ dataset(by: { slug: \"a\", slug: \"b\" }) { id } }", json!({}))
        .await;
    assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT");
    assert_eq!(error["extensions"]["field"], json!(["slug"]));
}

async fn a_query_with_a_nul_character_is_refused_with_the_name_of_the_field(database: TestDatabase) {
    let app = App::new(&database).await;
    let document = "query ($by: DatasetRef!) { dataset(by: $by) { id } }";
    let error = app.error(document, json!({ "by": { "slug": "a\0b" } })).await;
    assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT");
    assert_eq!(error["extensions"]["field"], json!(["by", "slug"]));
    let error = app
        .error(r#"{ dataset(by: { slug: "a\u0000b" }) { id } }"#, json!({}))
        .await;
    assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT");
}
