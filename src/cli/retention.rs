//! What datasets that have no retention policy keep, for the commands that tell or apply it.

use clap::Args;

use crate::model::duration::IsoDuration;
use crate::model::retention::{self, RetentionDefaults};

/// What applies to datasets that have no retention policy. Without any of these rules, they keep everything.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Datasets without a retention policy")]
pub struct RetentionArgs {
    /// Files whose latest row is older go: an ISO 8601 duration, such as P90D.
    #[arg(long, env = "TIMESTORE_DEFAULT_MAX_AGE", value_name = "DURATION", value_parser = age)]
    default_max_age: Option<IsoDuration>,
    /// The oldest files go until the rest is no larger.
    #[arg(long, env = "TIMESTORE_DEFAULT_MAX_TOTAL_BYTES", value_name = "BYTES", allow_negative_numbers = true,
        value_parser = clap::value_parser!(i64).range(1..))]
    default_max_total_bytes: Option<i64>,
    /// So many of the newest versions are kept.
    #[arg(long, env = "TIMESTORE_DEFAULT_KEEP_VERSIONS", value_name = "N", allow_negative_numbers = true,
        value_parser = clap::value_parser!(i32).range(1..))]
    default_keep_versions: Option<i32>,
    /// Versions older than this may expire.
    #[arg(long, env = "TIMESTORE_DEFAULT_MAX_VERSION_AGE", value_name = "DURATION", value_parser = age)]
    default_max_version_age: Option<IsoDuration>,
    /// How long a file that no version needs any more stays on its target, P1D when nothing is said. Also for policies that do not
    /// say.
    #[arg(long, env = "TIMESTORE_DEFAULT_DELETE_GRACE", value_name = "DURATION", value_parser = grace)]
    default_delete_grace: Option<IsoDuration>,
}

impl RetentionArgs {
    /// The rules.
    pub fn defaults(&self) -> RetentionDefaults {
        RetentionDefaults {
            max_age: self.default_max_age,
            max_total_bytes: self.default_max_total_bytes,
            keep_versions: self.default_keep_versions,
            max_version_age: self.default_max_version_age,
            delete_grace: self.default_delete_grace,
        }
    }
}

pub(super) fn age(text: &str) -> Result<IsoDuration, String> {
    let duration = text.parse()?;
    retention::age(&duration)?;
    Ok(duration)
}

fn grace(text: &str) -> Result<IsoDuration, String> {
    let duration = text.parse()?;
    retention::grace(&duration)?;
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        retention: RetentionArgs,
    }

    fn parse(args: &[&str]) -> Result<RetentionDefaults, clap::Error> {
        let args = ["timestore"].iter().chain(args);
        Command::try_parse_from(args).map(|command| command.retention.defaults())
    }

    #[test]
    fn flags_become_rules() {
        assert_eq!(parse(&[]).unwrap(), RetentionDefaults::default());
        let defaults = parse(&[
            "--default-max-age=P90D",
            "--default-max-total-bytes=9007199254740993",
            "--default-keep-versions=1",
            "--default-max-version-age=P1000Y",
            "--default-delete-grace=PT0S",
        ]);
        let expected = RetentionDefaults {
            max_age: Some(IsoDuration::days(90)),
            max_total_bytes: Some(9_007_199_254_740_993),
            keep_versions: Some(1),
            max_version_age: Some("P1000Y".parse().unwrap()),
            delete_grace: Some(IsoDuration::default()),
        };
        assert_eq!(defaults.unwrap(), expected);
    }

    #[test]
    fn what_is_no_rule_is_refused_with_the_name_of_its_flag() {
        for (flag, wrong) in [
            ("--default-max-age", "PT0S"),
            ("--default-max-age", "90 days"),
            ("--default-max-age", "P1001Y"),
            ("--default-max-total-bytes", "0"),
            ("--default-max-total-bytes", "-1"),
            ("--default-keep-versions", "0"),
            ("--default-keep-versions", "2147483648"),
            ("--default-max-version-age", "PT0S"),
            ("--default-delete-grace", "P1001Y"),
            ("--default-delete-grace", "1"),
        ] {
            let error = parse(&[flag, wrong]).expect_err(wrong).to_string();
            assert!(error.contains(flag) && error.contains(wrong), "{error}");
        }
    }
}
