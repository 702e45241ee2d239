//! `/graphql/stream`: any operation as server-sent events, in the distinct connections mode of graphql-sse: an event `next` for
//! each response, then `complete`. See <https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md>.
//!
//! An HTTP request that is no GraphQL request is answered with a status and JSON, as elsewhere. What is wrong with the document
//! is told in the stream, where a client that reads only events finds it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::ServerError;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::time::timeout;
use tracing::Instrument;

use super::address::address;
use super::answer::{Media, Refusal};
use super::body::Incoming;
use super::streams::{Operation, QUEUE, Step, Streams};
use super::{App, identity, operations};
use crate::graphql::error::{Code, Error};
use crate::graphql::plain::json::to_json;

/// Browsers drop an event without a `data` line; axum's own `Sse` writes none where the data is empty.
const COMPLETE: &str = "event: complete\ndata:\n\n";

/// Keeps nginx from holding events back.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Serves a request.
pub(super) async fn serve(State(app): State<Arc<App>>, request: Request) -> Response {
    let media = Media::accepted(request.headers());
    let requester = identity::requester(&request);
    let from = address(&request);
    if !accepts_events(request.headers()) {
        return media.refusal(&Refusal::not_acceptable("text/event-stream"));
    }
    let request = match operations::read(&app, request).await {
        Ok(Incoming::Single(mut request)) => {
            if let Some(address) = from {
                request.data.insert(address);
            }
            request.data(requester)
        }
        Ok(Incoming::Batch(_)) => {
            return media.refusal(&Refusal::bad_request("expected one request, not a batch"));
        }
        Err(refusal) => return media.refusal(&refusal),
    };
    let operation = Operation::begin(&app.executor, request, app.streams.halt.clone());
    let headers = [
        (CONTENT_TYPE, "text/event-stream; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (UNBUFFERED, "no"),
    ];
    let events = kept_alive(events(operation, &app.streams), app.streams.ping_interval);
    (headers, Body::from_stream(events)).into_response()
}

/// Whether a client reads events; one that does not say reads anything.
fn accepts_events(headers: &HeaderMap) -> bool {
    let ranges = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut ranges = ranges.flat_map(|value| value.split(',')).peekable();
    let accepts = |range: &str| {
        let media = range.split(';').next().unwrap_or_default().trim();
        ["text/event-stream", "text/*", "*/*"]
            .iter()
            .any(|wanted| media.eq_ignore_ascii_case(wanted))
    };
    ranges.peek().is_none() || ranges.any(accepts)
}

/// What an operation comes to, as events. A few wait for a client that is slower; one that reads none of them for too long finds
/// an error after them, while the operation has long ended.
fn events(operation: Operation, settings: &Streams) -> impl Stream<Item = String> + Send + use<> {
    let (outgoing, queue) = mpsc::channel(QUEUE);
    let pumping = tokio::spawn(pump(operation, outgoing, settings.clone()).in_current_span());
    let queued = stream::unfold(queue, async |mut queue| Some((queue.recv().await?, queue)));
    let last = stream::once(async { pumping.await.unwrap_or_default() });
    queued.chain(last)
}

/// Queues events until the operation is over, or nobody reads them; returns what is left to say.
async fn pump(mut operation: Operation, outgoing: mpsc::Sender<String>, settings: Streams) -> String {
    loop {
        let step = tokio::select! {
            step = operation.step() => step,
            () = outgoing.closed() => return String::new(),
        };
        let response = match step {
            Step::Response(response) => response,
            Step::Failed(response) => return failed(&response.errors) + COMPLETE,
            Step::Complete => return COMPLETE.to_owned(),
            // Without `complete`, the client knows that there is more to come, and asks another gateway.
            Step::Halted => return String::new(),
        };
        match outgoing
            .send_timeout(next(&to_json(&response)), settings.patience)
            .await
        {
            Ok(()) => {}
            Err(SendTimeoutError::Closed(_)) => return String::new(),
            Err(SendTimeoutError::Timeout(_)) => {
                settings.metrics.failed(Code::SlowConsumer.as_str());
                return too_slow() + COMPLETE;
            }
        }
    }
}

fn next(json: &[u8]) -> String {
    format!("event: next\ndata: {}\n\n", String::from_utf8_lossy(json))
}

/// A response without `data`, as where nothing was executed.
fn failed(errors: &[ServerError]) -> String {
    next(json!({ "errors": errors }).to_string().as_bytes())
}

fn too_slow() -> String {
    let error = Error::new(
        Code::SlowConsumer,
        "nothing was read for too long; continue after the last cursor",
    );
    failed(&[error.into()])
}

/// The same events, with a comment now and then while there are none, so that no proxy takes the connection for dead.
fn kept_alive(
    events: impl Stream<Item = String> + Send + 'static,
    interval: Duration,
) -> impl Stream<Item = Result<String, Infallible>> + Send {
    stream::unfold(Box::pin(events), move |mut events| async move {
        let event = match timeout(interval, events.next()).await {
            Ok(event) => event?,
            Err(_) => ":\n\n".to_owned(),
        };
        Some((Ok(event), events))
    })
}

#[cfg(test)]
mod tests {
    use async_graphql::{Response, Value};
    use axum::http::HeaderValue;
    use tokio::time::sleep;

    use super::*;

    fn number(n: usize) -> Response {
        Response::new(Value::from(n))
    }

    fn event(n: usize) -> String {
        format!("event: next\ndata: {{\"data\":{n}}}\n\n")
    }

    async fn told(
        responses: impl Stream<Item = Response> + Send + 'static,
        is_subscription: bool,
    ) -> Vec<String> {
        let settings = Streams::default();
        let operation = Operation::new(responses.boxed(), is_subscription, settings.halt.clone());
        events(operation, &settings)
            .filter(|event| std::future::ready(!event.is_empty()))
            .collect()
            .await
    }

    #[tokio::test(start_paused = true)]
    async fn each_response_is_an_event_and_then_it_is_complete() {
        let two = told(stream::iter([number(1), number(2)]), true).await;
        assert_eq!(two, [event(1), event(2), COMPLETE.to_owned()]);
        let failed = Response::from_errors(vec![ServerError::new("no", None)]);
        let failed = told(stream::iter([number(1), failed]), true).await;
        let last = "event: next\ndata: {\"errors\":[{\"message\":\"no\"}]}\n\n";
        assert_eq!(failed, [event(1), format!("{last}{COMPLETE}")]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_consumer_makes_its_operation_wait_and_is_told() {
        let settings = Streams::default();
        let endless = stream::iter(0..).map(number);
        let operation = Operation::new(endless.boxed(), true, settings.halt.clone());
        let events = events(operation, &settings);
        sleep(settings.patience + Duration::from_secs(1)).await;
        let told: Vec<String> = events.collect().await;
        let (last, before) = told.split_last().unwrap();
        let expected: Vec<String> = (0..QUEUE).map(event).collect();
        assert_eq!(before, expected);
        assert!(
            last.contains("SLOW_CONSUMER") && last.ends_with(COMPLETE),
            "{last}"
        );
        let counted = "timestore_errors_total{code=\"SLOW_CONSUMER\"} 1\n";
        assert!(settings.metrics.text().contains(counted));
    }

    #[tokio::test(start_paused = true)]
    async fn a_subscription_ends_incomplete_when_the_gateway_stops() {
        let settings = Streams::default();
        let operation = Operation::new(
            stream::iter([number(1)]).chain(stream::pending()).boxed(),
            true,
            settings.halt.clone(),
        );
        let mut events = Box::pin(events(operation, &settings));
        assert_eq!(events.next().await, Some(event(1)));
        settings.halt.tell();
        assert_eq!(events.next().await.as_deref(), Some(""));
        assert_eq!(events.next().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_stream_is_shown_to_be_alive() {
        let mut kept = Box::pin(kept_alive(stream::pending(), Duration::from_secs(15)));
        for _ in 0..3 {
            assert_eq!(kept.next().await, Some(Ok(":\n\n".to_owned())));
        }
    }

    #[test]
    fn events_are_sent_to_those_who_read_them() {
        for (accept, accepts) in [
            (None, true),
            (Some("text/event-stream"), true),
            (Some("application/json, Text/Event-Stream;q=0.5"), true),
            (Some("*/*"), true),
            (Some("application/json"), false),
        ] {
            let headers = accept.map(|accept| (ACCEPT, HeaderValue::from_static(accept)));
            assert_eq!(
                accepts_events(&headers.into_iter().collect()),
                accepts,
                "{accept:?}"
            );
        }
    }
}
