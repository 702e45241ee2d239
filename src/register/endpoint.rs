//! Where GraphQL documents are executed, and what can go wrong there.
//!
//! Owns the boundary: one code path registers files, in this process or against a running gateway. Knows no document.

use std::fmt;

use serde_json::Value;

/// Where GraphQL documents are executed: in this process on the database, or by a running gateway over HTTP.
pub trait Endpoint {
    /// Executes the one operation of `document`, and returns its `data`.
    ///
    /// # Errors
    ///
    /// When it could not be executed as a whole. What an operation refuses, with `userErrors`, is data.
    fn execute(
        &self,
        document: &str,
        variables: Value,
    ) -> impl Future<Output = Result<Value, EndpointError>> + Send;
}

/// Why a document was not executed, or why that is not known.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The URL of the gateway is none.
    #[error("expected the url of a gateway such as http://127.0.0.1:4100, found '{0}'")]
    Url(String),
    /// The request never reached the gateway.
    #[error("cannot reach the gateway at {url}: {reason}")]
    Unreachable {
        /// Where it should be.
        url: String,
        /// What the network said.
        reason: String,
    },
    /// The request may have been executed, but its answer did not arrive.
    #[error("no answer from the gateway at {url}: {reason}")]
    Lost {
        /// Where it is.
        url: String,
        /// What happened instead.
        reason: String,
    },
    /// Whoever listens there did not answer as a gateway does.
    #[error("{url} answered with status {status}: {body}")]
    Status {
        /// Where.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of the answer.
        body: String,
    },
    /// The gateway refused the request as such, or failed.
    #[error("{}", .0.iter().map(RequestFault::to_string).collect::<Vec<_>>().join("; "))]
    Faults(Vec<RequestFault>),
    /// The answer is not what the API promises.
    #[error("unexpected answer: {0}")]
    Unexpected(String),
}

/// A top-level error of a GraphQL response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestFault {
    /// Its `extensions.code`.
    pub code: Option<String>,
    /// Its message.
    pub message: String,
}

impl fmt::Display for RequestFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.code {
            Some(code) => write!(f, " ({code})"),
            None => Ok(()),
        }
    }
}

impl EndpointError {
    /// Whether the request may have been executed for all that is known; only a request that may be repeated should be.
    pub fn is_lost(&self) -> bool {
        match self {
            Self::Lost { .. } => true,
            // A proxy speaks for a gateway that did not answer.
            Self::Status { status, .. } => matches!(status, 502..=504),
            _ => false,
        }
    }
}

/// The `data` of a GraphQL response.
///
/// # Errors
///
/// When it has `errors`, or no `data`.
pub fn data(mut response: Value) -> Result<Value, EndpointError> {
    if let Some(errors) = response.get("errors").and_then(Value::as_array)
        && !errors.is_empty()
    {
        return Err(EndpointError::Faults(errors.iter().map(fault).collect()));
    }
    match response.get_mut("data").map(Value::take) {
        Some(data @ Value::Object(_)) => Ok(data),
        _ => Err(EndpointError::Unexpected(
            "neither data nor errors: is this a graphql endpoint?".to_owned(),
        )),
    }
}

fn fault(error: &Value) -> RequestFault {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    RequestFault {
        code: text(error.pointer("/extensions/code")),
        message: text(error.get("message")).unwrap_or_else(|| "an error without a message".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn errors_come_before_data() {
        let response = json!({
            "data": null,
            "errors": [{"message": "who are you", "extensions": {"code": "UNAUTHENTICATED"}}, {"message": "no"}],
        });
        let error = data(response).expect_err("errors");
        assert_eq!(error.to_string(), "who are you (UNAUTHENTICATED); no");
        assert_eq!(data(json!({"data": {"a": 1}})).expect("data"), json!({"a": 1}));
        assert!(matches!(
            data(json!({"data": null})),
            Err(EndpointError::Unexpected(_))
        ));
        assert!(matches!(data(json!([])), Err(EndpointError::Unexpected(_))));
    }
}
