//! `timestore migrate`: applies, takes back and inspects the migration steps.

use clap::{Args, Subcommand, ValueEnum};
use sea_orm::DbBackend;
use timestore_migration::{Direction, script};

use super::DatabaseArgs;

/// What to do with the steps.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(subcommand)]
    command: MigrateCommand,
}

#[derive(Debug, Subcommand)]
enum MigrateCommand {
    /// Apply pending steps, each in a transaction of its own.
    Up {
        /// Apply so many at the most.
        #[arg(long, value_name = "N")]
        steps: Option<u32>,
    },
    /// Take applied steps back, newest first. Their tables are dropped, with what is in them.
    Down {
        /// Take so many back; 1 unless --all.
        #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "all")]
        steps: u32,
        /// Take all of them back.
        #[arg(long)]
        all: bool,
    },
    /// List the steps, and which are applied.
    Status,
    /// Fail while steps are pending, or when the database has steps that this version does not know.
    Check,
    /// Print the steps as SQL, for a pipeline of your own. Nothing is connected to.
    Sql {
        /// For which database.
        #[arg(long, value_enum, default_value_t)]
        dialect: Dialect,
        /// Print how to take the steps back instead.
        #[arg(long)]
        down: bool,
    },
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Dialect {
    #[default]
    Postgres,
    Sqlite,
}

/// Runs the command.
pub async fn run(args: MigrateArgs) -> anyhow::Result<()> {
    match args.command {
        MigrateCommand::Up { steps } => {
            let applied = args.database.migrator().await?.up(steps).await?;
            println!("{applied} step(s) applied");
        }
        MigrateCommand::Down { steps, all } => {
            let taken_back = args
                .database
                .migrator()
                .await?
                .down((!all).then_some(steps))
                .await?;
            println!("{taken_back} step(s) taken back");
        }
        MigrateCommand::Status => {
            for step in args.database.migrator().await?.status().await? {
                println!(
                    "{:<8} {}",
                    if step.applied { "applied" } else { "pending" },
                    step.name
                );
            }
        }
        MigrateCommand::Check => {
            args.database.migrator().await?.check().await?;
            println!("up to date");
        }
        MigrateCommand::Sql { dialect, down } => {
            let backend = match dialect {
                Dialect::Postgres => DbBackend::Postgres,
                Dialect::Sqlite => DbBackend::Sqlite,
            };
            print!(
                "{}",
                script(backend, if down { Direction::Down } else { Direction::Up })
            );
        }
    }
    Ok(())
}
