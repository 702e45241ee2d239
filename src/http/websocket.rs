//! `/graphql` by WebSocket: the protocol graphql-transport-ws.

use async_graphql::Data;
use async_graphql::http::{WebSocket as Protocol, WebSocketProtocols, WsMessage};
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, Request};
use axum::http::header::SEC_WEBSOCKET_PROTOCOL;
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt, StreamExt, future};

use super::answer::{Media, Refusal};
use super::{App, identity};
use crate::auth::Requester;
use crate::graphql::Executor;

/// The one protocol that is spoken.
const PROTOCOL: &str = "graphql-transport-ws";

/// Upgrades a request.
pub(super) async fn serve(app: App, request: Request) -> Response {
    let requester = identity::requester(&request);
    let (mut parts, _) = request.into_parts();
    let offered = parts.headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let mut offered = offered
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    if !offered.any(|protocol| protocol.trim() == PROTOCOL) {
        return Media::Json.refusal(&Refusal::bad_request(format!(
            "expected the WebSocket protocol {PROTOCOL}"
        )));
    }
    match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade
            .protocols([PROTOCOL])
            .max_message_size(app.executor.limits().body)
            .on_upgrade(move |socket| speak(socket, app.executor, requester)),
        Err(rejection) => rejection.into_response(),
    }
}

/// Speaks the protocol until either side closes.
async fn speak(socket: WebSocket, executor: Executor, requester: Requester) {
    let mut session = Data::default();
    session.insert(requester);
    let (mut sink, stream) = socket.split();
    let incoming = stream
        .take_while(|message| {
            future::ready(matches!(message, Ok(message) if !matches!(message, Message::Close(_))))
        })
        .filter_map(|message| {
            future::ready(match message {
                Ok(Message::Text(text)) => Some(text.as_bytes().to_vec()),
                Ok(Message::Binary(bytes)) => Some(bytes.to_vec()),
                _ => None,
            })
        });
    let mut outgoing =
        Box::pin(Protocol::new(executor, incoming, WebSocketProtocols::GraphQLWS).connection_data(session));
    while let Some(message) = outgoing.next().await {
        let message = match message {
            WsMessage::Text(text) => Message::Text(text.into()),
            WsMessage::Close(code, reason) => Message::Close(Some(CloseFrame {
                code,
                reason: reason.into(),
            })),
        };
        if sink.send(message).await.is_err() {
            return;
        }
    }
    // A client that is gone need not be told.
    drop(sink.close().await);
}
