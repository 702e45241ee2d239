//! One line of log and a count for each request: no query, no variables, no headers, so no secrets.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::metrics::Metrics;

/// Logs and counts a request once it is answered.
pub(super) async fn requests(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let start = Instant::now();
    let response = next.run(request).await;
    let status = response.status().as_u16();
    metrics.answered(route.as_ref().map(MatchedPath::as_str), status);
    let duration_ms = start.elapsed().as_secs_f64() * 1e3;
    if is_probe(&path) {
        tracing::debug!(http.method = %method, http.path = path, http.status = status, duration_ms, "request");
    } else {
        tracing::info!(http.method = %method, http.path = path, http.status = status, duration_ms, "request");
    }
    response
}

/// Probes come every few seconds, and assets by the dozen.
fn is_probe(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/metrics") || path.starts_with("/graphiql/")
}
