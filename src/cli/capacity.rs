//! How many operations are executed at once, and how long each may take.

use std::time::Duration;

use clap::Args;
use clap::builder::RangedU64ValueParser;

use super::schedule::length;
use crate::graphql::capacity::Capacity;

/// The most operations that a semaphore counts, and far more than any machine executes.
const MOST: u64 = 1_000_000;

/// How many operations at once, and for how long.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Capacity")]
pub struct CapacityArgs {
    /// How long an operation may take, from a millisecond to an hour: an ISO 8601 duration. What the database does for it ends then too.
    #[arg(long, env = "TIMESTORE_REQUEST_TIMEOUT", value_name = "DURATION", default_value = "PT30S", value_parser = request_timeout)]
    request_timeout: Duration,
    /// Operations that are executed at once. Subscriptions do not count.
    #[arg(long, env = "TIMESTORE_MAX_CONCURRENCY", value_name = "N", default_value_t = Capacity::default().concurrency,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=MOST))]
    max_concurrency: usize,
    /// Operations that wait for one of those to end; any more are answered with 503.
    #[arg(long, env = "TIMESTORE_MAX_QUEUE", value_name = "N", default_value_t = Capacity::default().queue,
        value_parser = RangedU64ValueParser::<usize>::new().range(0..=MOST))]
    max_queue: usize,
}

impl CapacityArgs {
    /// The capacity.
    pub fn capacity(&self) -> Capacity {
        Capacity {
            concurrency: self.max_concurrency,
            queue: self.max_queue,
            timeout: self.request_timeout,
        }
    }
}

fn request_timeout(text: &str) -> Result<Duration, String> {
    length(text)?
        .and_then(|length| length.to_std().ok())
        .filter(|length| (Duration::from_millis(1)..=Duration::from_secs(3600)).contains(length))
        .ok_or_else(|| "expected a millisecond to an hour, such as PT30S".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        capacity: CapacityArgs,
    }

    fn parse(args: &[&str]) -> Result<Capacity, clap::Error> {
        let args = ["timestore"].iter().chain(args);
        Command::try_parse_from(args).map(|command| command.capacity.capacity())
    }

    #[test]
    fn the_capacity_is_that_of_the_library_unless_told() {
        let capacity = parse(&[]).unwrap();
        assert_eq!(format!("{capacity:?}"), format!("{:?}", Capacity::default()));
        let capacity = parse(&["--request-timeout=PT1.5S", "--max-concurrency=2", "--max-queue=0"]).unwrap();
        assert_eq!(capacity.timeout, Duration::from_millis(1_500));
        assert_eq!((capacity.concurrency, capacity.queue), (2, 0));
    }

    #[test]
    fn what_is_no_capacity_is_refused_with_the_name_of_its_flag() {
        for (flag, wrong) in [
            ("--request-timeout", "PT0S"),
            ("--request-timeout", "P1D"),
            ("--request-timeout", "30s"),
            ("--max-concurrency", "0"),
            ("--max-queue", "-1"),
        ] {
            let error = parse(&[&format!("{flag}={wrong}")]).expect_err(wrong).to_string();
            assert!(error.contains(flag) && error.contains(wrong), "{error}");
        }
    }
}
