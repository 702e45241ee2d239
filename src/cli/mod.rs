//! The command line: one file a command, each with a `run` of its own.

mod capacity;
mod connections;
mod database;
mod doctor;
mod health;
mod http;
mod identity;
mod lifecycle;
mod limits;
mod memory;
mod metrics;
mod migrate;
mod rate;
mod register;
mod replicas;
mod retention;
mod schedule;
mod schema;
mod serve;
mod streams;
mod telemetry;
mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use database::DatabaseArgs;
pub use telemetry::TelemetryArgs;

/// The metadata gateway of Timestore: which datasets exist, what their rows look like, and which files make up each version.
#[derive(Debug, Parser)]
#[command(name = "timestore", version, about, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    telemetry: TelemetryArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the GraphQL API.
    Serve(Box<serve::ServeArgs>),
    /// Apply, take back or inspect the migration steps of the database.
    Migrate(migrate::MigrateArgs),
    /// Print the GraphQL schema.
    Schema(schema::SchemaArgs),
    /// Read Parquet or DuckDB files and publish them as a dataset.
    Register(Box<register::RegisterCommand>),
    /// Retention, history and the removal of files.
    Lifecycle(Box<lifecycle::LifecycleArgs>),
    /// Create, list and revoke the API tokens that callers identify themselves with.
    Token(token::TokenArgs),
    /// Look whether the catalog is sound, and its files are there. Exits with 1 when something was found, and with 2 when it could
    /// not look.
    Doctor(doctor::DoctorArgs),
    /// Ask a running gateway whether it is ready.
    Health(health::HealthArgs),
}

impl Cli {
    /// What the process exits with when the command fails. To `doctor`, 1 means that it found something.
    pub fn failure(&self) -> ExitCode {
        match self.command {
            Command::Doctor(_) => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }

    /// How the process logs, and where it sends its traces.
    pub fn telemetry(&self) -> &TelemetryArgs {
        &self.telemetry
    }

    /// Runs the command, and says what to exit with.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Doctor(args) => return doctor::run(args).await,
            Command::Serve(args) => serve::run(*args).await,
            Command::Migrate(args) => migrate::run(args).await,
            Command::Schema(args) => schema::run(&args),
            Command::Register(args) => register::run(*args).await,
            Command::Lifecycle(args) => lifecycle::run(*args).await,
            Command::Token(args) => token::run(args).await,
            Command::Health(args) => health::run(args).await,
        }?;
        Ok(ExitCode::SUCCESS)
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
