//! `/graphql`: queries and mutations by POST, queries by GET, everything by WebSocket.

use std::sync::Arc;

use async_graphql::Request;
use async_graphql::parser::types::OperationType;
use axum::extract;
use axum::extract::State;
use axum::http::Method;
use axum::http::header::IF_NONE_MATCH;
use axum::response::Response;
use tokio::time::timeout;

use super::address::address;
use super::answer::{Media, Refusal};
use super::body::{self, Incoming};
use super::{App, etag, identity, large, origin, websocket};
use crate::graphql::{Executor, reading};

/// Serves a request.
pub(super) async fn serve(State(app): State<Arc<App>>, request: extract::Request) -> Response {
    let media = Media::accepted(request.headers());
    if origin::is_websocket(request.headers()) {
        return websocket::serve(&app, request).await;
    }
    let may_be_known = matches!(*request.method(), Method::GET | Method::HEAD);
    let shown = request.headers().get(IF_NONE_MATCH).cloned();
    match answer(&app, media, request).await {
        Ok(response) if may_be_known => etag::tagged(response, shown.as_ref()).await,
        Ok(response) => response,
        Err(refusal) => media.refusal(&refusal),
    }
}

async fn answer(app: &App, media: Media, request: extract::Request) -> Result<Response, Refusal> {
    let requester = identity::requester(&request);
    let from = address(&request);
    let from_caller = |mut request: Request| {
        if let Some(address) = from {
            request.data.insert(address);
        }
        request.data(requester.clone())
    };
    match read(app, request).await? {
        Incoming::Single(request) => Ok(media.response(&app.executor.execute(from_caller(*request)).await)),
        Incoming::Batch(requests) => {
            // One after the other: a batch may hold mutations that build on each other.
            let mut responses = Vec::with_capacity(requests.len());
            for mut request in requests {
                reading::follow(&mut request, &responses);
                responses.push(app.executor.execute(from_caller(request)).await);
            }
            Ok(media.responses(&responses))
        }
    }
}

/// Reads what came by POST or GET.
pub(super) async fn read(app: &App, request: extract::Request) -> Result<Incoming, Refusal> {
    let executor = &app.executor;
    let (limits, time) = (executor.limits(), executor.timeout());
    let most = large::most(limits, &identity::requester(&request));
    let (parts, body) = request.into_parts();
    match parts.method {
        Method::POST => {
            let room = timeout(time, app.large.room(most, &parts.headers)).await;
            let room = room.map_err(|_| large::no_room())?;
            let reading = body::read(limits.batch, most, &parts.headers, body);
            let incoming = timeout(time, reading).await.map_err(|_| Refusal::slow())??;
            Ok(room.into_iter().fold(incoming, Incoming::with))
        }
        Method::GET | Method::HEAD => {
            let mut request = body::from_query(&parts.uri)?;
            refuse_changes(executor, &mut request)?;
            Ok(Incoming::Single(Box::new(request)))
        }
        _ => Err(Refusal::method("expected POST, or GET for a query")),
    }
}

/// A link must not change anything when it is followed.
fn refuse_changes(executor: &Executor, request: &mut Request) -> Result<(), Refusal> {
    match executor.prepare(request) {
        Ok(prepared) if prepared.operation == Some(OperationType::Mutation) => {
            Err(Refusal::method("expected a mutation to come by POST"))
        }
        // Execution says what is wrong with it.
        Ok(_) | Err(_) => Ok(()),
    }
}
