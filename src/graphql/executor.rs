//! Executes requests, whatever they came by: limits first, then batches and codes of errors.

use std::any::TypeId;
use std::sync::Arc;

use async_graphql::futures_util::stream::BoxStream;
use async_graphql::parser::types::{DocumentOperations, OperationType, VariableDefinition};
use async_graphql::{Data, Name, Request, Response, ServerError, Value};
use futures_util::{StreamExt, stream};

use super::batched::Batched;
use super::error::{Code, Error};
use super::loader::Loaders;
use super::{Schema, limits, nul, numbers, scalar, session, unique};
use crate::auth::Requester;
use crate::store::Store;

/// Executes requests. Cheap to clone.
#[derive(Clone)]
pub struct Executor {
    schema: Schema,
    store: Option<Store>,
}

impl Executor {
    /// Executes requests against `schema`, which must have been made for a catalog to answer more than introspection.
    pub fn new(schema: Schema) -> Self {
        let store = schema.data().cloned();
        Self { schema, store }
    }

    /// Answers a query or a mutation.
    pub async fn execute(&self, mut request: Request) -> Response {
        if let Err(error) = operation_type(&mut request) {
            return Response::from_errors(vec![error]);
        }
        let wide = numbers::wide_integers(&request.variables);
        let schema = self.schema.clone();
        let mut response = match self.loaders(requester(&[&request.data])) {
            Some(loaders) => {
                let request = request.data(loaders.clone());
                Batched::future(loaders, async move { schema.execute(request).await }).await
            }
            None => schema.execute(request).await,
        };
        response
            .errors
            .iter_mut()
            .for_each(|error| locate_integer(error, &wide));
        classified(response)
    }

    /// Answers any operation, a subscription with many responses.
    pub fn execute_stream(&self, mut request: Request, session: Arc<Data>) -> BoxStream<'static, Response> {
        let operation = match operation_type(&mut request) {
            Ok(operation) => operation,
            Err(error) => return stream::iter([Response::from_errors(vec![error])]).boxed(),
        };
        match self.loaders(requester(&[&request.data, &session])) {
            Some(loaders) => {
                let request = request.data(loaders.clone());
                let store = loaders.store().clone();
                let responses = self.schema.execute_stream_with_session_data(request, session);
                let responses = Batched::stream(loaders, responses).map(classified).boxed();
                match operation {
                    Some(OperationType::Subscription) => session::while_identified(store, responses),
                    _ => responses,
                }
            }
            None => self
                .schema
                .execute_stream_with_session_data(request, session)
                .map(classified)
                .boxed(),
        }
    }

    /// Batches for one request, on the catalog as its caller sees it.
    fn loaders(&self, requester: Requester) -> Option<Loaders> {
        let store = self.store.clone()?;
        Some(Loaders::new(store.as_seen_by(requester)))
    }
}

/// The caller that a request, or else its session, names. One that none names may do nothing.
fn requester(data: &[&Data]) -> Requester {
    let named = data
        .iter()
        .find_map(|data| data.get(&TypeId::of::<Requester>())?.downcast_ref());
    named.cloned().unwrap_or_default()
}

/// What a request does, once its document has been parsed and measured; none when it does not say which operation it means.
pub fn operation_type(request: &mut Request) -> Result<Option<OperationType>, ServerError> {
    if let Some(number) = numbers::oversized_integer(&request.query) {
        let message = format!("the number {number} does not fit in 64 bits");
        return Err(Error::new(Code::BadUserInput, message).into());
    }
    if let Some(field) = unique::repeated_field(&request.query) {
        let field = field.to_owned();
        return Err(Error::bad_input(&[&field], format!("the input field {field} is given twice")).into());
    }
    let name = request.operation_name.clone();
    let document = request.parsed_query().map_err(unparsed)?;
    limits::check(document)?;
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(operation), _) => Some(operation),
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name.as_str()),
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => {
            operations.values().next()
        }
        (DocumentOperations::Multiple(_), None) => None,
    };
    let Some(operation) = operation else {
        return Ok(None);
    };
    let operation_type = operation.node.ty;
    let variables = operation
        .node
        .variable_definitions
        .iter()
        .map(|variable| &variable.node);
    let needed: Vec<(Name, String)> = variables
        .filter(|variable| is_needed(variable))
        .map(|variable| (variable.name.node.clone(), variable.var_type.node.to_string()))
        .collect();
    let given = &request.variables;
    let is_missing = |name: &Name| given.get(name).is_none_or(|value| *value == Value::Null);
    if let Some((name, of_type)) = needed.iter().find(|(name, _)| is_missing(name)) {
        let message = format!("the variable ${name} of type {of_type} is not given");
        return Err(Error::bad_input(&[name.as_str()], message).into());
    }
    if operation_type != OperationType::Mutation {
        refuse_nul(request)?;
    }
    Ok(Some(operation_type))
}

/// Refuses a query with a NUL character in a text, which can name nothing.
fn refuse_nul(request: &Request) -> Result<(), ServerError> {
    let expectation = "expected no NUL character";
    match nul::find_in_variables(&request.variables) {
        Some(path) => Err(Error::bad_input_at(path, expectation).into()),
        None if nul::is_in_document(&request.query) => {
            Err(Error::new(Code::BadUserInput, expectation).into())
        }
        None => Ok(()),
    }
}

/// Whether a variable must have a value; async-graphql does not look whether it has.
fn is_needed(variable: &VariableDefinition) -> bool {
    !variable.var_type.node.nullable && variable.default_value.is_none()
}

/// A syntax error on one line: the parser draws a picture of the place, which `locations` tells as well.
fn unparsed(mut error: ServerError) -> ServerError {
    let what = error
        .message
        .lines()
        .find_map(|line| line.trim_start().strip_prefix("= "));
    error.message = format!("syntax error: {}", what.unwrap_or(&error.message));
    coded(error, Code::GraphqlParseFailed)
}

/// Whether the request as such was at fault, so that nothing was executed.
pub fn is_request_error(response: &Response) -> bool {
    response.data == Value::Null && response.errors.iter().any(|error| error.path.is_empty())
}

/// Names the variable that does not fit an `Int`, which the error itself does not: it is one of the wide ones.
fn locate_integer(error: &mut ServerError, wide: &[Vec<String>]) {
    if !error.message.starts_with("Failed to parse \"Int\"") || wide.is_empty() {
        return;
    }
    let names: Vec<String> = wide.iter().map(|path| path.join(".")).collect();
    error.message = format!("{}: expected a whole number of 32 bits", names.join(" or "));
    let field = wide[0].iter().cloned().map(Value::String).collect();
    let mut extensions = error.extensions.take().unwrap_or_default();
    extensions.set("field", Value::List(field));
    error.extensions = Some(extensions);
}

/// Gives every error a code. Those of resolvers have one; the others are async-graphql's own.
fn classified(mut response: Response) -> Response {
    let errors = std::mem::take(&mut response.errors);
    response.errors = errors.into_iter().map(classify).collect();
    response
}

fn classify(mut error: ServerError) -> ServerError {
    if error
        .extensions
        .as_ref()
        .is_some_and(|extensions| extensions.get("code").is_some())
    {
        return error;
    }
    if !error.path.is_empty() {
        // Arguments that validation let through and a type refused.
        return coded(error, Code::BadUserInput);
    }
    let Some(field) = refused_argument(&error.message) else {
        return coded(error, Code::GraphqlValidationFailed);
    };
    let expectation = expected_type(&error.message).and_then(scalar::expectation);
    if let Some(expectation) = expectation {
        error.message = format!("{}: {expectation}", error.message);
    }
    let mut extensions = error.extensions.take().unwrap_or_default();
    extensions.set(
        "field",
        Value::List(field.into_iter().map(Value::String).collect()),
    );
    error.extensions = Some(extensions);
    coded(error, Code::BadUserInput)
}

/// The path in a validation error about the value of an argument, `Invalid value for argument "input.add.0.startTime", …`.
fn refused_argument(message: &str) -> Option<Vec<String>> {
    let rest = message.strip_prefix("Invalid value for argument \"")?;
    let (path, _) = rest.split_once('"')?;
    Some(path.split('.').map(str::to_owned).collect())
}

/// The name of the type in a validation error, `…, expected type "BigInt"`.
fn expected_type(message: &str) -> Option<&str> {
    let (_, rest) = message.rsplit_once("expected type \"")?;
    rest.strip_suffix('"')
}

fn coded(mut error: ServerError, code: Code) -> ServerError {
    let mut extensions = error.extensions.take().unwrap_or_default();
    extensions.set("code", code.as_str());
    error.extensions = Some(extensions);
    error
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
