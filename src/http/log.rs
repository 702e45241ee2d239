//! One line of log for each request: no query, no variables, no headers, so no secrets.

use std::time::Instant;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

/// Logs a request once it is answered.
pub(super) async fn requests(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let start = Instant::now();
    let response = next.run(request).await;
    let status = response.status().as_u16();
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
    matches!(path, "/healthz" | "/readyz") || path.starts_with("/graphiql/")
}
