//! The gateway in a test: its real router on a real database, without a socket.

use std::sync::{Arc, Mutex};

use axum::Router;
use sea_orm::DatabaseConnection;
use timestore_gateway::auth::Requester;
use timestore_gateway::graphql::Execution;
use timestore_gateway::graphql::limits::Limits;
use timestore_gateway::model::retention::RetentionDefaults;
use timestore_gateway::store::Store;
use timestore_gateway::store::api_token::ApiTokenCreate;
use timestore_gateway::store::backend::Connections;
use timestore_gateway::store::clock::SystemClock;
use timestore_gateway::{graphql, http};

use super::database::TestDatabase;

/// A gateway with a catalog of its own, as one caller uses it. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// What it serves.
    pub router: Router,
    /// For looking behind the API.
    pub connection: DatabaseConnection,
    /// The catalog, which sees everything.
    pub store: Store,
    /// The token that the caller shows, if any.
    pub bearer: Option<String>,
    statements: Arc<Mutex<Vec<String>>>,
}

impl App {
    /// A gateway on `database`, where everyone may do everything.
    pub async fn new(database: &TestDatabase) -> Self {
        Self::with_settings(database, unlimited()).await
    }

    /// A gateway on `database` that serves in another way.
    pub async fn with_settings(database: &TestDatabase, settings: http::Settings) -> Self {
        Self::build(database, RetentionDefaults::default(), open(settings)).await
    }

    /// A gateway on `database` that has rules for datasets without a retention policy.
    pub async fn with_retention_defaults(database: &TestDatabase, defaults: RetentionDefaults) -> Self {
        Self::build(database, defaults, open(unlimited())).await
    }

    /// A gateway on `database` that serves those who are identified so.
    pub async fn identifying(database: &TestDatabase, identity: http::Identity) -> Self {
        let settings = http::Settings {
            identity,
            ..unlimited()
        };
        Self::build(database, RetentionDefaults::default(), settings).await
    }

    /// A gateway over these connections, where everyone may do everything.
    pub fn over(connections: Connections) -> Self {
        Self::assemble(connections, RetentionDefaults::default(), open(unlimited()))
    }

    async fn build(database: &TestDatabase, defaults: RetentionDefaults, settings: http::Settings) -> Self {
        Self::assemble(database.connections().await, defaults, settings)
    }

    fn assemble(mut connections: Connections, defaults: RetentionDefaults, settings: http::Settings) -> Self {
        let connection = connections.reader.clone();
        let statements = Arc::new(Mutex::new(Vec::new()));
        let log = statements.clone();
        connections.observe(move |info| log.lock().unwrap().push(info.statement.sql.clone()));
        let store = Store::new(connections, Arc::new(SystemClock)).with_retention_defaults(defaults);
        let schema = graphql::schema(store.clone());
        let router = http::router(schema, store.clone(), settings);
        Self {
            router,
            connection,
            store,
            bearer: None,
            statements,
        }
    }

    /// The same gateway, as somebody uses it who shows `bearer`.
    pub fn showing(&self, bearer: &str) -> Self {
        Self {
            bearer: Some(bearer.to_owned()),
            ..self.clone()
        }
    }

    /// The same gateway, as somebody uses it who has an API token with these scopes.
    pub async fn with_scopes(&self, name: &str, scopes: &[&str]) -> Self {
        let create = ApiTokenCreate {
            name: name.to_owned(),
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
            expires_in: None,
        };
        let created = self
            .store
            .api_token_create(&Requester::unrestricted(None), create)
            .await;
        self.showing(created.expect("a token").1.reveal())
    }

    /// What `work` returns, and the SQL statements that ran meanwhile.
    pub async fn statements_of<T>(&self, work: impl Future<Output = T>) -> (T, Vec<String>) {
        let take = || std::mem::take(&mut *self.statements.lock().unwrap());
        drop(take());
        let result = work.await;
        (result, take())
    }
}

/// Settings that let a test ask for all that the catalog holds at once.
fn unlimited() -> http::Settings {
    let limits = Limits {
        complexity: u64::MAX,
        ..Limits::default()
    };
    let execution = Execution {
        limits,
        ..Execution::default()
    };
    http::Settings {
        execution,
        ..http::Settings::default()
    }
}

/// The same settings, where everyone may do everything.
fn open(settings: http::Settings) -> http::Settings {
    let identity = http::Identity {
        strangers: http::Strangers::Welcome,
        ..Default::default()
    };
    http::Settings { identity, ..settings }
}
