//! `timestore health`: asks a running gateway whether it is ready; for containers, which have no other client.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use ureq::tls::TlsConfig;

/// Which gateway.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// The gateway. When omitted, the one of this machine that listens where `--listen` says.
    #[arg(long)]
    url: Option<String>,
    /// Where the gateway of this machine listens.
    #[arg(
        long,
        env = "TIMESTORE_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:4100"
    )]
    listen: SocketAddr,
    /// The certificate of the gateway of this machine, where it speaks TLS. Any certificate is accepted from it: it is asked by its
    /// address, and told nothing.
    #[arg(long, env = "TIMESTORE_TLS_CERTIFICATE", value_name = "FILE")]
    tls_certificate: Option<PathBuf>,
}

impl HealthArgs {
    /// The gateway to ask, and whether its certificate must be one that is trusted for its name.
    fn gateway(&self) -> (String, bool) {
        match (&self.url, &self.tls_certificate) {
            (Some(url), _) => (url.trim_end_matches('/').to_owned(), true),
            (None, None) => (format!("http://{}", reachable(self.listen)), true),
            (None, Some(_)) => (format!("https://{}", reachable(self.listen)), false),
        }
    }
}

/// An address by which a listener on this machine can be reached.
fn reachable(mut listener: SocketAddr) -> SocketAddr {
    if listener.ip().is_unspecified() {
        listener.set_ip(match listener {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    listener
}

/// Fails unless the gateway is ready.
pub async fn run(args: HealthArgs) -> anyhow::Result<()> {
    let (gateway, is_verified) = args.gateway();
    let url = format!("{gateway}/readyz");
    let ask = move || {
        let tls = TlsConfig::builder().disable_verification(!is_verified);
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(5)))
            .tls_config(tls.build())
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        health: HealthArgs,
    }

    #[test]
    fn the_gateway_of_this_machine_is_reached_however_it_listens() {
        for (args, gateway, is_verified) in [
            (&["--listen=0.0.0.0:4100"][..], "http://127.0.0.1:4100", true),
            (
                &["--listen=[::]:80", "--tls-certificate=a.pem"],
                "https://[::1]:80",
                false,
            ),
            (
                &["--listen=10.0.0.7:4100", "--tls-certificate=a.pem"],
                "https://10.0.0.7:4100",
                false,
            ),
            (
                &["--url=https://a.example/", "--tls-certificate=a.pem"],
                "https://a.example",
                true,
            ),
        ] {
            let args = ["timestore"].iter().chain(args);
            let health = Command::try_parse_from(args).unwrap().health;
            assert_eq!(health.gateway(), (gateway.to_owned(), is_verified));
        }
    }
}
