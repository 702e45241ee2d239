//! The command line: one file a command, each with a `run` of its own.

mod database;
mod health;
mod lifecycle;
mod migrate;
mod register;
mod retention;
mod schedule;
mod schema;
mod serve;

use clap::{Parser, Subcommand};

use crate::telemetry::LogFormat;

pub use database::DatabaseArgs;

/// The metadata gateway of Timestore: which datasets exist, what their rows look like, and which files make up each version.
#[derive(Debug, Parser)]
#[command(name = "timestore", version, about, max_term_width = 100)]
pub struct Cli {
    /// How log lines look.
    #[arg(
        long,
        global = true,
        env = "TIMESTORE_LOG_FORMAT",
        value_enum,
        default_value_t
    )]
    pub log: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the GraphQL API.
    Serve(serve::ServeArgs),
    /// Apply, take back or inspect the migration steps of the database.
    Migrate(migrate::MigrateArgs),
    /// Print the GraphQL schema.
    Schema,
    /// Read Parquet or DuckDB files and publish them as a dataset.
    Register(Box<register::RegisterCommand>),
    /// Retention, history and the removal of files.
    Lifecycle(lifecycle::LifecycleArgs),
    /// Ask a running gateway whether it is ready.
    Health(health::HealthArgs),
}

impl Cli {
    /// Runs the command.
    pub async fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Serve(args) => serve::run(args).await,
            Command::Migrate(args) => migrate::run(args).await,
            Command::Schema => schema::run(),
            Command::Register(args) => register::run(*args).await,
            Command::Lifecycle(args) => lifecycle::run(args).await,
            Command::Health(args) => health::run(args).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
