//! Whether a gateway keeps the lifecycle schedule, and how often; how long what has served is kept.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::retention::age;
use crate::halt::Halt;
use crate::lifecycle::{Memory, Pace, Schedule};
use crate::model::duration::IsoDuration;
use crate::storage::Environment;
use crate::store::clock::SystemClock;
use crate::store::{Clock, Store};

/// How long a gateway leads that says nothing: it says so three times in that time.
const LEASE: Duration = Duration::from_secs(30);

/// How often a gateway looks whether there is something to do.
const POLL: Duration = Duration::from_secs(2);

/// Whether and how often.
#[derive(Clone, Debug, Args)]
pub struct ScheduleArgs {
    /// Apply retention policies, expire history, delete files and clear away on a schedule. Of all gateways of a catalog that do,
    /// one at a time does it.
    #[arg(long, env = "TIMESTORE_LIFECYCLE")]
    lifecycle: bool,
    /// How long after the last runs the next ones begin, from a second to a year: an ISO 8601 duration.
    #[arg(long, env = "TIMESTORE_LIFECYCLE_INTERVAL", value_name = "DURATION", default_value = "PT15M",
        value_parser = interval)]
    lifecycle_interval: chrono::Duration,
    #[command(flatten)]
    pub keep: KeepArgs,
}

/// How long what has served is kept.
#[derive(Clone, Debug, Args)]
pub struct KeepArgs {
    /// How long audit events are kept: an ISO 8601 duration.
    #[arg(long, env = "TIMESTORE_AUDIT_RETENTION", value_name = "DURATION",
        default_value_t = Memory::default().audit_events, value_parser = age)]
    audit_retention: IsoDuration,
    /// How long changes stay in the feed: an ISO 8601 duration. A reader that was away for longer is told to begin anew.
    #[arg(long, env = "TIMESTORE_CHANGE_RETENTION", value_name = "DURATION",
        default_value_t = Memory::default().changes, value_parser = age)]
    change_retention: IsoDuration,
    /// How long after a version has expired its files stay for requests that began before, up to a day: longer than any request
    /// takes. The same for all gateways of a catalog.
    #[arg(long, env = "TIMESTORE_READ_GRACE", value_name = "DURATION", default_value = "PT1M", value_parser = read_grace)]
    pub read_grace: chrono::Duration,
}

impl ScheduleArgs {
    /// Keeps the schedule until it is told to stop; without `--lifecycle`, does nothing.
    pub async fn run(self, store: Store, halt: Halt) {
        if !self.lifecycle {
            return;
        }
        let schedule = Schedule {
            store,
            clock: Arc::new(SystemClock),
            environment: Environment::process(),
            memory: self.keep.memory(),
            name: process_name(),
            pace: Pace {
                interval: self.lifecycle_interval,
                lease: LEASE,
                poll: POLL,
            },
        };
        schedule.keep(&halt).await;
    }
}

impl KeepArgs {
    /// How long records are kept.
    pub fn memory(&self) -> Memory {
        Memory {
            audit_events: self.audit_retention,
            changes: self.change_retention,
        }
    }
}

/// This process, for people: the machine and the process id.
pub fn process_name() -> String {
    let host = std::env::var("HOSTNAME").ok();
    let host = host.or_else(|| std::fs::read_to_string("/etc/hostname").ok());
    let host = host.as_deref().map(str::trim).filter(|host| !host.is_empty());
    format!("{} (process {})", host.unwrap_or("localhost"), std::process::id())
}

/// From one time to the next: a month is as long as the coming one.
fn interval(text: &str) -> Result<chrono::Duration, String> {
    length(text)?
        .filter(|length| (chrono::Duration::seconds(1)..=chrono::Duration::days(366)).contains(length))
        .ok_or_else(|| "expected a second to a year, such as PT15M".to_owned())
}

fn read_grace(text: &str) -> Result<chrono::Duration, String> {
    length(text)?
        .filter(|length| *length <= chrono::Duration::days(1))
        .ok_or_else(|| "expected at most a day, such as PT1M".to_owned())
}

/// The length of a duration from now on.
pub(super) fn length(text: &str) -> Result<Option<chrono::Duration>, String> {
    let duration: IsoDuration = text.parse()?;
    let now = SystemClock.now();
    Ok(duration.after(now).map(|then| then - now))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        schedule: ScheduleArgs,
    }

    fn parse(args: &[&str]) -> Result<ScheduleArgs, clap::Error> {
        let args = ["timestore"].iter().chain(args);
        Command::try_parse_from(args).map(|command| command.schedule)
    }

    #[test]
    fn a_gateway_keeps_no_schedule_unless_told() {
        let args = parse(&[]).unwrap();
        assert!(!args.lifecycle);
        assert_eq!(args.lifecycle_interval, chrono::Duration::minutes(15));
        assert_eq!(args.keep.memory(), Memory::default());
        assert_eq!(args.keep.read_grace, chrono::Duration::minutes(1));
        let args = parse(&[
            "--lifecycle",
            "--lifecycle-interval=PT1H30M",
            "--audit-retention=P30D",
            "--change-retention=P7D",
        ])
        .unwrap();
        assert!(args.lifecycle);
        assert_eq!(args.lifecycle_interval, chrono::Duration::minutes(90));
        let memory = Memory {
            audit_events: IsoDuration::days(30),
            changes: IsoDuration::days(7),
        };
        assert_eq!(args.keep.memory(), memory);
    }

    #[test]
    fn what_is_no_interval_or_age_is_refused_with_the_name_of_its_flag() {
        for (flag, wrong) in [
            ("--lifecycle-interval", "PT0.9S"),
            ("--lifecycle-interval", "P2Y"),
            ("--lifecycle-interval", "15m"),
            ("--audit-retention", "PT0S"),
            ("--audit-retention", "P1001Y"),
            ("--change-retention", "PT0S"),
            ("--read-grace", "P2D"),
            ("--read-grace", "a minute"),
        ] {
            let error = parse(&[&format!("{flag}={wrong}")]).expect_err(wrong).to_string();
            assert!(error.contains(flag) && error.contains(wrong), "{error}");
        }
    }
}
