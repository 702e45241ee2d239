//! Where a gateway shows its metrics.

use std::net::SocketAddr;

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;

use crate::halt::Halt;
use crate::http::{self, Exposure};
use crate::store::Store;

/// Where the metrics are shown.
#[derive(Clone, Debug, Args)]
pub struct MetricsArgs {
    /// Show the metrics on this address instead of beside the API.
    #[arg(long, env = "TIMESTORE_METRICS_LISTEN", value_name = "ADDRESS")]
    metrics_listen: Option<SocketAddr>,
}

impl MetricsArgs {
    /// Whether the API shows them.
    pub fn exposure(&self) -> Exposure {
        match self.metrics_listen {
            Some(_) => Exposure::Elsewhere,
            None => Exposure::Here,
        }
    }

    /// Shows them where they have an address of their own, until told to stop. Fails at once when that cannot be listened on.
    pub async fn serve(&self, store: &Store, halt: &Halt) -> anyhow::Result<()> {
        let Some(address) = self.metrics_listen else {
            return Ok(());
        };
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| format!("{address} cannot be listened on"))?;
        let address = listener.local_addr()?;
        tracing::info!(http.address = %address, "metrics: http://{address}/metrics");
        let (router, halt) = (http::metrics_router(store), halt.clone());
        tokio::spawn(async move {
            let served =
                axum::serve(listener, router).with_graceful_shutdown(async move { halt.told().await });
            if let Err(error) = served.await {
                tracing::error!(error = %error, "the metrics are served no longer");
            }
        });
        Ok(())
    }
}
