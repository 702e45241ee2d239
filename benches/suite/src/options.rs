//! What to measure, and where what is measured can be found.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use clap::Parser;

use crate::scale::Scale;

/// Measures a gateway beside hand-written SQL and a gateway in JavaScript. `scripts/benchmark` knows where things are.
#[derive(Debug, Parser)]
pub struct Options {
    /// A small catalog and short rounds: shows that the suite works, not how fast the gateway is.
    #[arg(long)]
    pub quick: bool,
    /// Also a dataset of 10,000,000 files.
    #[arg(long)]
    pub large: bool,
    /// Also the gateway on a SQLite file that is filled in the same way.
    #[arg(long)]
    pub sqlite: bool,
    /// Count instructions instead, on SQLite: valgrind is needed, and nothing else matters to the numbers.
    #[arg(long)]
    pub instructions: bool,
    /// Only workloads whose names contain one of these words.
    #[arg(long, value_delimiter = ',', value_name = "WORDS")]
    pub only: Vec<String>,
    /// Rounds in which everybody has a turn; 2 with --quick, otherwise 7.
    #[arg(long, value_name = "N")]
    pub rounds: Option<u64>,
    /// Seconds of a turn; 1 with --quick, otherwise 4.
    #[arg(long, value_name = "N")]
    pub seconds: Option<u64>,
    /// The gateway.
    #[arg(long, value_name = "PATH")]
    pub gateway: PathBuf,
    /// The directory of the gateway in JavaScript; it is left out where none is named.
    #[arg(long, value_name = "DIR")]
    pub peer: Option<PathBuf>,
    /// PostgreSQL's programs.
    #[arg(long, value_name = "DIR")]
    pub postgres_bin: PathBuf,
    /// The server's URL, without a database.
    #[arg(
        long,
        value_name = "URL",
        env = "TIMESTORE_BENCHMARK_POSTGRES",
        hide_env_values = true
    )]
    pub postgres: String,
    /// The server's process.
    #[arg(long, value_name = "PID")]
    pub postmaster: u32,
    /// Where logs and SQLite's files go.
    #[arg(long, value_name = "DIR")]
    pub work: PathBuf,
}

impl Options {
    /// Whether a workload is wanted.
    pub fn runs(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|word| name.contains(word.as_str()))
    }

    /// How much is filled in.
    pub fn scale(&self) -> Scale {
        if self.quick {
            Scale::quick()
        } else {
            Scale::full(self.large)
        }
    }

    /// In how many rounds everybody has a turn.
    pub fn rounds(&self) -> u64 {
        self.rounds.unwrap_or(if self.quick { 2 } else { 7 })
    }

    /// How long a turn is.
    pub fn turn(&self) -> Duration {
        Duration::from_secs(self.seconds.unwrap_or(if self.quick { 1 } else { 4 }))
    }

    /// Whether the SQLite file is needed.
    pub fn needs_sqlite(&self) -> bool {
        self.sqlite || self.instructions
    }

    /// The gateway as a command, with nothing of this process's settings.
    pub fn gateway(&self) -> Command {
        let mut gateway = Command::new(&self.gateway);
        let settings = std::env::vars().map(|(name, _)| name);
        for name in settings.filter(|name| name.starts_with("TIMESTORE_") || name == "DATABASE_URL") {
            gateway.env_remove(name);
        }
        gateway
    }
}
