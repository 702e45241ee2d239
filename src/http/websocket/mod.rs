//! `/graphql` by WebSocket: the protocol graphql-transport-ws, to the letter of
//! <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>.

mod caller;
mod closing;
mod connection;
mod message;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, Request};
use axum::http::header::SEC_WEBSOCKET_PROTOCOL;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use tracing::{Instrument, Span};

use self::caller::Caller;
use super::address::address;
use super::answer::{Media, Refusal};
use super::connections::Connected;
use super::streams::Operation;
use super::{App, identity};

/// The one protocol that is spoken.
const PROTOCOL: &str = "graphql-transport-ws";

/// How large a message may be, in bytes, of one who shows who they are only in a message.
const UNKNOWN_CALLER: usize = 64 << 10;

/// Upgrades a request.
pub(super) async fn serve(app: &App, request: Request) -> Response {
    let upgrade = identity::known(&request);
    let from = address(&request);
    let connected: Option<Connected> = request.extensions().get().cloned();
    let (mut parts, _) = request.into_parts();
    if !is_offered(&parts.headers) {
        return Media::Json.refusal(&Refusal::bad_request(format!(
            "expected the WebSocket protocol {PROTOCOL}"
        )));
    }
    let socket = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(socket) => socket,
        Err(rejection) => return rejection.into_response(),
    };
    if app.streams.halt.is_told() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let App {
        executor,
        streams,
        identifier,
        ..
    } = app.clone();
    let most = match upgrade {
        Some(_) => executor.limits().message,
        None => executor.limits().message.min(UNKNOWN_CALLER),
    };
    let caller = Caller {
        upgrade,
        identifier: Some(identifier),
    };
    let halt = streams.halt.clone();
    let begin = move |mut request: async_graphql::Request| {
        if let Some(address) = from {
            request.data.insert(address);
        }
        Operation::begin(&executor, request, halt.clone())
    };
    let open = streams.open.token();
    // What is asked for on the connection is part of the trace of the request that began it.
    let span = Span::current();
    socket
        .protocols([PROTOCOL])
        .max_message_size(most)
        .max_frame_size(most)
        .on_upgrade(move |socket| {
            let speaking = async move {
                connection::speak(socket.split(), begin, caller, streams).await;
                drop((open, connected));
            };
            speaking.instrument(span)
        })
}

fn is_offered(headers: &HeaderMap) -> bool {
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    offered
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|protocol| protocol.trim() == PROTOCOL)
}
