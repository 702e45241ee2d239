//! The command line of `timestore register`.
//!
//! Owns flags and their help. What they mean is told by [`RegisterOptions`].

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use timestore_entity::Timestamp;

use super::command::{DEFAULT_BATCH, RegisterOptions};
use super::endpoint::EndpointError;
use super::http_endpoint::HttpEndpoint;

/// Read Parquet or DuckDB files, and publish them as a version of a dataset.
///
/// The files stay where they are. What is known of them (rows, size, time range, columns, statistics, checksum) goes into
/// the catalog. Running it again publishes what is new, and nothing else.
#[derive(Clone, Debug, clap::Args)]
pub struct RegisterArgs {
    /// Files, or directories to search for .parquet and .duckdb files; `key=value` folders become partition keys.
    #[arg(required = true, value_name = "PATHS")]
    pub paths: Vec<PathBuf>,

    /// The dataset's slug; the dataset is made when there is none.
    #[arg(long, value_name = "SLUG")]
    pub dataset: String,

    /// The name of a new dataset [default: its slug].
    #[arg(long)]
    pub name: Option<String>,

    /// The column that places rows in time; Parquet files need it.
    #[arg(long, value_name = "COLUMN")]
    pub time_column: Option<String>,

    /// The storage target that stands for the directory of the files [default: SLUG-files].
    #[arg(long, value_name = "NAME")]
    pub storage_target: Option<String>,

    /// The directory that the storage target stands for [default: the one that all files have in common].
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,

    /// Replace files that are registered with another content.
    #[arg(long)]
    pub replace: bool,

    /// How many rows a DuckDB file has, which it does not tell without DuckDB.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    pub rows: Option<i64>,

    /// The time of the earliest row of a DuckDB file, such as 2012-01-01T00:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub start: Option<Timestamp>,

    /// The time of the latest row of a DuckDB file.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub end: Option<Timestamp>,

    /// A running gateway, such as http://127.0.0.1:4100 [default: work on the database directly].
    #[arg(long, value_name = "URL")]
    pub gateway: Option<String>,

    /// The token to show to the gateway.
    #[arg(long, env = "TIMESTORE_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
}

impl RegisterArgs {
    /// What to register, and how.
    pub fn options(&self) -> RegisterOptions {
        RegisterOptions {
            paths: self.paths.clone(),
            dataset: self.dataset.clone(),
            name: self.name.clone(),
            time_column: self.time_column.clone(),
            storage_target: self.storage_target.clone(),
            root: self.root.clone(),
            replace: self.replace,
            rows: self.rows,
            start: self.start,
            end: self.end,
            batch: DEFAULT_BATCH,
        }
    }

    /// The running gateway, where one is named.
    ///
    /// # Errors
    ///
    /// When its URL is none.
    pub fn endpoint(&self) -> Result<Option<HttpEndpoint>, EndpointError> {
        let token = self.token.as_deref().filter(|token| !token.is_empty());
        self.gateway
            .as_deref()
            .map(|url| HttpEndpoint::new(url, token))
            .transpose()
    }
}

fn time(text: &str) -> Result<Timestamp, String> {
    match DateTime::parse_from_rfc3339(text) {
        Ok(time) => Ok(time.with_timezone(&Utc)),
        Err(_) => Err("expected an RFC 3339 time such as 2012-01-01T00:00:00Z".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        args: RegisterArgs,
    }

    fn parsed(line: &str) -> Result<RegisterArgs, clap::Error> {
        Command::try_parse_from(line.split(' ')).map(|command| command.args)
    }

    #[test]
    fn flags_become_options() {
        let args = parsed(
            "register a b --dataset d --time-column t --replace --rows 7 --start 2012-01-01T01:00:00+01:00 \
             --gateway http://127.0.0.1:4100",
        )
        .expect("options");
        let options = args.options();
        assert_eq!(options.paths, [PathBuf::from("a"), PathBuf::from("b")]);
        assert_eq!(
            (options.dataset.as_str(), options.replace, options.rows),
            ("d", true, Some(7))
        );
        let start = options.start.expect("a start").to_rfc3339();
        assert_eq!(start, "2012-01-01T00:00:00+00:00");
        let endpoint = args.endpoint().expect("a url").expect("an endpoint");
        assert_eq!(endpoint.url(), "http://127.0.0.1:4100/graphql");
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (line, told) in [
            ("register --dataset d", "PATHS"),
            ("register a", "--dataset"),
            ("register a --dataset d --rows 0", "--rows"),
            ("register a --dataset d --end 2012-01-01", "RFC 3339"),
        ] {
            let error = parsed(line).expect_err(line).to_string();
            assert!(error.contains(told), "{error}");
        }
        let args = parsed("register a --dataset d --gateway 127.0.0.1").expect("options");
        assert!(args.endpoint().is_err());
    }
}
