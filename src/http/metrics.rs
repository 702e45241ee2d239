//! `/metrics`: what the gateway counts and times, for Prometheus.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::time::timeout;

use crate::metrics;
use crate::store::Store;

/// How long the database may take to say how far the feed is. The rest is shown without it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the metrics are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exposure {
    /// Beside the API, to whoever can reach it.
    #[default]
    Here,
    /// Elsewhere: see [`metrics_router`](super::metrics_router).
    Elsewhere,
}

/// The route, where it is here.
pub(super) fn shown(exposure: Exposure, store: &Store) -> Router {
    match exposure {
        Exposure::Here => Router::new()
            .route("/metrics", get(show))
            .with_state(store.clone()),
        Exposure::Elsewhere => Router::new(),
    }
}

async fn show(State(store): State<Store>) -> Response {
    match timeout(PATIENCE, store.measure()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(error = %error, "the lag of the feed is not known"),
        Err(_) => tracing::warn!("the lag of the feed is not known: the database is slow to answer"),
    }
    let headers = [(CONTENT_TYPE, metrics::CONTENT_TYPE), (CACHE_CONTROL, "no-store")];
    (headers, store.metrics().text()).into_response()
}
