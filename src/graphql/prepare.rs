//! What happens to a request before it is executed: its document is found, parsed, measured, and looked at for what async-graphql
//! does not see.

use async_graphql::parser::types::{DocumentOperations, OperationType, VariableDefinition};
use async_graphql::{Name, Request, ServerError, Value};

use super::error::{Code, Error};
use super::executor::{Execution, coded};
use super::{limits, nul, numbers, unique};

/// What a request is going to do.
#[derive(Clone, Copy, Debug)]
pub struct Prepared {
    /// What kind of operation it is; none when the request does not say which one of its document it means.
    pub operation: Option<OperationType>,
}

/// Finds, parses and measures the document of a request.
pub fn prepare(execution: &Execution, request: &mut Request) -> Result<Prepared, ServerError> {
    let brought = execution.documents.find(request)?;
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
    if let Some(hash) = brought {
        execution.documents.remember(hash, &request.query);
    }
    let document = request.parsed_query()?;
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(operation), _) => Some(operation),
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name.as_str()),
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => {
            operations.values().next()
        }
        (DocumentOperations::Multiple(_), None) => None,
    };
    let Some(operation) = operation else {
        return Ok(Prepared { operation: None });
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
    Ok(Prepared {
        operation: Some(operation_type),
    })
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
