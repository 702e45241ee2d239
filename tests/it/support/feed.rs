//! The change feed of a gateway, as a query and as a subscription.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_graphql::{Data, Request, Response, Variables};
use futures_util::stream::BoxStream;
use serde_json::{Value, json};
use timestore_gateway::auth::Requester;
use timestore_gateway::graphql::limits::Limits;
use timestore_gateway::graphql::{self, Executor};

use super::app::App;
use super::database::TestDatabase;

/// How long other databases of the server may hold the feed back.
const PATIENCE: Duration = Duration::from_secs(30);

impl App {
    /// The feed, once it has at least `count` changes: transactions of other tests may hold it back on PostgreSQL.
    pub async fn feed(&self, count: usize) -> Vec<Value> {
        let document =
            "{ changes(first: 100) { nodes { cursor kind dataset { slug } manifest { version } payload } } }";
        let start = Instant::now();
        loop {
            let data = self.query(document, json!({})).await;
            let changes = data["changes"]["nodes"].as_array().expect("changes");
            if changes.len() >= count {
                return changes.clone();
            }
            assert!(start.elapsed() < PATIENCE, "{} of {count} changes", changes.len());
            tokio::task::yield_now().await;
        }
    }
}

/// The responses to a document, of another gateway on the same database.
pub async fn responses(
    database: &TestDatabase,
    document: &str,
    variables: Value,
) -> BoxStream<'static, Response> {
    responses_to(&Requester::unrestricted(None), database, document, variables).await
}

/// The responses that a caller gets.
pub async fn responses_to(
    requester: &Requester,
    database: &TestDatabase,
    document: &str,
    variables: Value,
) -> BoxStream<'static, Response> {
    let executor = Executor::new(graphql::schema(database.store().await, &Limits::default()));
    let request = Request::new(document)
        .variables(Variables::from_json(variables))
        .data(requester.clone());
    executor.execute_stream(request, Arc::new(Data::default()))
}

/// A response as JSON.
pub fn json_of(response: Response) -> Value {
    serde_json::to_value(response).expect("JSON")
}
