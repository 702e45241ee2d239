use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::{JoinHandle, spawn};

use super::*;

/// Answers one request with `answer`, and returns what was asked.
fn server(answer: String) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let thread = spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut asked = String::new();
        let mut buffer = [0; 4096];
        while !asked.ends_with('}') {
            let read = stream.read(&mut buffer).expect("a request");
            asked.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        stream.write_all(answer.as_bytes()).expect("an answer");
        asked
    });
    (url, thread)
}

fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

async fn ask(answer: String) -> (Result<Value, EndpointError>, String) {
    let (url, thread) = server(answer);
    let endpoint = HttpEndpoint::new(&url, Some("secret")).expect("an endpoint");
    let result = endpoint.execute("query Q { a }", json!({ "b": 1 })).await;
    (result, thread.join().expect("a request"))
}

#[tokio::test]
async fn a_document_is_posted_with_its_variables_and_the_token() {
    let (result, asked) = ask(answer("200 OK", r#"{"data":{"a":1}}"#)).await;
    assert_eq!(result.expect("data"), json!({ "a": 1 }));
    assert!(asked.starts_with("POST /graphql HTTP/1.1"), "{asked}");
    assert!(asked.contains("Bearer secret"), "{asked}");
    let body = asked.split("\r\n\r\n").nth(1).expect("a body");
    let body: Value = serde_json::from_str(body).expect("json");
    assert_eq!(body, json!({ "query": "query Q { a }", "variables": { "b": 1 } }));
}

#[tokio::test]
async fn what_went_wrong_is_told_apart() {
    let (result, _) = ask(answer(
        "401 Unauthorized",
        r#"{"errors":[{"message":"no token","extensions":{"code":"UNAUTHENTICATED"}}]}"#,
    ))
    .await;
    assert_eq!(
        result.expect_err("errors").to_string(),
        "no token (UNAUTHENTICATED)"
    );

    let (result, _) = ask(answer("502 Bad Gateway", "<html>\n  sorry")).await;
    let error = result.expect_err("a status");
    assert!(
        error
            .to_string()
            .ends_with("answered with status 502: <html> sorry"),
        "{error}"
    );
    assert!(error.is_lost());

    let (result, _) = ask(answer("302 Found", "")).await;
    assert!(matches!(result, Err(EndpointError::Status { status: 302, .. })));

    let (result, _) = ask(String::new()).await;
    let error = result.expect_err("no answer");
    assert!(error.is_lost(), "{error}");

    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", free.local_addr().expect("an address"));
    drop(free);
    let endpoint = HttpEndpoint::new(&url, None).expect("an endpoint");
    let error = endpoint
        .execute("query Q { a }", json!({}))
        .await
        .expect_err("refused");
    assert!(
        error.to_string().ends_with("connection refused: is it running?"),
        "{error}"
    );
    assert!(!error.is_lost());
}

#[test]
fn the_path_is_added_where_it_is_missing() {
    let url = |text| HttpEndpoint::new(text, None).map(|endpoint| endpoint.url().to_owned());
    for text in [
        "http://h:1",
        "http://h:1/",
        "http://h:1/graphql",
        "http://h:1/graphql/",
    ] {
        assert_eq!(url(text).expect(text), "http://h:1/graphql");
    }
    assert_eq!(
        url("https://h/timestore").expect("a url"),
        "https://h/timestore/graphql"
    );
    for text in ["", "127.0.0.1:4100", "localhost", "ftp://h", "http://h?x=1"] {
        assert!(matches!(url(text), Err(EndpointError::Url(_))), "{text}");
    }
    let endpoint = HttpEndpoint::new("http://h", Some("secret")).expect("an endpoint");
    assert!(!format!("{endpoint:?}").contains("secret"));
}
