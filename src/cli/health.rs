//! `timestore health`: asks a running gateway whether it is ready; for containers, which have no other client.

use std::time::Duration;

use anyhow::Context;
use clap::Args;

/// Which gateway.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// The gateway.
    #[arg(long, default_value = "http://127.0.0.1:4100")]
    url: String,
}

/// Fails unless the gateway is ready.
pub async fn run(args: HealthArgs) -> anyhow::Result<()> {
    let url = format!("{}/readyz", args.url.trim_end_matches('/'));
    let ask = move || {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(5)))
            .build()
            .new_agent();
        agent
            .get(&url)
            .call()
            .map(drop)
            .with_context(|| format!("{url} does not say that it is ready"))
    };
    tokio::task::spawn_blocking(ask).await?
}
