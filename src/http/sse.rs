//! `/graphql/stream`: any operation as server-sent events, in the distinct connections mode of graphql-sse: an event `next` for
//! each response, then `complete`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::Data;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use tokio::time::timeout;

use super::answer::{Media, Refusal};
use super::body::Incoming;
use super::{App, identity, operations};

/// How often a silent connection is shown to be alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Serves a request.
pub(super) async fn serve(State(app): State<App>, request: Request) -> Response {
    let media = Media::accepted(request.headers());
    let requester = identity::requester(&request);
    let request = match operations::read(&app.executor, request).await {
        Ok(Incoming::Single(request)) => request.data(requester),
        Ok(Incoming::Batch(_)) => {
            return media.refusal(&Refusal::bad_request("expected one request, not a batch"));
        }
        Err(refusal) => return media.refusal(&refusal),
    };
    let responses = app.executor.execute_stream(request, Arc::new(Data::default()));
    let next = |response| {
        format!(
            "event: next\ndata: {}\n\n",
            serde_json::to_string(&response).unwrap_or_default()
        )
    };
    // Browsers drop an event without a `data` line; axum's own `Sse` writes none where the data is empty.
    let events = responses
        .map(next)
        .chain(stream::iter(["event: complete\ndata:\n\n".to_owned()]));
    let headers = [
        (CONTENT_TYPE, "text/event-stream; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, Body::from_stream(kept_alive(events))).into_response()
}

/// The same events, with a comment now and then while there are none, so that no proxy takes the connection for dead.
fn kept_alive(
    events: impl Stream<Item = String> + Send + 'static,
) -> impl Stream<Item = Result<String, Infallible>> + Send {
    stream::unfold(Box::pin(events), async |mut events| {
        let event = match timeout(KEEP_ALIVE, events.next()).await {
            Ok(event) => event?,
            Err(_) => ":\n\n".to_owned(),
        };
        Some((Ok(event), events))
    })
}
