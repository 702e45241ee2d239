//! A fresh database for each test: a SQLite file in a directory of its own, or a PostgreSQL database of its own on the server
//! that `TIMESTORE_TEST_POSTGRES_URL` names. `scripts/test` starts that server; without it the tests fail.

use std::path::PathBuf;
use std::sync::Arc;

use sea_orm::{ConnectionTrait, Database as SeaDatabase, Statement};
use timestore_gateway::store::backend::{Connections, Database, connect, migration_url};
use timestore_gateway::store::clock::SystemClock;
use timestore_gateway::store::{Clock, Store};
use timestore_migration::Migrator;
use uuid::Uuid;

/// A database that goes when the test ends.
pub struct TestDatabase {
    url: String,
    directory: Option<PathBuf>,
}

impl TestDatabase {
    /// A SQLite file with all steps.
    pub async fn sqlite() -> Self {
        Self::sqlite_empty().migrated().await
    }

    /// A PostgreSQL database with all steps.
    pub async fn postgres() -> Self {
        postgres::empty().await.migrated().await
    }

    /// The same, made and reached through PgBouncer.
    pub async fn pgbouncer() -> Self {
        let bouncer = std::env::var("TIMESTORE_TEST_PGBOUNCER_URL")
            .expect("TIMESTORE_TEST_PGBOUNCER_URL names no PgBouncer: run scripts/test, which starts one");
        let database = postgres::empty().await;
        let (host, _) = bouncer.rsplit_once('/').unwrap();
        let through = Self {
            url: format!("{host}/{}", database.name()),
            directory: None,
        };
        through.migrated().await
    }

    /// A SQLite file that is not there yet.
    pub fn sqlite_empty() -> Self {
        let directory = std::env::temp_dir().join(format!("timestore-test-{}", Uuid::now_v7().simple()));
        std::fs::create_dir_all(&directory).unwrap();
        Self {
            url: format!("sqlite:{}", directory.join("timestore.db").display()),
            directory: Some(directory),
        }
    }

    async fn migrated(self) -> Self {
        Migrator::connect(&self.migration_url())
            .await
            .unwrap()
            .up(None)
            .await
            .unwrap();
        self
    }

    /// As `--database-url` takes it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// As the migrator takes it.
    pub fn migration_url(&self) -> String {
        migration_url(&self.url.parse().unwrap())
    }

    /// The name of a PostgreSQL database.
    pub fn name(&self) -> &str {
        self.url.rsplit('/').next().unwrap()
    }

    /// Pools of their own.
    pub async fn connections(&self) -> Connections {
        let database: Database = self.url.parse().unwrap();
        connect(&database, 8).await.unwrap()
    }

    /// A catalog on pools of its own: another gateway.
    pub async fn store(&self) -> Store {
        self.store_at(Arc::new(SystemClock)).await
    }

    /// A catalog with this clock.
    pub async fn store_at(&self, clock: Arc<dyn Clock>) -> Store {
        Store::new(self.connections().await, clock)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // Databases on the server go with the server; a directory would stay.
        if let Some(directory) = &self.directory {
            drop(std::fs::remove_dir_all(directory));
        }
    }
}

/// How many rows a table has, or those of it that `of` names: `manifests where version > 1`.
pub async fn count(connection: &impl ConnectionTrait, of: &str) -> i64 {
    let sql = format!("select count(*) from timestore.{of}");
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

/// PostgreSQL databases.
pub mod postgres {
    use super::{ConnectionTrait, SeaDatabase, TestDatabase, Uuid};

    /// A database without any of our tables.
    pub async fn empty() -> TestDatabase {
        let server = std::env::var("TIMESTORE_TEST_POSTGRES_URL").expect(
            "TIMESTORE_TEST_POSTGRES_URL names no PostgreSQL server: run scripts/test, which starts one",
        );
        let name = format!("test_{}", Uuid::now_v7().simple());
        let connection = SeaDatabase::connect(&server).await.unwrap();
        connection
            .execute_unprepared(&format!("create database {name} template template0"))
            .await
            .unwrap();
        // Nothing may depend on the role's search_path.
        connection
            .execute_unprepared(&format!("alter database {name} set search_path to nowhere"))
            .await
            .unwrap();
        connection.close().await.unwrap();
        let (host, _) = server.rsplit_once('/').unwrap();
        TestDatabase {
            url: format!("{host}/{name}"),
            directory: None,
        }
    }

    /// The same database, as another role.
    pub fn url_as(url: &str, role: &str, password: &str) -> String {
        let (_, rest) = url.split_once('@').unwrap();
        format!("postgres://{role}:{password}@{rest}")
    }
}
