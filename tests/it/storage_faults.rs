//! What storage can answer other than success, from servers that are made up: denials, overload, silence, and the dialects
//! of storage that no test server here speaks.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::Response;
use futures_util::TryStreamExt;
use serde_json::{Value, json};
use timestore_entity::enums::StorageKind;
use timestore_gateway::storage::{Deleted, Environment, StorageError, TargetFiles};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::support::storage::target;

const SOON: Duration = Duration::from_secs(60);

/// A request: method and target on a line, then the body.
type Seen = Arc<Mutex<Vec<String>>>;

/// A server that gives every request the same answer, and remembers what it was asked.
async fn server(status: u16, headers: &'static [(&str, &str)], body: &'static str) -> (String, Seen) {
    let seen = Seen::default();
    let remembered = Arc::clone(&seen);
    let answer = move |request: Request| async move {
        let (parts, body_sent) = request.into_parts();
        let sent = to_bytes(body_sent, 1 << 20).await.unwrap();
        let line = format!(
            "{} {}\n{}",
            parts.method,
            parts.uri,
            String::from_utf8_lossy(&sent)
        );
        remembered.lock().unwrap().push(line);
        let response = Response::builder().status(status);
        let response = headers
            .iter()
            .fold(response, |response, (name, value)| response.header(*name, *value));
        response.body(Body::from(body)).unwrap()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    (address, seen)
}

fn opened<const N: usize>(
    kind: StorageKind,
    base: &str,
    config: Value,
    variables: [(&str, &str); N],
) -> TargetFiles {
    TargetFiles::open(&target(kind, base, config), &Environment::from_iter(variables)).unwrap()
}

fn s3(endpoint: &str) -> TargetFiles {
    let config = json!({ "endpoint": endpoint, "allowHttp": true, "credentials": "env:LAKE" });
    let variables = [
        ("LAKE_AWS_ACCESS_KEY_ID", "id"),
        ("LAKE_AWS_SECRET_ACCESS_KEY", "hunter2"),
    ];
    opened(StorageKind::S3, "s3://bucket/base", config, variables)
}

fn azure(endpoint: &str) -> TargetFiles {
    let config = json!({ "endpoint": endpoint, "allowHttp": true, "account": "account" });
    opened(
        StorageKind::AzureBlob,
        "az://container/base",
        config,
        [("AZURE_STORAGE_ACCOUNT_KEY", "aHVudGVyMg==")],
    )
}

fn gcs(endpoint: &str) -> TargetFiles {
    let key = json!({
        "gcs_base_url": endpoint, "disable_oauth": true, "client_email": "", "private_key": "", "private_key_id": "",
    });
    opened(
        StorageKind::Gcs,
        "gs://bucket/base",
        json!({ "endpoint": endpoint, "allowHttp": true }),
        [("GOOGLE_SERVICE_ACCOUNT_KEY", &key.to_string())],
    )
}

#[tokio::test]
async fn denials_are_permanent_and_say_why() {
    let body = "<Error><Code>AccessDenied</Code><Message>Not you</Message></Error>";
    let (endpoint, _) = server(403, &[], body).await;
    for files in [s3(&endpoint), gcs(&endpoint)] {
        let error = files.delete("a", SOON).await.unwrap_err();
        assert!(matches!(error, StorageError::Denied(_)), "{error:?}");
        assert!(
            error
                .to_string()
                .ends_with("403 Forbidden: AccessDenied: Not you"),
            "{error}"
        );
        assert!(!error.is_transient());
        let listed = files.list(SOON).try_collect::<Vec<_>>().await.unwrap_err();
        assert!(matches!(listed, StorageError::Denied(_)), "{listed:?}");
        assert!(matches!(
            files.head("a", SOON).await,
            Err(StorageError::Denied(_))
        ));
    }
    let denied = azure(&endpoint).delete("a", SOON).await.unwrap_err();
    assert!(matches!(denied, StorageError::Denied(_)), "{denied:?}");
}

#[tokio::test]
async fn overload_and_absence_can_pass() {
    let (endpoint, seen) = server(503, &[], "<Error><Code>SlowDown</Code></Error>").await;
    let error = s3(&endpoint).delete("a", SOON).await.unwrap_err();
    assert!(matches!(error, StorageError::Unavailable(_)), "{error:?}");
    assert!(error.is_transient());
    assert_eq!(seen.lock().unwrap().len(), 3, "two retries");

    // A port that nobody listens on.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = s3(&endpoint).delete("a", SOON).await.unwrap_err();
    assert!(matches!(error, StorageError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn a_request_that_the_storage_will_never_take_is_permanent() {
    let body =
        "<Error><Code>AuthorizationHeaderMalformed</Code><Message>the region is wrong</Message></Error>";
    let (endpoint, _) = server(400, &[], body).await;
    let error = s3(&endpoint).delete("a", SOON).await.unwrap_err();
    assert!(matches!(error, StorageError::Refused(_)), "{error:?}");
    let (endpoint, _) = server(301, &[], "").await;
    let error = s3(&endpoint).delete("a", SOON).await.unwrap_err();
    assert!(matches!(error, StorageError::Refused(_)), "{error:?}");
}

#[tokio::test]
async fn a_server_that_is_silent_is_left_when_the_time_is_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let files = s3(&format!("http://{}", listener.local_addr().unwrap()));
    let soon = Duration::from_millis(300);
    let silent = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        // Ends when the other side hangs up.
        connection.read_to_end(&mut asked).await.unwrap();
        asked.len()
    });
    assert_eq!(files.delete("a", soon).await, Err(StorageError::Timeout(soon)));
    assert!(silent.await.unwrap() > 0);
}

#[tokio::test]
async fn google_tells_a_missing_file_from_a_missing_bucket() {
    let (endpoint, seen) = server(404, &[], "<Error><Code>NoSuchKey</Code></Error>").await;
    assert_eq!(gcs(&endpoint).delete("a b%#/ü", SOON).await, Ok(Deleted::Missing));
    assert_eq!(
        *seen.lock().unwrap(),
        ["DELETE /bucket/base%2Fa%20b%25%23%2F%C3%BC\n"]
    );
    let (endpoint, _) = server(404, &[], "<Error><Code>NoSuchBucket</Code></Error>").await;
    let error = gcs(&endpoint).delete("a", SOON).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("there is no such bucket or container"),
        "{error}"
    );
    let (endpoint, _) = server(204, &[], "").await;
    assert_eq!(gcs(&endpoint).delete("a", SOON).await, Ok(Deleted::Gone));
}

/// The answer to a batch of one.
macro_rules! azure_part {
    ($status:literal) => {
        concat!(
            "--batch\r\nContent-Type: application/http\r\nContent-ID: 0\r\n\r\nHTTP/1.1 ",
            $status,
            "\r\nx-ms-version: 2020-01-01\r\n\r\n\r\n--batch--\r\n"
        )
    };
}

#[tokio::test]
async fn azure_answers_deletes_in_batches() {
    const MIXED: &[(&str, &str)] = &[("content-type", "multipart/mixed; boundary=batch")];
    let (endpoint, seen) = server(202, MIXED, azure_part!("202 Accepted")).await;
    assert_eq!(azure(&endpoint).delete("a b%#", SOON).await, Ok(Deleted::Gone));
    let asked = seen.lock().unwrap().join("\n");
    assert!(
        asked.contains("DELETE /container/base/a%20b%25%23 HTTP/1.1"),
        "{asked}"
    );

    let (endpoint, _) = server(202, MIXED, azure_part!("404 The specified blob does not exist.")).await;
    assert_eq!(azure(&endpoint).delete("a", SOON).await, Ok(Deleted::Missing));
    let (endpoint, _) = server(
        202,
        MIXED,
        azure_part!("404 The specified container does not exist."),
    )
    .await;
    let error = azure(&endpoint).delete("a", SOON).await.unwrap_err();
    assert!(matches!(error, StorageError::Refused(_)), "{error:?}");
    let (endpoint, _) = server(202, MIXED, azure_part!("403 Not authorised")).await;
    let error = azure(&endpoint).delete("a", SOON).await.unwrap_err();
    assert!(matches!(error, StorageError::Denied(_)), "{error:?}");
}

#[tokio::test]
async fn files_behind_http_can_be_looked_at_and_no_more() {
    let headers: &[(&str, &str)] = &[("last-modified", "Tue, 24 Nov 2026 12:00:00 GMT")];
    let (endpoint, seen) = server(200, headers, "abc").await;
    let files = opened(
        StorageKind::Http,
        &format!("{endpoint}/files/x%20y"),
        json!({}),
        [],
    );
    let found = files.head("a b%#", SOON).await.unwrap().unwrap();
    assert_eq!((found.path.as_str(), found.bytes), ("a b%#", 3));
    assert_eq!(found.modified.to_rfc3339(), "2026-11-24T12:00:00+00:00");
    for error in [
        files.delete("a", SOON).await.unwrap_err(),
        files.list(SOON).try_collect::<Vec<_>>().await.unwrap_err(),
    ] {
        assert!(matches!(error, StorageError::Unsupported(_)), "{error:?}");
        assert!(!error.is_transient());
    }
    assert_eq!(*seen.lock().unwrap(), ["HEAD /files/x%20y/a%20b%25%23\n"]);
}

#[tokio::test]
async fn no_message_holds_a_secret() {
    let config = |endpoint: &str| json!({ "endpoint": endpoint, "allowHttp": true, "account": "account" });
    let signature = "sv=2022-11-02&sig=hunter2";
    for (status, body) in [
        (403, "<Error><Code>AuthenticationFailed</Code></Error>"),
        (500, "no"),
    ] {
        let (endpoint, seen) = server(status, &[], body).await;
        let variables = [("AZURE_STORAGE_SAS_TOKEN", signature)];
        let files = opened(
            StorageKind::AzureBlob,
            "az://c/base",
            config(&endpoint),
            variables,
        );
        let said = [
            files.delete("a", SOON).await.unwrap_err().to_string(),
            files.head("a", SOON).await.unwrap_err().to_string(),
        ];
        assert!(!said.concat().contains("hunter2"), "{said:?}");
        assert!(
            seen.lock().unwrap().concat().contains("hunter2"),
            "the server needs it"
        );
    }
}
