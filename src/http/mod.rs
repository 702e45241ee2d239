//! What comes over HTTP: the graph, its streams, health, and the playground.
//!
//! GraphQL itself is the business of [`Executor`]; here are methods, media types, sizes and statuses.

mod answer;
mod body;
mod health;
mod identity;
mod log;
mod operations;
mod playground;
mod sse;
mod streams;
mod websocket;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Redirect;
use axum::routing::{any, get};

use self::identity::Identifier;
pub use self::identity::{Identity, Strangers};
pub use self::streams::Streams;
use crate::graphql::{Executor, Schema};
use crate::store::Store;

/// What handlers share.
#[derive(Clone)]
struct App {
    executor: Executor,
    store: Store,
    streams: Streams,
}

/// How requests are served.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Who is believed to be whom.
    pub identity: Identity,
    /// How streams are kept.
    pub streams: Streams,
}

/// Everything that is served.
pub fn router(schema: Schema, store: Store, settings: Settings) -> Router {
    let Settings { identity, streams } = settings;
    let identifier = Identifier {
        identity,
        store: store.clone(),
    };
    let app = App {
        executor: Executor::new(schema),
        store,
        streams,
    };
    let graph = Router::new()
        .route("/graphql", any(operations::serve))
        .route("/graphql/stream", any(sse::serve))
        .layer(from_fn_with_state(identifier, identity::identify));
    Router::new()
        .route("/", get(async || Redirect::temporary("/graphiql")))
        .merge(graph)
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/graphiql", get(playground::index))
        .route("/graphiql/", get(async || Redirect::permanent("/graphiql")))
        .route("/graphiql/{*path}", get(playground::file))
        .with_state(app)
        .layer(from_fn(log::requests))
}
