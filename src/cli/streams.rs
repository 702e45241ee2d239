//! How a gateway keeps WebSockets and server-sent events.

use std::time::Duration;

use clap::Args;

use super::schedule::length;
use crate::halt::Halt;
use crate::http::Streams;

/// How subscriptions are kept.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Subscriptions")]
pub struct StreamArgs {
    /// How long a client that has opened a WebSocket may take to say `connection_init`: an ISO 8601 duration.
    #[arg(long, env = "TIMESTORE_WEBSOCKET_INIT_TIMEOUT", value_name = "DURATION", default_value = "PT10S",
        value_parser = seconds)]
    websocket_init_timeout: Duration,
    /// How many operations one WebSocket may have under way.
    #[arg(long, env = "TIMESTORE_WEBSOCKET_OPERATIONS", value_name = "N", default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    websocket_operations: u32,
    /// How often a silent stream is shown to be alive.
    #[arg(long, env = "TIMESTORE_STREAM_PING_INTERVAL", value_name = "DURATION", default_value = "PT15S",
        value_parser = seconds)]
    stream_ping_interval: Duration,
    /// How long a client may leave unread what is sent to it, and pings unanswered, before its stream is ended.
    #[arg(long, env = "TIMESTORE_STREAM_PATIENCE", value_name = "DURATION", default_value = "PT1M",
        value_parser = seconds)]
    stream_patience: Duration,
}

impl StreamArgs {
    /// The settings, for streams that end when `halt` tells them.
    pub fn settings(&self, halt: Halt) -> Streams {
        Streams {
            init_timeout: self.websocket_init_timeout,
            ping_interval: self.stream_ping_interval,
            patience: self.stream_patience,
            // At most 10,000.
            max_operations: self.websocket_operations as usize,
            halt,
            ..Streams::default()
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    length(text)?
        .filter(|length| (chrono::Duration::seconds(1)..=chrono::Duration::hours(1)).contains(length))
        .and_then(|length| length.to_std().ok())
        .ok_or_else(|| "expected a second to an hour, such as PT15S".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        streams: StreamArgs,
    }

    fn parse(args: &[&str]) -> Result<Streams, clap::Error> {
        let args = ["timestore"].iter().chain(args);
        Command::try_parse_from(args).map(|command| command.streams.settings(Halt::default()))
    }

    #[test]
    fn flags_become_settings() {
        let (said, meant) = (parse(&[]).unwrap(), Streams::default());
        assert_eq!(said.init_timeout, meant.init_timeout);
        assert_eq!(said.ping_interval, meant.ping_interval);
        assert_eq!(said.patience, meant.patience);
        assert_eq!(said.max_operations, meant.max_operations);
        let said = parse(&[
            "--websocket-init-timeout=PT1S",
            "--websocket-operations=7",
            "--stream-ping-interval=PT1M",
            "--stream-patience=PT1H",
        ])
        .unwrap();
        assert_eq!(said.init_timeout, Duration::from_secs(1));
        assert_eq!(said.max_operations, 7);
        assert_eq!(said.ping_interval, Duration::from_secs(60));
        assert_eq!(said.patience, Duration::from_secs(3600));
    }

    #[test]
    fn what_is_no_setting_is_refused_with_the_name_of_its_flag() {
        for (flag, wrong) in [
            ("--websocket-init-timeout", "PT0.5S"),
            ("--websocket-operations", "0"),
            ("--stream-ping-interval", "15"),
            ("--stream-patience", "PT61M"),
        ] {
            let error = parse(&[&format!("{flag}={wrong}")]).expect_err(wrong).to_string();
            assert!(error.contains(flag) && error.contains(wrong), "{error}");
        }
    }
}
