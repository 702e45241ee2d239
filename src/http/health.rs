//! Whether the gateway runs, and whether it can serve.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use tokio::time::timeout;

use super::App;
use crate::store::StoreError;
use crate::store::health::Unfit;

/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// `/healthz`: the process runs.
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// `/readyz`: the database answers, and has the tables of this version.
pub(super) async fn ready(State(app): State<Arc<App>>) -> (StatusCode, &'static str) {
    let reason = match timeout(PATIENCE, app.store.fitness()).await {
        Ok(Ok(())) => return (StatusCode::OK, "ready\n"),
        Ok(Err(error)) => {
            tracing::warn!(error = %error, "not ready");
            match error {
                Unfit::Database(StoreError::Unavailable(_)) => "the database does not answer\n",
                Unfit::Database(_) | Unfit::Tables(_) => {
                    "the database has other tables than this version needs\n"
                }
            }
        }
        Err(_) => {
            tracing::warn!("not ready: the database is slow to answer");
            "the database does not answer in time\n"
        }
    };
    (StatusCode::SERVICE_UNAVAILABLE, reason)
}
