//! A span for each SQL statement, made when it has run.

use std::time::{Duration, SystemTime};

use opentelemetry::trace::{Span as _, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{KeyValue, global};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::export::NAME;

/// Records a statement that has just run as a child of the present span, where that is sampled. The text has placeholders in
/// the place of values.
pub fn record(system: &'static str, text: &str, took: Duration, has_failed: bool) {
    let parent = Span::current().context();
    if !parent.span().span_context().is_sampled() {
        return;
    }
    let end = now();
    let (verb, table) = verb_and_table(text);
    let tracer = global::tracer(NAME);
    let mut attributes = vec![
        KeyValue::new("db.system.name", system),
        KeyValue::new("db.operation.name", verb.clone()),
        KeyValue::new("db.query.text", text.to_owned()),
    ];
    attributes.extend(table.map(|table| KeyValue::new("db.collection.name", table.to_owned())));
    let mut span = tracer
        .span_builder(
            format!("{verb} {}", table.unwrap_or_default())
                .trim_end()
                .to_owned(),
        )
        .with_kind(SpanKind::Client)
        .with_start_time(end.checked_sub(took).unwrap_or(end))
        .with_attributes(attributes)
        .start_with_context(&tracer, &parent);
    if has_failed {
        // The database's own words can hold values.
        span.set_status(Status::error("the statement failed"));
    }
    span.end_with_timestamp(end);
}

#[expect(
    clippy::disallowed_methods,
    reason = "spans tell the time of the machine, and nothing depends on it"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

/// The first word, and the first table of the catalog: few names for many statements.
fn verb_and_table(text: &str) -> (String, Option<&str>) {
    let text = text.trim_start();
    let verb = text.split_whitespace().next().unwrap_or_default();
    let named = text
        .split_once("timestore.")
        .or_else(|| text.split_once("\"timestore\".\""));
    let table = named.and_then(|(_, rest)| {
        rest.split(|c: char| !c.is_ascii_lowercase() && c != '_')
            .find(|name| !name.is_empty())
    });
    (verb.to_ascii_lowercase(), table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_named_by_what_it_does_and_to_which_table() {
        for (text, expected) in [
            (
                "select * from timestore.datasets where id = $1",
                ("select", Some("datasets")),
            ),
            (
                "INSERT INTO \"timestore\".\"audit_events\" (\"id\") VALUES ($1)",
                ("insert", Some("audit_events")),
            ),
            (" with a as (select 1) select 2", ("with", None)),
            ("", ("", None)),
        ] {
            let (verb, table) = verb_and_table(text);
            assert_eq!((verb.as_str(), table), expected, "{text}");
        }
    }
}
