//! A line of log, a count and a span for each request: no query, no variables, no headers, so no secrets.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderName;
use axum::middleware::Next;
use axum::response::Response;
use tracing::field::Empty;
use tracing::{Instrument, Span, error_span};

use super::request_id;
use crate::graphql::error::Code;
use crate::store::Store;
use crate::telemetry::trace;

/// The header that tells a caller which trace its request belongs to.
const TRACE_RESPONSE: HeaderName = HeaderName::from_static("traceresponse");

/// Logs and counts a request once it is answered, and says by which id it was known.
pub(super) async fn requests(State(store): State<Store>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map(MatchedPath::as_str);
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let id = request_id::of(request.headers(), &store);
    let span = begin(&id, &request);
    let start = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    let duration_ms = start.elapsed().as_secs_f64() * 1e3;
    store.metrics().answered(route, status);
    // Of what was no GraphQL request; the executor counts the others.
    if let Some(code) = response.extensions().get::<Code>() {
        store.metrics().failed(code.as_str());
    }
    trace::answered(&span, method.as_str(), route, status);
    span.in_scope(|| {
        if is_probe(&path) {
            tracing::debug!(http.method = %method, http.path = path, http.status = status, duration_ms, "request");
        } else {
            tracing::info!(http.method = %method, http.path = path, http.status = status, duration_ms, "request");
        }
    });
    let headers = response.headers_mut();
    headers.extend(request_id::header(&id).map(|id| (request_id::HEADER, id)));
    headers.extend(trace::response(&span).map(|value| (TRACE_RESPONSE, value)));
    response
}

/// What the log lines of the request have in common. At the highest level, so that no filter keeps a line and drops the id.
fn begin(id: &str, request: &Request) -> Span {
    let span = error_span!("request", request.id = id, trace.id = Empty, otel.kind = "server");
    if let Some(trace) = trace::join(&span, request.headers()) {
        span.record("trace.id", trace);
    }
    span
}

/// Probes come every few seconds, and assets by the dozen.
fn is_probe(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/metrics") || path.starts_with("/graphiql/")
}
