//! Executes requests, whatever they came by: limits first, then batches and codes of errors.

use std::any::TypeId;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_graphql::futures_util::stream::BoxStream;
use async_graphql::parser::types::OperationType;
use async_graphql::{Data, Request, Response, ServerError, Value};
use futures_util::{StreamExt, stream};

use super::batched::Batched;
use super::capacity::{Capacity, Gate};
use super::classify::{classified, locate_integer};
use super::error::Error;
use super::fitting::InputTypes;
use super::limits::Limits;
use super::listed::{self, Lists};
use super::loader::Loaders;
use super::observed::Observed;
use super::parsed::{Parsed, ParsedDocuments};
use super::persisted::Documents;
use super::prepare::{Prepared, prepare};
use super::rate::{Buckets, Rate};
use super::session::while_identified;
use super::versions::Versions;
use super::{Schema, numbers, rate, reading, trusting};
use crate::auth::Requester;
use crate::metrics::{CacheMetrics, Metrics};
use crate::store::Store;

/// How requests are executed.
#[derive(Clone, Debug, Default)]
pub struct Execution {
    /// What a request may ask for at the most.
    pub limits: Limits,
    /// Documents that requests name by their hash.
    pub documents: Documents,
    /// How many at once, and for how long.
    pub capacity: Capacity,
    /// How much each caller may ask for; no limit when there is none.
    pub rate: Option<Rate>,
}

/// Executes requests. Cheap to clone.
#[derive(Clone)]
pub struct Executor {
    schema: Schema,
    /// The same graph, for documents that need not be validated; made once there are some.
    trusting: Arc<OnceLock<Trusting>>,
    store: Option<Store>,
    versions: Versions,
    /// The documents that were parsed before.
    parsed: ParsedDocuments,
    metrics: Metrics,
    /// Count for the documents that are remembered.
    remembered: CacheMetrics,
    execution: Arc<Execution>,
    gate: Arc<Gate>,
    buckets: Option<Arc<Buckets>>,
}

impl Executor {
    /// Executes requests against `schema`, which must have been made for a catalog to answer more than introspection.
    pub fn new(schema: Schema) -> Self {
        Self::with(schema, Execution::default())
    }

    /// The same, in another way than the default one.
    pub fn with(schema: Schema, execution: Execution) -> Self {
        let store: Option<Store> = schema.data().cloned();
        let metrics = store.as_ref().map(|store| store.metrics().clone());
        let metrics = metrics.unwrap_or_default();
        Self {
            versions: schema.data().cloned().unwrap_or_default(),
            trusting: Arc::default(),
            schema,
            store,
            parsed: ParsedDocuments::new(metrics.cache("parsed_documents")),
            remembered: metrics.cache("persisted_documents"),
            metrics,
            buckets: execution.rate.map(|rate| Arc::new(Buckets::new(rate))),
            gate: Arc::new(Gate::new(execution.capacity.clone())),
            execution: Arc::new(execution),
        }
    }

    /// What a request may ask for at the most.
    pub fn limits(&self) -> &Limits {
        &self.execution.limits
    }

    /// How long an operation may take.
    pub fn timeout(&self) -> Duration {
        self.execution.capacity.timeout
    }

    /// Finds and checks the document of a request, and says what it is going to do. The request carries the outcome, so that it is
    /// not done again when it is executed.
    pub fn prepare(&self, request: &mut Request) -> Result<Prepared, ServerError> {
        let prepared = self.prepared(request);
        request.data.insert(Outcome(prepared.clone()));
        prepared
    }

    fn prepared(&self, request: &mut Request) -> Result<Prepared, ServerError> {
        let known = request.data.get(&TypeId::of::<Outcome>());
        match known.and_then(|known| known.downcast_ref()) {
            Some(Outcome(prepared)) => prepared.clone(),
            None => prepare(&self.execution, &self.parsed, &self.remembered, request),
        }
    }

    /// Answers a query or a mutation. The data may hold parts that are JSON already: [`to_json`](super::plain::json::to_json) writes
    /// it.
    pub async fn execute(&self, mut request: Request) -> Response {
        let mut observed = Observed::begin(self.metrics.clone());
        let response = match self.admit(&mut request, &Data::default()) {
            Ok(admitted) => {
                observed.name(&mut request);
                observed.over(self.answer(request, admitted)).await
            }
            Err(error) => Response::from_errors(vec![error]),
        };
        observed.count(&response);
        response
    }

    async fn answer(&self, mut request: Request, mut admitted: Admitted) -> Response {
        let parsed = parsed(&request);
        let schema = match self.schema_for(parsed.as_deref(), &mut request) {
            Ok(schema) => schema.clone(),
            Err(error) => return admitted.classified(Response::from_errors(vec![error])),
        };
        let wide = numbers::wide_integers(&request.variables);
        let executed = match self.catalog(&request, &admitted).await {
            Ok(Some(store)) => {
                let loaders = Loaders::new(store.clone(), self.versions.for_request());
                let request = request.data(loaders.clone());
                let work = Batched::future(loaders, async move { schema.execute(request).await });
                let executed = self.gate.run(admitted.operation, work).await;
                match executed {
                    Ok(response) => Ok(reading::told(&store, admitted.operation, response).await),
                    Err(error) => Err(error),
                }
            }
            Ok(None) => Ok(schema.execute(request).await),
            Err(error) => Err(error),
        };
        if let (Ok(response), Some(parsed)) = (&executed, parsed)
            && !is_request_error(response)
        {
            parsed.found_valid();
        }
        let mut response = executed.unwrap_or_else(refused);
        response
            .errors
            .iter_mut()
            .for_each(|error| locate_integer(error, &wide));
        admitted.classified(response)
    }

    /// The graph that executes a request: the one that validates its document, unless that is surely valid.
    fn schema_for(&self, parsed: Option<&Parsed>, request: &mut Request) -> Result<&Schema, ServerError> {
        if let Some(parsed) = parsed.filter(|parsed| parsed.is_valid()) {
            let trusting = self.trusting.get_or_init(|| Trusting::new(&self.schema));
            let lists = Lists::default();
            if parsed.fits(&trusting.input_types, &request.variables, &lists)
                && lists.have_all(&mut request.variables)
            {
                request.data.insert(lists);
                return Ok(&trusting.schema);
            }
        }
        listed::unfold(&mut request.variables)?;
        Ok(&self.schema)
    }

    /// Answers any operation, a subscription with many responses. A subscription has no limit of time and takes no room from
    /// others while it waits; its events have turns of their own.
    pub fn execute_stream(&self, mut request: Request, session: Arc<Data>) -> BoxStream<'static, Response> {
        let mut observed = Observed::begin(self.metrics.clone());
        let admitted = self.admit(&mut request, &session);
        let unfolded =
            admitted.and_then(|admitted| listed::unfold(&mut request.variables).map(|()| admitted));
        let responses = match unfolded {
            Ok(admitted) => {
                observed.name(&mut request);
                self.answers(request, session, admitted)
            }
            Err(error) => stream::iter([Response::from_errors(vec![error])]).boxed(),
        };
        observed.over_stream(responses)
    }

    fn answers(
        &self,
        request: Request,
        session: Arc<Data>,
        mut admitted: Admitted,
    ) -> BoxStream<'static, Response> {
        let Some(loaders) = self.loaders(&admitted) else {
            let responses = self.schema.execute_stream_with_session_data(request, session);
            return responses
                .map(move |response| admitted.classified(response))
                .boxed();
        };
        let store = loaders.store().clone();
        let turn = self.gate.turn();
        let request = request.data(loaders.clone()).data(turn.clone());
        let responses = self.schema.execute_stream_with_session_data(request, session);
        let mut responses = Batched::stream(loaders, responses);
        if admitted.operation == Some(OperationType::Subscription) {
            let responses = turn
                .over(responses.boxed())
                .map(move |response| admitted.classified(response));
            return while_identified(store, responses.boxed());
        }
        let gate = self.gate.clone();
        let only = async move {
            let response = gate.run(admitted.operation, responses.next()).await;
            let response = response.unwrap_or_else(|error| Some(refused(error)));
            response.map(|response| admitted.classified(response))
        };
        stream::once(only).filter_map(std::future::ready).boxed()
    }

    /// Prepares a request, and takes what it costs from its caller.
    fn admit(&self, request: &mut Request, session: &Data) -> Result<Admitted, ServerError> {
        let Prepared { operation, cost } = self.prepared(request)?;
        let requester = requester(&request.data, session);
        let balance = match &self.buckets {
            Some(buckets) => Some(buckets.spend(&rate::caller(&requester, &request.data, session), cost)?),
            None => None,
        };
        let cost = rate::extension(cost, balance.as_ref());
        if let Some(balance) = balance {
            request.data.insert(balance);
        }
        Ok(Admitted {
            requester,
            operation,
            cost: Some(cost),
        })
    }

    /// The catalog for one request, as its caller sees it.
    async fn catalog(&self, request: &Request, admitted: &Admitted) -> super::error::Result<Option<Store>> {
        let Some(store) = &self.store else {
            return Ok(None);
        };
        let store = store.clone().as_seen_by(admitted.requester.clone());
        reading::catalog(store, admitted.operation, request)
            .await
            .map(Some)
    }

    /// Batches for one request, on the catalog as its caller sees it.
    fn loaders(&self, admitted: &Admitted) -> Option<Loaders> {
        let store = self.store.clone()?;
        let store = store.as_seen_by(admitted.requester.clone());
        Some(Loaders::new(store, self.versions.for_request()))
    }
}

/// What executes documents that were found valid before.
struct Trusting {
    schema: Schema,
    input_types: InputTypes,
}

impl Trusting {
    fn new(schema: &Schema) -> Self {
        Self {
            input_types: InputTypes::of(&schema.sdl()),
            schema: trusting(schema),
        }
    }
}

/// What came of preparing a request, as the request carries it.
struct Outcome(Result<Prepared, ServerError>);

/// What is known of the document of a request that was prepared.
fn parsed(request: &Request) -> Option<Arc<Parsed>> {
    request
        .data
        .get(&TypeId::of::<Arc<Parsed>>())?
        .downcast_ref()
        .cloned()
}

/// The caller that a request, or else its session, names. One that none names may do nothing.
fn requester(request: &Data, session: &Data) -> Requester {
    let named = [request, session]
        .into_iter()
        .find_map(|data| data.get(&TypeId::of::<Requester>())?.downcast_ref());
    named.cloned().unwrap_or_default()
}

/// A request that is executed.
struct Admitted {
    requester: Requester,
    operation: Option<OperationType>,
    /// What it costs, until that is told.
    cost: Option<Value>,
}

impl Admitted {
    /// A response in which every error has a code. The first one tells what it all costs.
    fn classified(&mut self, response: Response) -> Response {
        let mut response = classified(response);
        if let Some(cost) = self.cost.take() {
            response.extensions.insert("cost".to_owned(), cost);
        }
        response
    }
}

fn refused(error: Error) -> Response {
    Response::from_errors(vec![error.into()])
}

/// Whether the request as such was at fault, so that nothing was executed.
pub fn is_request_error(response: &Response) -> bool {
    response.data == Value::Null && response.errors.iter().any(|error| error.path.is_empty())
}

impl async_graphql::Executor for Executor {
    async fn execute(&self, request: Request) -> Response {
        Self::execute(self, request).await
    }

    fn execute_stream(&self, request: Request, session: Option<Arc<Data>>) -> BoxStream<'static, Response> {
        Self::execute_stream(self, request, session.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::graphql::builder;

    async fn answer(query: &str) -> Json {
        let response = Executor::new(builder().finish())
            .execute(Request::new(query))
            .await;
        serde_json::to_value(response).unwrap()
    }

    async fn error(query: &str) -> Json {
        answer(query).await["errors"][0].clone()
    }

    #[tokio::test]
    async fn every_error_has_a_code() {
        for (query, code) in [
            ("{", "GRAPHQL_PARSE_FAILED"),
            ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
            ("subscription { changes { cursor } }", "GRAPHQL_VALIDATION_FAILED"),
            (
                "{ a: __typename b: node(id: 99999999999999999999) { id } }",
                "BAD_USER_INPUT",
            ),
            (
                r#"{ storageTargets(first: "x") { totalCount } }"#,
                "BAD_USER_INPUT",
            ),
            ("{ storageTargets(first: 101) { totalCount } }", "BAD_USER_INPUT"),
            (
                "{ storageTargets(first: 9999999999) { totalCount } }",
                "BAD_USER_INPUT",
            ),
        ] {
            assert_eq!(error(query).await["extensions"]["code"], code, "{query}");
        }
    }

    #[tokio::test]
    async fn a_refused_value_is_named_and_explained() {
        let query = r#"{ dataset(by: {slug: "x"}) { manifest(by: {asOf: "yesterday"}) { version } } }"#;
        let error = error(query).await;
        assert_eq!(error["extensions"]["field"], json!(["by", "asOf"]));
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("RFC 3339"), "{message}");
    }

    #[tokio::test]
    async fn introspection_works() {
        // The deepest part of what tools send.
        let types = format!("{}name{}", "ofType { ".repeat(9), " }".repeat(9));
        let query = format!("{{ __schema {{ types {{ fields {{ args {{ type {{ {types} }} }} }} }} }} }}");
        assert!(answer(&query).await.get("errors").is_none());
    }
}
