//! Sends spans to an OpenTelemetry collector, by OTLP over HTTP as JSON.

use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracerProvider, Tracer};
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{FilterFn, Filtered, filter_fn};
use tracing_subscriber::registry::LookupSpan;

/// The name of the instrumentation, and of the service where `OTEL_SERVICE_NAME` says nothing.
pub(super) const NAME: &str = "timestore";

/// How long the collector may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends spans to the collector at `url`, a thread of its own collecting them. Sampling, headers and sizes of batches are read from
/// OpenTelemetry's own variables.
pub(super) fn provider(url: &str) -> anyhow::Result<SdkTracerProvider> {
    // Never the URL itself: it can hold a password.
    let traces = format!("{}/v1/traces", url.trim_end_matches('/'));
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Client::new())
        .with_protocol(Protocol::HttpJson)
        .with_endpoint(traces)
        .build()
        .ok()
        .context("the collector: expected a URL such as http://127.0.0.1:4318")?;
    let resource = Resource::builder();
    let resource = match std::env::var_os("OTEL_SERVICE_NAME") {
        Some(_) => resource,
        None => resource.with_service_name(NAME),
    };
    Ok(SdkTracerProvider::builder()
        .with_resource(resource.build())
        .with_batch_exporter(exporter)
        .build())
}

/// Makes spans of the gateway's own `tracing` spans. Its log lines stay logs.
pub(super) fn layer<S>(provider: &SdkTracerProvider) -> Filtered<OpenTelemetryLayer<S, Tracer>, FilterFn, S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    opentelemetry::global::set_tracer_provider(provider.clone());
    let ours = |metadata: &tracing::Metadata<'_>| {
        metadata.is_span() && metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
    };
    OpenTelemetryLayer::new(provider.tracer(NAME))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_level(false)
        .with_tracked_inactivity(false)
        .with_filter(filter_fn(ours))
}

/// The client that the other commands use, which waits: spans are sent from a thread of their own.
#[derive(Debug)]
struct Client(ureq::Agent);

impl Client {
    fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false);
        Self(config.build().new_agent())
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, mut body) = self.0.run(request.map(|body| body.to_vec()))?.into_parts();
        Ok(Response::from_parts(head, body.read_to_vec()?.into()))
    }
}
