//! Logs, traces and ids of requests, as a process has them; and that none of it holds a secret.

use serde_json::{Value, json};
use ureq::http::Response;

use crate::support::builders::{partition, slug};
use crate::support::client::document;
use crate::support::collector::{Collector, Span, spans};
use crate::support::database::TestDatabase;
use crate::support::npm::node;
use crate::support::process::{Process, post};

/// The trace of a caller, and the span that its request is sent in.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// Spans are sent at once, so that no test waits for them.
const AT_ONCE: (&str, &str) = ("OTEL_BSP_SCHEDULE_DELAY", "20");

/// Sends a query with these headers.
fn send(gateway: &Process, query: &str, headers: &[(&str, &str)]) -> Response<ureq::Body> {
    let url = format!("http://{}/graphql", gateway.address());
    let request = headers.iter().fold(ureq::post(&url), |request, (name, value)| {
        request.header(*name, *value)
    });
    let request = request.config().http_status_as_error(false).build();
    request.send_json(json!({ "query": query })).unwrap()
}

fn header<'a>(response: &'a Response<ureq::Body>, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

/// Sends a mutation that is granted.
fn grant(gateway: &Process, mutation: &str, input: Value) {
    let answer = post(gateway.address(), &document(mutation), &json!({ "input": input })).unwrap();
    assert_eq!(answer["data"][mutation]["userErrors"], json!([]), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_a_trace_from_its_caller_to_its_statements() {
    let database = TestDatabase::postgres().await;
    let collector = Collector::start().await;
    let gateway = Process::start_in(&database, &["--otlp-endpoint", &collector.url], &[AT_ONCE]);
    let target = json!({ "name": "lake", "kind": "LOCAL", "baseUri": "/lake" });
    grant(&gateway, "upsertStorageTarget", target);
    let weather = json!({ "slug": "weather", "name": "Weather", "defaultStorageTarget": { "name": "lake" } });
    grant(&gateway, "createDataset", weather);
    let query = "query Named { datasets(first: 2) { nodes { slug defaultStorageTarget { name } } } }";
    let traceparent = format!("00-{TRACE}-{PARENT}-01");
    let response = send(&gateway, query, &[("traceparent", &traceparent)]);
    assert!(
        header(&response, "traceresponse").starts_with(&format!("00-{TRACE}-")),
        "{response:?}"
    );
    let ours = collector
        .until(|came| {
            let mut ours = spans(came);
            ours.retain(|span| span.text("traceId") == TRACE);
            // The request ends last, and is sent last.
            ours.iter()
                .any(|span| span.text("parentSpanId") == PARENT)
                .then_some(ours)
        })
        .await;
    let children = |of: &Span| -> Vec<Span> {
        let is_child = |span: &&Span| span.text("parentSpanId") == of.text("spanId");
        ours.iter().filter(is_child).cloned().collect()
    };
    let request = ours
        .iter()
        .find(|span| span.text("parentSpanId") == PARENT)
        .unwrap();
    assert_eq!(request.text("name"), "POST /graphql");
    assert_eq!(
        header(&response, "traceresponse").split('-').nth(2),
        Some(request.text("spanId"))
    );
    let operations = children(request);
    assert_eq!(operations.len(), 1, "{ours:#?}");
    assert_eq!(operations[0].text("name"), "query");
    assert_eq!(operations[0].attribute("graphql.field"), Some("datasets"));
    assert_eq!(operations[0].attribute("graphql.operation.name"), Some("Named"));
    let mut statements: Vec<_> = children(&operations[0]);
    statements.sort_by_key(|statement| statement.text("startTimeUnixNano").to_owned());
    let names: Vec<_> = statements
        .iter()
        .map(|statement| statement.text("name"))
        .collect();
    // The second is a batch.
    assert_eq!(names, ["select datasets", "select storage_targets"], "{ours:#?}");
    assert!(statements[0].attribute("db.query.text").unwrap().contains("$1"));
    assert_eq!(statements[0].attribute("db.system.name"), Some("postgresql"));
    assert_eq!(ours.len(), 4, "{ours:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_streams_do_is_part_of_the_trace_of_their_requests() {
    let database = TestDatabase::sqlite().await;
    let collector = Collector::start().await;
    let gateway = Process::start_in(&database, &["--otlp-endpoint", &collector.url], &[AT_ONCE]);
    let traceparent = format!("00-{TRACE}-{PARENT}-01");
    let url = format!("http://{}/graphql/stream", gateway.address());
    let mut response = ureq::post(&url)
        .header("traceparent", &traceparent)
        .send_json(json!({ "query": "{ viewer { subject } }" }))
        .unwrap();
    assert!(
        response
            .body_mut()
            .read_to_string()
            .unwrap()
            .contains("event: complete")
    );
    let url = format!("ws://{}/graphql", gateway.address());
    node("identify.js", &[&url, &traceparent, ""]);
    let ours = collector
        .until(|came| {
            let mut ours = spans(came);
            ours.retain(|span| span.text("traceId") == TRACE);
            (ours.len() >= 4).then_some(ours)
        })
        .await;
    for name in ["POST /graphql/stream", "GET /graphql"] {
        let request = ours.iter().find(|span| span.text("name") == name);
        let request = request.unwrap_or_else(|| panic!("{ours:#?}"));
        let mut operations = ours
            .iter()
            .filter(|span| span.text("parentSpanId") == request.text("spanId"));
        assert!(
            operations.any(|span| span.text("name") == "query"),
            "{name}: {ours:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_known_by_an_id_in_its_answer_and_its_log_lines() {
    let database = TestDatabase::sqlite().await;
    let gateway = Process::start_with(&database, &["--log", "json"]);
    let traceparent = format!("00-{TRACE}-{PARENT}-01");
    let given = send(
        &gateway,
        "{ nothing }",
        &[("X-Request-Id", "caller-7"), ("traceparent", &traceparent)],
    );
    assert_eq!(header(&given, "x-request-id"), "caller-7");
    assert_eq!(
        header(&given, "traceresponse"),
        "",
        "it makes no trace without a collector"
    );
    let unacceptable = send(&gateway, "{ nothing }", &[("X-Request-Id", "two words")]);
    let made = header(&unacceptable, "x-request-id").to_owned();
    assert!(uuid::Uuid::parse_str(&made).is_ok(), "{made}");
    let other = send(&gateway, "{ nothing }", &[]);
    assert_ne!(header(&other, "x-request-id"), made);
    let lines: Vec<Value> = std::iter::repeat_with(|| gateway.said())
        .map(|lines| {
            lines
                .iter()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect()
        })
        .find(|lines: &Vec<Value>| {
            lines
                .iter()
                .filter(|line| line["http.path"] == "/graphql")
                .count()
                == 3
        })
        .unwrap();
    let of_requests: Vec<_> = lines
        .iter()
        .filter(|line| line["http.path"] == "/graphql")
        .collect();
    assert_eq!(of_requests[0]["span"]["request.id"], "caller-7");
    assert_eq!(of_requests[0]["span"]["trace.id"], TRACE);
    assert_eq!(of_requests[1]["span"]["request.id"], made.as_str());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_in_logs_traces_or_metrics() {
    const SECRETS: [(&str, &str); 4] = [
        ("AWS_ACCESS_KEY_ID", "key-id-that-nobody-may-see"),
        ("AWS_SECRET_ACCESS_KEY", "secret-key-that-nobody-may-see"),
        ("AWS_SESSION_TOKEN", "session-token-that-nobody-may-see"),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "authorization=Bearer collector-token-that-nobody-may-see",
        ),
    ];
    let database = TestDatabase::postgres().await;
    let collector = Collector::start().await;
    let lifecycle = ["--lifecycle", "--lifecycle-interval=PT1S", "--read-grace=PT0S"];
    let arguments = [
        &lifecycle[..],
        &[
            "--default-delete-grace=PT0S",
            "--otlp-endpoint",
            &collector.url,
            "--log",
            "json",
        ],
    ];
    let environment = [&SECRETS[..], &[AT_ONCE, ("TIMESTORE_LOG", "trace")]];
    let gateway = Process::start_in(&database, &arguments.concat(), &environment.concat());
    let bearer = ("Authorization", "Bearer caller-token-that-nobody-may-see");
    let query = "{ datasets(filter: { search: \"literal-that-nobody-may-see\" }) { totalCount } }";
    send(
        &gateway,
        query,
        &[("Cookie", "session=cookie-that-nobody-may-see")],
    );
    // The token counts nowhere, and is not shown for that.
    assert_eq!(send(&gateway, query, &[bearer]).status(), 401);
    let target = json!({
        "name": "lake", "kind": "S3", "baseUri": "s3://bucket/lake",
        "config": { "endpoint": collector.url, "allowHttp": true },
    });
    grant(&gateway, "upsertStorageTarget", target);
    let weather = json!({
        "slug": "weather", "name": "Weather", "description": "value-that-nobody-may-see",
        "defaultStorageTarget": { "name": "lake" },
    });
    grant(&gateway, "createDataset", weather);
    let publish = json!({
        "dataset": slug("weather"), "add": [partition("2020-01-01", "a.parquet")],
        "idempotencyKey": "idempotency-key-that-nobody-may-see",
    });
    grant(&gateway, "publishManifest", publish);
    grant(
        &gateway,
        "deleteDataset",
        json!({ "dataset": slug("weather"), "confirmSlug": "weather" }),
    );
    // The worker deletes the file, with the key of the storage and as part of a trace.
    let delete = collector
        .until(|came| {
            came.iter()
                .find(|came| came.method == "DELETE" && came.path == "/bucket/lake/a.parquet")
                .cloned()
        })
        .await;
    assert!(
        delete.headers["authorization"]
            .to_str()
            .unwrap()
            .contains("key-id-that-nobody-may-see")
    );
    let trace = delete.headers["traceparent"]
        .to_str()
        .unwrap()
        .split('-')
        .nth(1)
        .unwrap()
        .to_owned();
    let run = collector
        .until(|came| {
            spans(came)
                .into_iter()
                .find(|span| span.text("traceId") == trace && span.text("name") == "lifecycle_run")
        })
        .await;
    assert_eq!(run.attribute("run.kind"), Some("removal"));
    let metrics = ureq::get(format!("http://{}/metrics", gateway.address()))
        .call()
        .unwrap()
        .body_mut()
        .read_to_string()
        .unwrap();
    let (logs, came) = (gateway.said().join("\n"), collector.came());
    assert!(gateway.terminate().success());
    let exported: Vec<_> = came.iter().filter(|came| came.path == "/v1/traces").collect();
    assert!(
        exported
            .iter()
            .all(|came| came.headers["authorization"] == "Bearer collector-token-that-nobody-may-see")
    );
    let traces: String = exported.iter().map(|came| came.body.as_str()).collect();
    let (_, password) = database.url().split_once("timestore:").unwrap();
    let (password, _) = password.split_once('@').unwrap();
    for (name, text) in [("logs", &logs), ("traces", &traces), ("metrics", &metrics)] {
        assert!(text.len() > 1_000, "{name} say little: {text}");
        for secret in ["that-nobody-may-see", password] {
            if let Some(found) = text.find(secret) {
                let around = &text[found.saturating_sub(300)..(found + 40).min(text.len())];
                panic!("{name} hold {secret}: {around}");
            }
        }
    }
}
