//! How the process logs, and where it sends its traces.

use clap::Args;

use crate::telemetry::{self, LogFormat, Telemetry};

/// How the process logs, and where it sends its traces.
#[derive(Clone, Debug, Args)]
pub struct TelemetryArgs {
    /// How log lines look.
    #[arg(
        long,
        global = true,
        env = "TIMESTORE_LOG_FORMAT",
        value_enum,
        default_value_t
    )]
    log: LogFormat,
    /// Send traces to this OpenTelemetry collector, by OTLP over HTTP. Without one there are none.
    #[arg(
        long,
        global = true,
        env = "OTEL_EXPORTER_OTLP_ENDPOINT",
        value_name = "URL",
        hide_env_values = true
    )]
    otlp_endpoint: Option<String>,
}

impl TelemetryArgs {
    /// Starts both.
    pub fn start(&self) -> anyhow::Result<Telemetry> {
        let collector = self.otlp_endpoint.as_deref().filter(|url| !url.is_empty());
        telemetry::init(self.log, collector)
    }
}
