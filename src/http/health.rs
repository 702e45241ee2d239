//! Whether the gateway runs, and whether it can serve.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use tokio::time::timeout;

use super::App;

/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// `/healthz`: the process runs.
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// `/readyz`: the database answers.
pub(super) async fn ready(State(app): State<App>) -> (StatusCode, &'static str) {
    match timeout(PATIENCE, app.store.ping()).await {
        Ok(Ok(())) => (StatusCode::OK, "ready\n"),
        Ok(Err(error)) => {
            tracing::warn!(error = %error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n")
        }
        Err(_) => {
            tracing::warn!("not ready: the database is slow to answer");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the database does not answer in time\n",
            )
        }
    }
}
