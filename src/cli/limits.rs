//! What a request may ask for at the most.

use clap::builder::RangedU64ValueParser;
use clap::{ArgAction, Args};

use crate::graphql::limits::{Limits, MAX_DEPTH};

/// What a request may ask for at the most.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Bytes of a request's body.
    #[arg(long, env = "TIMESTORE_MAX_BODY", value_name = "BYTES", default_value_t = Limits::default().body,
        value_parser = at_least_one())]
    max_body: usize,
    /// Bytes of a WebSocket message; of callers who show who they are in a message, at most 65,536.
    #[arg(long, env = "TIMESTORE_MAX_MESSAGE", value_name = "BYTES", default_value_t = Limits::default().message,
        value_parser = at_least_one())]
    max_message: usize,
    /// Bytes of a document.
    #[arg(long, env = "TIMESTORE_MAX_DOCUMENT", value_name = "BYTES", default_value_t = Limits::default().document,
        value_parser = at_least_one())]
    max_document: usize,
    /// Requests of a batch; 1 allows no batches.
    #[arg(long, env = "TIMESTORE_MAX_BATCH", value_name = "N", default_value_t = Limits::default().batch,
        value_parser = at_least_one())]
    max_batch: usize,
    /// Tokens of a document.
    #[arg(long, env = "TIMESTORE_MAX_TOKENS", value_name = "N", default_value_t = Limits::default().tokens,
        value_parser = at_least_one())]
    max_tokens: usize,
    /// Levels of fields, up to 32; to ask for the schema takes 15.
    #[arg(long, env = "TIMESTORE_MAX_DEPTH", value_name = "N", default_value_t = Limits::default().depth,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=MAX_DEPTH as u64))]
    max_depth: usize,
    /// Fields of a document with all its fragments spread.
    #[arg(long, env = "TIMESTORE_MAX_FIELDS", value_name = "N", default_value_t = Limits::default().fields)]
    max_fields: u64,
    /// Fields of the root, with all fragments spread.
    #[arg(long, env = "TIMESTORE_MAX_ROOT_FIELDS", value_name = "N", default_value_t = Limits::default().root_fields)]
    max_root_fields: u64,
    /// Aliases of a document with all its fragments spread.
    #[arg(long, env = "TIMESTORE_MAX_ALIASES", value_name = "N", default_value_t = Limits::default().aliases)]
    max_aliases: u64,
    /// Directives of a document with all its fragments spread.
    #[arg(long, env = "TIMESTORE_MAX_DIRECTIVES", value_name = "N", default_value_t = Limits::default().directives)]
    max_directives: u64,
    /// Fields that an answer may have when every page is full.
    #[arg(long, env = "TIMESTORE_MAX_COMPLEXITY", value_name = "N", default_value_t = Limits::default().complexity)]
    max_complexity: u64,
    /// Whether the schema may be asked for.
    #[arg(long, env = "TIMESTORE_INTROSPECTION", value_name = "BOOL", default_value_t = Limits::default().introspection,
        action = ArgAction::Set)]
    introspection: bool,
}

impl LimitArgs {
    /// The limits.
    pub fn limits(&self) -> Limits {
        Limits {
            body: self.max_body,
            message: self.max_message,
            document: self.max_document,
            batch: self.max_batch,
            tokens: self.max_tokens,
            depth: self.max_depth,
            fields: self.max_fields,
            root_fields: self.max_root_fields,
            aliases: self.max_aliases,
            directives: self.max_directives,
            complexity: self.max_complexity,
            introspection: self.introspection,
        }
    }
}

fn at_least_one() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        limits: LimitArgs,
    }

    fn parse(args: &[&str]) -> Result<Limits, clap::Error> {
        let args = ["timestore"].iter().chain(args);
        Command::try_parse_from(args).map(|command| command.limits.limits())
    }

    #[test]
    fn limits_are_those_of_the_library_unless_told() {
        let limits = parse(&[]).unwrap();
        assert_eq!(format!("{limits:?}"), format!("{:?}", Limits::default()));
        let limits = parse(&["--max-batch=1", "--introspection=false", "--max-complexity=1000"]).unwrap();
        assert_eq!(
            (limits.batch, limits.introspection, limits.complexity),
            (1, false, 1000)
        );
    }

    #[test]
    fn what_is_no_limit_is_refused_with_the_name_of_its_flag() {
        for (flag, wrong) in [
            ("--max-depth", "33"),
            ("--max-batch", "0"),
            ("--max-complexity", "-1"),
            ("--introspection", "maybe"),
        ] {
            let error = parse(&[&format!("{flag}={wrong}")]).expect_err(wrong).to_string();
            assert!(error.contains(flag) && error.contains(wrong), "{error}");
        }
    }
}
