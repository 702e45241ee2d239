//! The errors of async-graphql: each gets a code from the closed list, and says no more than it needs to.

use async_graphql::{Response, ServerError, Value};

use super::error::Code;
use super::scalar;

/// How long the message of an error may be, in bytes.
const MAX_MESSAGE: usize = 2_000;

/// How many errors are told of a request.
const MAX_ERRORS: usize = 50;

/// Names the variable that does not fit an `Int`, which the error itself does not: it is one of the wide ones.
pub(super) fn locate_integer(error: &mut ServerError, wide: &[Vec<String>]) {
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
pub(super) fn classified(mut response: Response) -> Response {
    let errors = std::mem::take(&mut response.errors).into_iter();
    response.errors = errors.take(MAX_ERRORS).map(classify).collect();
    response
}

/// A message of at most so many bytes: async-graphql repeats in it what it does not know.
fn shorten(message: &mut String) {
    if message.len() > MAX_MESSAGE {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE));
        message.push('…');
    }
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
    let field = refused_argument(&error.message);
    shorten(&mut error.message);
    let Some(field) = field else {
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

/// The same error, with a code.
pub(super) fn coded(mut error: ServerError, code: Code) -> ServerError {
    let mut extensions = error.extensions.take().unwrap_or_default();
    extensions.set("code", code.as_str());
    error.extensions = Some(extensions);
    error
}
