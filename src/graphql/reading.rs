//! Which database a request reads from, and how a caller reads what it wrote: by `extensions.readAfter`, which a mutation
//! answers with and a query takes.

use async_graphql::parser::types::OperationType;
use async_graphql::{Request, Response, Value};

use super::error::{Error, Result};
use crate::store::Store;

/// The name of the extension.
const READ_AFTER: &str = "readAfter";

/// The catalog for one request: a query may read from a replica, anything else works on the primary.
pub(super) async fn catalog(
    store: Store,
    operation: Option<OperationType>,
    request: &Request,
) -> Result<Store> {
    if operation != Some(OperationType::Query) {
        return Ok(store);
    }
    let field = ["extensions", READ_AFTER];
    let after = match request.extensions.get(READ_AFTER) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(
            text.parse()
                .map_err(|message: String| Error::bad_input(&field, message))?,
        ),
        Some(_) => {
            return Err(Error::bad_input(
                &field,
                "expected a text that a mutation answered with",
            ));
        }
    };
    Ok(store.for_reading(after).await)
}

/// The response, which says of a mutation after which position a query sees what it did. It was done in any case: a position that
/// cannot be told is left out.
pub(super) async fn told(
    store: &Store,
    operation: Option<OperationType>,
    mut response: Response,
) -> Response {
    if operation != Some(OperationType::Mutation) {
        return response;
    }
    match store.position().await {
        Ok(Some(position)) => {
            let position = Value::String(position.to_string());
            response.extensions.insert(READ_AFTER.to_owned(), position);
        }
        Ok(None) => {}
        Err(error) => tracing::warn!(error = %error, "the position of a mutation is not known"),
    }
    response
}

/// Lets a request of a batch see what the mutations before it did, unless it says itself what it must see.
pub fn follow(request: &mut Request, earlier: &[Response]) {
    let newest = earlier
        .iter()
        .rev()
        .find_map(|response| response.extensions.get(READ_AFTER));
    if let Some(position) = newest.cloned() {
        request
            .extensions
            .entry(READ_AFTER.to_owned())
            .or_insert(position);
    }
}
