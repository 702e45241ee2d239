//! What happens to a request before it is executed: its document is found, parsed, measured, and looked at for what async-graphql
//! does not see.

use std::sync::Arc;

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, VariableDefinition,
};
use async_graphql::{Request, ServerError, Value, Variables};

use super::classify::coded;
use super::error::{Code, Error, Result};
use super::executor::Execution;
use super::limits::Limits;
use super::parsed::{Parsed, ParsedDocuments};
use super::plain::Resolved;
use super::{nul, numbers, unique};
use crate::metrics::CacheMetrics;

/// What a request is going to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Prepared {
    /// What kind of operation it is; none when the request does not say which one of its document it means.
    pub operation: Option<OperationType>,
    /// What it costs: how many fields its answer has when every page is full.
    pub cost: u64,
}

/// Finds, parses and measures the document of a request; `remembered` counts for the documents that are remembered.
pub fn prepare(
    execution: &Execution,
    parsed: &ParsedDocuments,
    remembered: &CacheMetrics,
    request: &mut Request,
) -> Result<Prepared, ServerError> {
    let brought = execution.documents.find(request, remembered)?;
    let parsed = match parsed.get(&request.query) {
        Some(known) => known,
        None => {
            let new = Arc::new(parse(&execution.limits, &request.query)?);
            parsed.keep(&request.query, new.clone());
            new
        }
    };
    if parsed.merges {
        request.data.insert(Resolved);
    }
    if let Some(hash) = brought {
        execution.documents.remember(hash, &request.query, remembered);
    }
    let document = &parsed.document;
    let prepared = match chosen(document, request.operation_name.as_deref()) {
        Some(operation) => check_operation(&execution.limits, document, operation, &request.variables)?,
        None => Prepared::default(),
    };
    request.set_parsed_query(document.clone());
    request.data.insert(parsed.clone());
    if prepared
        .operation
        .is_some_and(|operation| operation != OperationType::Mutation)
    {
        refuse_nul(request)?;
    }
    Ok(prepared)
}

fn parse(limits: &Limits, text: &str) -> Result<Parsed, ServerError> {
    check_text(limits, text)?;
    let document = parse_query(text).map_err(|error| unparsed(error.into()))?;
    limits.check_document(&document)?;
    Ok(Parsed::new(document))
}

/// What can only be told from the text of a document.
fn check_text(limits: &Limits, text: &str) -> Result<()> {
    limits.check_text(text)?;
    if let Some(number) = numbers::oversized_integer(text) {
        let message = format!(
            "the number {} does not fit in 64 bits",
            numbers::shortened(number)
        );
        return Err(Error::new(Code::BadUserInput, message));
    }
    match unique::repeated_field(text) {
        Some(field) => Err(Error::bad_input(
            &[field],
            format!("the input field {field} is given twice"),
        )),
        None => Ok(()),
    }
}

/// The operation of a document that is meant, where that is clear.
fn chosen<'a>(document: &'a ExecutableDocument, name: Option<&str>) -> Option<&'a OperationDefinition> {
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(operation), _) => Some(operation),
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name),
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => {
            operations.values().next()
        }
        (DocumentOperations::Multiple(_), None) => None,
    };
    operation.map(|operation| &operation.node)
}

fn check_operation(
    limits: &Limits,
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    variables: &Variables,
) -> Result<Prepared> {
    let mut needed = operation
        .variable_definitions
        .iter()
        .map(|variable| &variable.node)
        .filter(|variable| is_needed(variable));
    let is_missing = |variable: &&VariableDefinition| {
        let given = variables.get(&variable.name.node);
        given.is_none_or(|value| *value == Value::Null)
    };
    if let Some(missing) = needed.find(is_missing) {
        let (name, of_type) = (&missing.name.node, &missing.var_type.node);
        let message = format!("the variable ${name} of type {of_type} is not given");
        return Err(Error::bad_input(&[name], message));
    }
    Ok(Prepared {
        operation: Some(operation.ty),
        cost: limits.check_cost(document, operation, variables)?,
    })
}

/// Refuses a query with a NUL character in a text, which can name nothing.
fn refuse_nul(request: &Request) -> Result<()> {
    let expectation = "expected no NUL character";
    match nul::find_in_variables(&request.variables) {
        Some(path) => Err(Error::bad_input_at(path, expectation)),
        None if nul::is_in_document(&request.query) => Err(Error::new(Code::BadUserInput, expectation)),
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
