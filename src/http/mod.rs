//! What comes over HTTP: the graph, its streams, health, and the playground.
//!
//! GraphQL itself is the business of [`Executor`]; here are methods, media types, sizes and statuses.

mod address;
mod answer;
mod body;
mod connections;
mod etag;
mod health;
mod identity;
mod large;
mod log;
mod metrics;
mod operations;
mod origin;
mod playground;
mod request_id;
mod server;
mod sse;
mod streams;
mod websocket;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::Redirect;
use axum::routing::{any, get};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

use self::identity::Identifier;
pub use self::identity::{Identity, Strangers};
use self::large::LargeBodies;
pub use self::metrics::Exposure;
pub use self::origin::{Origin, Origins};
pub use self::server::Server;
pub use self::streams::Streams;
use crate::graphql::{Execution, Executor, Schema};
use crate::store::Store;

/// What handlers share.
#[derive(Clone)]
struct App {
    executor: Executor,
    store: Store,
    streams: Streams,
    identifier: Arc<Identifier>,
    large: LargeBodies,
}

/// How requests are served.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Who is believed to be whom.
    pub identity: Identity,
    /// How they are executed.
    pub execution: Execution,
    /// Whose pages may send them from a browser.
    pub origins: Origins,
    /// How streams are kept.
    pub streams: Streams,
    /// Where the metrics are shown.
    pub metrics: Exposure,
}

/// Everything that is served.
pub fn router(schema: Schema, store: Store, settings: Settings) -> Router {
    let Settings {
        identity,
        execution,
        origins,
        streams,
        metrics,
    } = settings;
    let shown = metrics::shown(metrics, &store);
    let logged = store.clone();
    let identifier = Arc::new(Identifier {
        identity,
        store: store.clone(),
    });
    let streams = Streams {
        metrics: store.metrics().clone(),
        ..streams
    };
    let app = Arc::new(App {
        executor: Executor::with(schema, execution),
        store,
        streams,
        identifier: identifier.clone(),
        large: LargeBodies::default(),
    });
    let api = Router::new()
        .route("/graphql", any(operations::serve))
        .route("/graphql/stream", any(sse::serve))
        .layer(from_fn_with_state(identifier, identity::identify))
        .layer(from_fn_with_state(origins.clone(), origin::guard_websockets));
    Router::new()
        .merge(api)
        .route("/", get(async || Redirect::temporary("/graphiql")))
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/graphiql", get(playground::index))
        .route("/graphiql/", get(async || Redirect::permanent("/graphiql")))
        .route("/graphiql/{*path}", get(playground::file))
        .with_state(app)
        .merge(shown)
        .layer(CompressionLayer::new().compress_when(is_worth_compressing()))
        .layer(origins.cors())
        .layer(from_fn_with_state(logged, log::requests))
}

/// `/metrics` by itself, for a port of its own.
pub fn metrics_router(store: &Store) -> Router {
    metrics::shown(Exposure::Here, store)
}

/// Small answers are sent as they are, and events one by one.
fn is_worth_compressing() -> impl Predicate {
    SizeAbove::new(1024)
        .and(NotForContentType::IMAGES)
        .and(NotForContentType::SSE)
        .and(NotForContentType::const_new("font/"))
}
