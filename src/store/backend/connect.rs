//! Connections. PostgreSQL: one pool, which relies on no session state. SQLite: one connection that writes and several that
//! read, each with an empty main database and the file attached as `timestore`, so that both speak of `timestore.datasets`.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::abandoned::closing_abandoned;
use super::interrupt::{Flag, ending_reads, ending_writes, watch};
use super::settings::with_settings;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection};
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sea_orm::sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor};
use sea_orm::{ConnectOptions, DatabaseConnection, DbErr, SqlxSqliteConnector};

use super::Connections;

/// How long a request waits for a connection, or for SQLite's write lock.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a request waits for a connection to a replica.
const PROMPT: Duration = Duration::from_secs(1);

/// How long a server may take to answer when a command begins.
const PROBE: Duration = Duration::from_secs(5);

/// A connection that was idle for longer is tried before it is used.
pub(super) const STALE: Duration = Duration::from_secs(15);

/// Which database, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// A PostgreSQL server, by URL.
    Postgres(String),
    /// A SQLite file.
    Sqlite(PathBuf),
}

impl FromStr for Database {
    type Err = String;

    /// From `postgres://…`, `postgresql://…` or `sqlite:PATH`.
    fn from_str(url: &str) -> Result<Self, Self::Err> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(url.to_owned()));
        }
        match url
            .strip_prefix("sqlite://")
            .or_else(|| url.strip_prefix("sqlite:"))
        {
            Some(path) if !path.is_empty() && !path.contains(['?', ':']) => {
                Ok(Self::Sqlite(PathBuf::from(path)))
            }
            _ => Err("expected a URL like postgres://user@host/database, or sqlite:PATH".to_owned()),
        }
    }
}

/// Opens the pools, with up to `size` connections each.
pub async fn connect(database: &Database, size: u32) -> Result<Connections, DbErr> {
    match database {
        Database::Postgres(url) => {
            let mut options = ConnectOptions::new(url);
            options
                .max_connections(size)
                .acquire_timeout(PATIENCE)
                .connect_timeout(PATIENCE)
                .test_before_acquire_if_idle_for(STALE)
                .set_application_name("timestore")
                .map_sqlx_postgres_pool_opts(|options| with_settings(closing_abandoned(options)))
                .sqlx_logging(false);
            let pool = sea_orm::Database::connect(options).await?;
            Ok(Connections::new(pool.clone(), pool))
        }
        Database::Sqlite(path) => Ok(Connections::new(
            sqlite_writer(path).await?,
            sqlite_readers(path, size).await?,
        )),
    }
}

/// Opens the pool of a replica of a PostgreSQL server, with up to `size` connections. It need not be up.
pub async fn connect_replica(database: &Database, size: u32) -> Result<DatabaseConnection, DbErr> {
    let Database::Postgres(url) = database else {
        return Err(DbErr::Custom("only PostgreSQL has replicas".to_owned()));
    };
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(size)
        .connect_lazy(true)
        // Somebody else can answer.
        .acquire_timeout(PROMPT)
        .test_before_acquire_if_idle_for(STALE)
        .set_application_name("timestore")
        .map_sqlx_postgres_pool_opts(|options| with_settings(closing_abandoned(options)))
        .sqlx_logging(false);
    sea_orm::Database::connect(options).await
}

/// Says why a database cannot be reached, where it cannot. A pool would only say, much later, that it timed out.
pub async fn probe(database: &Database) -> Result<(), String> {
    let Database::Postgres(url) = database else {
        return Ok(());
    };
    // What the parser says of a URL repeats it, password and all.
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| "the URL is not of the form postgres://user:password@host:port/database".to_owned())?;
    match tokio::time::timeout(PROBE, PgConnection::connect_with(&options)).await {
        Err(_) => Err(format!("no answer within {} s", PROBE.as_secs())),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(connection)) => connection.close().await.map_err(|error| error.to_string()),
    }
}

/// The URL under which the migrator opens the same database; for SQLite, the file itself.
pub fn migration_url(database: &Database) -> String {
    match database {
        Database::Postgres(url) => url.clone(),
        Database::Sqlite(path) => format!("sqlite://{}", path.display()),
    }
}

/// The connection that writes to a SQLite file.
async fn sqlite_writer(path: &Path) -> Result<DatabaseConnection, DbErr> {
    let flag = Arc::<Flag>::default();
    let options = ending_writes(SqlitePoolOptions::new().max_connections(1), flag.clone());
    sqlite_pool(options, path, false, move || flag.clone()).await
}

/// Up to `size` connections that read a SQLite file.
async fn sqlite_readers(path: &Path, size: u32) -> Result<DatabaseConnection, DbErr> {
    let options = ending_reads(SqlitePoolOptions::new().max_connections(size));
    sqlite_pool(options, path, true, Flag::present).await
}

/// A pool whose new connections end what is abandoned as their `flag` says.
async fn sqlite_pool(
    options: SqlitePoolOptions,
    path: &Path,
    read_only: bool,
    flag: impl Fn() -> Arc<Flag> + Send + Sync + 'static,
) -> Result<DatabaseConnection, DbErr> {
    // The main database is `:memory:`, private to its connection, and stays empty.
    let connect = SqliteConnectOptions::new()
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        .disable_statement_logging();
    let path = path.to_string_lossy().replace('\'', "''");
    let set_up = format!(
        "attach '{path}' as timestore; pragma timestore.journal_mode = wal; pragma timestore.synchronous = full; \
         pragma timestore.cache_size = -16384; pragma temp_store = memory; pragma query_only = {};",
        i32::from(read_only)
    );
    let pool = options
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            let (set_up, flag) = (set_up.clone(), flag());
            Box::pin(async move {
                connection.execute(AssertSqlSafe(set_up)).await?;
                watch(connection, flag).await
            })
        })
        .connect_with(connect)
        .await
        .map_err(|error| DbErr::Conn(sea_orm::RuntimeErr::SqlxError(Arc::new(error))))?;
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_a_server_or_a_file() {
        assert_eq!(
            "postgres://a@b/c".parse(),
            Ok(Database::Postgres("postgres://a@b/c".to_owned()))
        );
        assert_eq!(
            "sqlite:data/x.db".parse(),
            Ok(Database::Sqlite("data/x.db".into()))
        );
        assert_eq!(
            "sqlite:///var/x.db".parse(),
            Ok(Database::Sqlite("/var/x.db".into()))
        );
        for url in [
            "",
            "mysql://a",
            "sqlite:",
            "sqlite::memory:",
            "sqlite:a.db?mode=ro",
        ] {
            assert!(url.parse::<Database>().is_err(), "{url}");
        }
    }
}
