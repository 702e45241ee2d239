//! A server that takes whatever comes: the spans of a gateway as an OpenTelemetry collector, deletes as an object storage.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

/// How long what is expected may take to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came.
#[derive(Clone, Debug)]
pub struct Came {
    /// How.
    pub method: Method,
    /// Where to.
    pub path: String,
    /// With which headers.
    pub headers: HeaderMap,
    /// With which text.
    pub body: String,
}

/// A running server.
pub struct Collector {
    /// Its URL.
    pub url: String,
    came: Arc<Mutex<Vec<Came>>>,
}

/// A span, as OTLP has it.
#[derive(Clone, Debug)]
pub struct Span(Value);

impl Collector {
    /// Starts one.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let came = Arc::new(Mutex::new(Vec::new()));
        let all = came.clone();
        let take = async move |request: Request| {
            let (parts, body) = request.into_parts();
            let body = to_bytes(body, usize::MAX).await.unwrap();
            all.lock().unwrap().push(Came {
                method: parts.method,
                path: parts.uri.path().to_owned(),
                headers: parts.headers,
                body: String::from_utf8_lossy(&body).into_owned(),
            });
            (StatusCode::OK, "{}")
        };
        let router = Router::new().fallback(take);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, came }
    }

    /// All that came so far.
    pub fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }

    /// What came, once it is what is expected.
    pub async fn until<T>(&self, expected: impl Fn(&[Came]) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(found) = expected(&self.came()) {
                return found;
            }
            assert!(start.elapsed() < PATIENCE, "{:#?}", self.came());
            tokio::task::yield_now().await;
        }
    }
}

/// The spans among what came.
pub fn spans(came: &[Came]) -> Vec<Span> {
    let mut spans = Vec::new();
    for traces in came.iter().filter(|came| came.path == "/v1/traces") {
        let traces: Value = serde_json::from_str(&traces.body).unwrap();
        for resource in traces["resourceSpans"].as_array().unwrap() {
            for scope in resource["scopeSpans"].as_array().unwrap() {
                spans.extend(scope["spans"].as_array().unwrap().iter().cloned().map(Span));
            }
        }
    }
    spans
}

impl Span {
    /// A text of it, such as `name`, `traceId`, `spanId` or `parentSpanId`.
    pub fn text(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap_or_default()
    }

    /// An attribute that is a text.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        let attributes = self.0["attributes"].as_array()?;
        let found = attributes.iter().find(|attribute| attribute["key"] == key)?;
        found["value"]["stringValue"].as_str()
    }
}
