//! Which database a command works on, and how it is opened.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use timestore_migration::Migrator;

use super::replicas::ReplicaArgs;
use crate::store::Store;
use crate::store::backend::{self, Database};
use crate::store::clock::SystemClock;

/// The name of the database file in the data directory.
const FILE: &str = "timestore.db";

/// Which database.
#[derive(Clone, Debug, Args)]
pub struct DatabaseArgs {
    /// The database: `postgres://user@host/database`, or `sqlite:PATH`. Where neither this nor `DATABASE_URL` is set, a SQLite
    /// file in the data directory.
    #[arg(
        long,
        global = true,
        env = "TIMESTORE_DATABASE_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub database_url: Option<String>,
    /// The directory of the embedded database.
    #[arg(
        long,
        global = true,
        env = "TIMESTORE_DATA_DIR",
        value_name = "DIR",
        default_value = "data"
    )]
    pub data_dir: PathBuf,
    /// How many connections to the database are kept at the most.
    #[arg(long, global = true, env = "TIMESTORE_DATABASE_CONNECTIONS", value_name = "N", default_value_t = 16,
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub database_connections: u32,
}

impl DatabaseArgs {
    /// The database that is meant.
    pub fn database(&self) -> anyhow::Result<Database> {
        let url = self
            .database_url
            .clone()
            .or_else(|| std::env::var("DATABASE_URL").ok());
        match url.filter(|url| !url.is_empty()) {
            Some(url) => url
                .parse()
                .map_err(|message: String| anyhow::anyhow!("the database URL: {message}")),
            None => Ok(Database::Sqlite(self.data_dir.join(FILE))),
        }
    }

    /// A migrator of the database; for SQLite, makes the directory of the file.
    pub async fn migrator(&self) -> anyhow::Result<Migrator> {
        let database = self.database()?;
        if let Database::Sqlite(path) = &database
            && let Some(directory) = path
                .parent()
                .filter(|directory| !directory.as_os_str().is_empty())
        {
            let context = || format!("the data directory {} cannot be made", directory.display());
            tokio::fs::create_dir_all(directory).await.with_context(context)?;
        }
        backend::probe(&database)
            .await
            .map_err(|reason| anyhow::anyhow!("{} cannot be reached: {reason}", describe(&database)))?;
        let url = backend::migration_url(&database);
        Migrator::connect(&url)
            .await
            .with_context(|| format!("{} cannot be opened", describe(&database)))
    }

    /// Opens the catalog, after migrating it where `migrate` says so or the database is embedded; otherwise its tables must be
    /// up to date.
    pub async fn open(&self, migrate: bool) -> anyhow::Result<Store> {
        self.open_with(migrate, None).await
    }

    /// The same, where queries may be answered by replicas.
    pub async fn open_with(&self, migrate: bool, replicas: Option<&ReplicaArgs>) -> anyhow::Result<Store> {
        let database = self.database()?;
        let migrator = self.migrator().await?;
        if migrate || matches!(database, Database::Sqlite(_)) {
            migrator.up(None).await?;
        } else {
            migrator.check().await?;
        }
        migrator.close().await?;
        self.connect(&database, replicas).await
    }

    /// Opens the catalog without making or migrating anything: its tables must be up to date.
    pub async fn open_as_it_is(&self) -> anyhow::Result<Store> {
        let database = self.database()?;
        if let Database::Sqlite(path) = &database
            && !tokio::fs::try_exists(path).await?
        {
            bail!("{} is not there", describe(&database));
        }
        let migrator = self.migrator().await?;
        migrator.check().await?;
        migrator.close().await?;
        self.connect(&database, None).await
    }

    async fn connect(&self, database: &Database, replicas: Option<&ReplicaArgs>) -> anyhow::Result<Store> {
        let connections = backend::connect(database, self.database_connections).await;
        let mut connections =
            connections.with_context(|| format!("{} cannot be opened", describe(database)))?;
        if let Some(replicas) = replicas {
            replicas.add(database, &mut connections).await?;
        }
        Ok(Store::new(connections, Arc::new(SystemClock)))
    }
}

/// The database for people: no user, no password.
pub fn describe(database: &Database) -> String {
    match database {
        Database::Sqlite(path) => format!("the SQLite file {}", path.display()),
        Database::Postgres(url) => {
            let host = url
                .rsplit_once('@')
                .map_or_else(|| url.split("://").nth(1).unwrap_or_default(), |(_, host)| host);
            format!("PostgreSQL at {}", host.split('?').next().unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_shows_neither_user_nor_password() {
        let database =
            Database::Postgres("postgres://ann:secret@db.example/catalog?sslmode=require".to_owned());
        assert_eq!(describe(&database), "PostgreSQL at db.example/catalog");
        let database = Database::Postgres("postgres://localhost/catalog".to_owned());
        assert_eq!(describe(&database), "PostgreSQL at localhost/catalog");
    }
}
