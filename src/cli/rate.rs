//! How much each caller may ask for.

use std::num::NonZeroU32;

use clap::Args;

use crate::graphql::rate::Rate;

/// How much each caller may ask for.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Rate limit")]
pub struct RateArgs {
    /// What each caller may spend in a minute, in units of `--max-complexity`. Without it there is no limit.
    #[arg(long, env = "TIMESTORE_RATE_LIMIT", value_name = "COST")]
    rate_limit: Option<NonZeroU32>,
    /// What a caller that was silent may spend at once; as much as in a minute when nothing is said.
    #[arg(
        long,
        env = "TIMESTORE_RATE_BURST",
        value_name = "COST",
        requires = "rate_limit"
    )]
    rate_burst: Option<NonZeroU32>,
}

impl RateArgs {
    /// The rate, if there is one.
    pub fn rate(&self) -> Option<Rate> {
        self.rate_limit.map(|per_minute| Rate {
            per_minute,
            burst: self.rate_burst.unwrap_or(per_minute),
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        rate: RateArgs,
    }

    fn parse(args: &[&str]) -> Result<Option<(u32, u32)>, clap::Error> {
        let args = ["timestore"].iter().chain(args);
        let rate = Command::try_parse_from(args)?.rate.rate();
        Ok(rate.map(|rate| (rate.per_minute.get(), rate.burst.get())))
    }

    #[test]
    fn there_is_no_limit_unless_told() {
        assert_eq!(parse(&[]).unwrap(), None);
        assert_eq!(parse(&["--rate-limit=600"]).unwrap(), Some((600, 600)));
        assert_eq!(
            parse(&["--rate-limit=600", "--rate-burst=50"]).unwrap(),
            Some((600, 50))
        );
        for wrong in [&["--rate-limit=0"][..], &["--rate-burst=50"]] {
            let error = parse(wrong).expect_err(wrong[0]).to_string();
            assert!(error.contains("--rate-limit"), "{error}");
        }
    }
}
