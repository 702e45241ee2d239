//! How clients connect: with TLS or without, and how long they may take.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use axum_server::tls_rustls::RustlsConfig;
use clap::Args;
use clap::builder::RangedU64ValueParser;

use crate::http::Server;
use crate::model::duration::IsoDuration;
use crate::store::Clock;
use crate::store::clock::SystemClock;

/// How clients connect.
#[derive(Clone, Debug, Args)]
pub struct ConnectionArgs {
    /// Speak TLS with this certificate, and those that vouch for it: a file of PEM. Read again on SIGHUP.
    #[arg(
        long,
        env = "TIMESTORE_TLS_CERTIFICATE",
        value_name = "FILE",
        requires = "tls_key"
    )]
    tls_certificate: Option<PathBuf>,
    /// The key of the certificate: a file of PEM.
    #[arg(
        long,
        env = "TIMESTORE_TLS_KEY",
        value_name = "FILE",
        requires = "tls_certificate"
    )]
    tls_key: Option<PathBuf>,
    /// How long a client may take for the TLS handshake and for the headers of a request, and keep a connection without one: an ISO
    /// 8601 duration, from a second to an hour.
    #[arg(long, env = "TIMESTORE_HEADER_TIMEOUT", value_name = "DURATION", default_value = "PT75S",
        value_parser = header_timeout)]
    header_timeout: Duration,
    /// Connections that are open at once, WebSockets included; more are closed at once. Each takes a file: see `ulimit -n`.
    #[arg(long, env = "TIMESTORE_MAX_CONNECTIONS", value_name = "N", default_value_t = 800,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    max_connections: usize,
}

impl ConnectionArgs {
    /// A server for them.
    pub async fn server(&self) -> anyhow::Result<Server> {
        let tls = match (&self.tls_certificate, &self.tls_key) {
            (Some(certificate), Some(key)) => Some(tls(certificate, key).await?),
            _ => None,
        };
        Ok(Server::new(self.header_timeout, tls, self.max_connections))
    }

    /// How URLs of the server begin.
    pub fn scheme(&self) -> &'static str {
        match self.tls_certificate {
            Some(_) => "https",
            None => "http",
        }
    }
}

async fn tls(certificate: &Path, key: &Path) -> anyhow::Result<RustlsConfig> {
    // It fails where it has been chosen before.
    drop(rustls::crypto::ring::default_provider().install_default());
    let config = RustlsConfig::from_pem_file(certificate, key)
        .await
        .with_context(|| {
            format!(
                "the certificate {} and the key {} cannot be used",
                certificate.display(),
                key.display()
            )
        })?;
    #[cfg(unix)]
    tokio::spawn(reload_on_hangup(
        config.clone(),
        certificate.to_owned(),
        key.to_owned(),
    ));
    Ok(config)
}

/// Reads the files again whenever the process is told to. What cannot be used is left alone.
#[cfg(unix)]
async fn reload_on_hangup(config: RustlsConfig, certificate: PathBuf, key: PathBuf) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        return;
    };
    while hangup.recv().await.is_some() {
        match config.reload_from_pem_file(&certificate, &key).await {
            Ok(()) => tracing::info!("the certificate was read again"),
            Err(error) => {
                tracing::error!(error = %error, "the certificate cannot be used; the last one stays")
            }
        }
    }
}

fn header_timeout(text: &str) -> Result<Duration, String> {
    let duration: IsoDuration = text.parse()?;
    let now = SystemClock.now();
    let length = duration.after(now).and_then(|then| (then - now).to_std().ok());
    length
        .filter(|length| (Duration::from_secs(1)..=Duration::from_secs(3_600)).contains(length))
        .ok_or_else(|| "expected a second to an hour, such as PT75S".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        connections: ConnectionArgs,
    }

    fn parse(args: &[&str]) -> Result<ConnectionArgs, clap::Error> {
        let args = ["timestore"].iter().chain(args);
        Command::try_parse_from(args).map(|command| command.connections)
    }

    #[test]
    fn a_certificate_needs_its_key() {
        assert_eq!(parse(&[]).unwrap().scheme(), "http");
        let both = parse(&["--tls-certificate=a.pem", "--tls-key=b.pem"]).unwrap();
        assert_eq!(both.scheme(), "https");
        for (given, missing) in [
            ("--tls-certificate=a.pem", "--tls-key"),
            ("--tls-key=b.pem", "--tls-certificate"),
        ] {
            let error = parse(&[given]).unwrap_err().to_string();
            assert!(error.contains(missing), "{error}");
        }
    }

    #[test]
    fn what_is_no_timeout_is_refused() {
        for wrong in ["PT0S", "PT2H", "75", "-PT1S"] {
            let error = parse(&[&format!("--header-timeout={wrong}")])
                .unwrap_err()
                .to_string();
            assert!(error.contains("--header-timeout"), "{error}");
        }
    }
}
