//! Logs: to standard error, for people or as JSON, filtered by `TIMESTORE_LOG`.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing::Subscriber;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::Filter;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Pretty,
    /// One JSON object a line.
    Json,
}

/// What is logged unless told otherwise.
const USUAL: &str = "info,sqlx=warn,sea_orm_migration=warn";

/// Writes the logs. What is logged is chosen by `TIMESTORE_LOG` (`info` by default), in the syntax of `tracing`'s `EnvFilter`.
pub(super) fn layer<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let asked = std::env::var("TIMESTORE_LOG").unwrap_or_default();
    let filter = filter(&asked).or_else(|| filter(USUAL));
    let logs = fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Pretty => logs
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .with_filter(filter)
            .boxed(),
        LogFormat::Json => logs
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .with_filter(filter)
            .boxed(),
    }
}

/// What the directives let through; none where they are none. Those that name spans have to be asked each time that a span is entered,
/// which is several times for each request.
fn filter<S>(directives: &str) -> Option<Box<dyn Filter<S> + Send + Sync>>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    if directives.is_empty() {
        return None;
    }
    match directives.parse::<Targets>() {
        Ok(targets) if !directives.contains('[') => Some(Box::new(targets)),
        _ => Some(Box::new(EnvFilter::try_new(directives).ok()?)),
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::Registry;

    use super::*;

    #[test]
    fn what_is_no_filter_is_none() {
        for (directives, expected) in [
            (USUAL, true),
            ("warn", true),
            ("off", true),
            ("timestore_gateway::http=debug,info", true),
            ("[request]=debug", true),
            ("[request{request.id=1}]=trace,warn", true),
            ("", false),
            ("info,sqlx=loud", false),
        ] {
            assert_eq!(filter::<Registry>(directives).is_some(), expected, "{directives}");
        }
    }
}
