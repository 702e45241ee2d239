//! `/graphql/stream`: any operation as server-sent events, in the distinct connections mode of graphql-sse: an event `next` for
//! each response, then `complete`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::Data;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};

use super::answer::{Media, Refusal};
use super::body::Incoming;
use super::{App, operations};

/// How often a silent connection is shown to be alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Serves a request.
pub(super) async fn serve(State(app): State<App>, request: Request) -> Response {
    let media = Media::accepted(request.headers());
    let request = match operations::read(request).await {
        Ok(Incoming::Single(request)) => *request,
        Ok(Incoming::Batch(_)) => return media.refusal(&Refusal::bad_request("expected one request, not a batch")),
        Err(refusal) => return media.refusal(&refusal),
    };
    let responses = app.executor.execute_stream(request, Arc::new(Data::default()));
    let events = responses
        .map(|response| Event::default().event("next").data(serde_json::to_string(&response).unwrap_or_default()))
        .chain(stream::iter([Event::default().event("complete").data("")]))
        .map(Ok::<_, Infallible>);
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
