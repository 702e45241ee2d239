//! What the process says of itself: logs, to standard error, and traces, to a collector. Neither holds variables, headers or
//! anything else that could be a secret.

mod export;
mod logs;
mod statement;
pub mod trace;

use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

pub use logs::LogFormat;
pub use statement::record as record_statement;

/// What has begun; finish it before the process ends.
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

/// Starts the logs, and the traces where there is a collector for them.
///
/// # Errors
///
/// When `collector` is no URL.
pub fn init(format: LogFormat, collector: Option<&str>) -> anyhow::Result<Telemetry> {
    let traces = collector.map(export::provider).transpose()?;
    Registry::default()
        .with(traces.as_ref().map(export::layer))
        .with(logs::layer(format))
        .init();
    Ok(Telemetry { traces })
}

impl Telemetry {
    /// Sends what was not sent yet, for a few seconds at the most.
    pub fn finish(self) {
        let Some(traces) = self.traces else { return };
        if let Err(error) = traces.shutdown() {
            tracing::warn!(error = %error, "the last traces could not be sent");
        }
    }
}
