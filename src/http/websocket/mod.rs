//! `/graphql` by WebSocket: the protocol graphql-transport-ws, to the letter of
//! <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>.

mod closing;
mod connection;
mod message;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, Request};
use axum::http::header::SEC_WEBSOCKET_PROTOCOL;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde_json::{Map, Value};

use self::closing::Closing;
use super::answer::{Media, Refusal};
use super::body::MAX_BODY;
use super::streams::Operation;
use super::{App, identity};
use crate::auth::Requester;

/// The one protocol that is spoken.
const PROTOCOL: &str = "graphql-transport-ws";

/// Upgrades a request.
pub(super) async fn serve(app: App, request: Request) -> Response {
    let requester = identity::requester(&request);
    let (mut parts, _) = request.into_parts();
    if !is_offered(&parts.headers) {
        return Media::Json.refusal(&Refusal::bad_request(format!(
            "expected the WebSocket protocol {PROTOCOL}"
        )));
    }
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    if app.streams.halt.is_told() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let App {
        executor, streams, ..
    } = app;
    let halt = streams.halt.clone();
    let begin = move |request| Operation::begin(&executor, request, halt.clone());
    let open = streams.open.token();
    upgrade
        .protocols([PROTOCOL])
        .max_message_size(MAX_BODY)
        .max_frame_size(MAX_BODY)
        .on_upgrade(async move |socket| {
            connection::speak(socket.split(), begin, requester, streams).await;
            drop(open);
        })
}

fn is_offered(headers: &HeaderMap) -> bool {
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    offered
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|protocol| protocol.trim() == PROTOCOL)
}

/// Who speaks on a connection: the payload of its `connection_init` may say it, for browsers set no headers on a WebSocket.
/// Otherwise it is who asked for the upgrade.
async fn identify(upgrade: Requester, payload: Map<String, Value>) -> Result<Requester, Closing> {
    // Nothing in a payload is a credential yet.
    drop(payload);
    Ok(upgrade)
}
