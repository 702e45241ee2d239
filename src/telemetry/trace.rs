//! W3C Trace Context: which trace a request belongs to, on its way in and out.

use axum::http::{HeaderMap, HeaderValue};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanContext, Status, TraceContextExt};
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Makes `span` part of the trace that `headers` name by `traceparent`, if they do. Returns the id of its trace, if it is in
/// one: without a collector, that of the caller's.
pub fn join(span: &Span, headers: &HeaderMap) -> Option<String> {
    let parent = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
    let callers = parent.span().span_context().clone();
    if callers.is_valid() {
        // It fails where there is no collector.
        drop(span.set_parent(parent));
    }
    let own = context(span);
    let known = [own, callers].into_iter().find(SpanContext::is_valid);
    known.map(|known| known.trace_id().to_string())
}

/// Says what the request of `span` was, and how it was answered.
pub fn answered(span: &Span, method: &str, route: Option<&str>, status: u16) {
    let context = span.context();
    if !context.span().is_recording() {
        return;
    }
    context.span().update_name(
        format!("{method} {}", route.unwrap_or_default())
            .trim_end()
            .to_owned(),
    );
    span.set_attribute("http.request.method", method.to_owned());
    span.set_attribute("http.response.status_code", i64::from(status));
    if let Some(route) = route {
        span.set_attribute("http.route", route.to_owned());
    }
    if status >= 500 {
        span.set_status(Status::error(""));
    }
}

/// The value of `traceresponse` for what `span` answers, where it is in a trace of ours.
pub fn response(span: &Span) -> Option<HeaderValue> {
    let own = context(span);
    let flags = own.trace_flags().to_u8();
    let value = format!("00-{}-{}-{flags:02x}", own.trace_id(), own.span_id());
    own.is_valid().then(|| HeaderValue::try_from(value).ok())?
}

/// Adds `traceparent` to a request that is sent on behalf of the present span, where that is in a trace of ours.
pub fn propagate(headers: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut HeaderInjector(headers));
}

fn context(span: &Span) -> SpanContext {
    span.context().span().span_context().clone()
}
