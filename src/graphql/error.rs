//! Top-level errors: what is wrong with a request as such, or with the server. What a mutation can be expected to refuse is
//! data instead: see `user_error`.
//!
//! The one place where errors of the store become errors of the API. Resolvers return this module's [`Result`], whose error
//! always has a code and never tells about the inside of the server.

use std::error::Error as _;

use async_graphql::{ErrorExtensionValues, Value};

use crate::store::{Refusal, StoreError};

/// What a query answers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The closed list of codes, as `extensions.code` spells them. `docs/api.md` explains them to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// A value of the request is not acceptable; `extensions.field` is the path to it.
    BadUserInput,
    /// The caller is not identified, or no longer.
    Unauthenticated,
    /// The caller, or a page of this origin, may not do this; `extensions.scopes` are those of which any one would do, if any.
    Forbidden,
    /// The version has expired; `extensions.oldestVersion` is the oldest one available. Or the changes after a cursor have been
    /// cleared away; `extensions.field` is the path to the cursor.
    Expired,
    /// The database cannot be reached; the same request may do better later.
    Unavailable,
    /// Anything else. The log has the details.
    Internal,
    /// The document is not GraphQL.
    GraphqlParseFailed,
    /// The document does not fit the schema, or exceeds a limit.
    GraphqlValidationFailed,
    /// The hash names no document that is remembered; the request is to be repeated with the document.
    PersistedQueryNotFound,
    /// Documents are not remembered by their hash.
    PersistedQueryNotSupported,
    /// Only documents of a list are executed, and the hash names none of them.
    PersistedQueryNotInList,
    /// Only documents of a list are executed, and the request names none.
    PersistedQueryIdRequired,
    /// The request took longer than it may; of a mutation it is not known whether it was done.
    Timeout,
    /// The gateway is busy, and has not begun with the request; `extensions.retryAfter` says in how many seconds to try again.
    Overloaded,
    /// The caller has spent what it may; `extensions.retryAfter` says in how many seconds the request can be repeated.
    RateLimited,
    /// The HTTP request is not a GraphQL request.
    BadRequest,
    /// The HTTP request is too large.
    PayloadTooLarge,
    /// The HTTP request has a body of another type than JSON.
    UnsupportedMediaType,
    /// The HTTP method cannot do this.
    MethodNotAllowed,
    /// The HTTP request accepts nothing of what there is to answer.
    NotAcceptable,
    /// A connection has as many operations under way as it may.
    TooManyOperations,
    /// The client of a stream has read nothing for too long.
    SlowConsumer,
}

impl Code {
    /// How `extensions.code` spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadUserInput => "BAD_USER_INPUT",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::Expired => "EXPIRED",
            Self::Unavailable => "UNAVAILABLE",
            Self::Internal => "INTERNAL",
            Self::GraphqlParseFailed => "GRAPHQL_PARSE_FAILED",
            Self::GraphqlValidationFailed => "GRAPHQL_VALIDATION_FAILED",
            Self::PersistedQueryNotFound => "PERSISTED_QUERY_NOT_FOUND",
            Self::PersistedQueryNotSupported => "PERSISTED_QUERY_NOT_SUPPORTED",
            Self::PersistedQueryNotInList => "PERSISTED_QUERY_NOT_IN_LIST",
            Self::PersistedQueryIdRequired => "PERSISTED_QUERY_ID_REQUIRED",
            Self::Timeout => "TIMEOUT",
            Self::Overloaded => "OVERLOADED",
            Self::RateLimited => "RATE_LIMITED",
            Self::BadRequest => "BAD_REQUEST",
            Self::PayloadTooLarge => "PAYLOAD_TOO_LARGE",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::NotAcceptable => "NOT_ACCEPTABLE",
            Self::TooManyOperations => "TOO_MANY_OPERATIONS",
            Self::SlowConsumer => "SLOW_CONSUMER",
        }
    }
}

/// The extension that says in how many seconds the same request may do better.
pub const RETRY_AFTER: &str = "retryAfter";

/// A top-level error. It has no `Display` of its own, so that nothing but the conversion below makes a GraphQL error of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    code: Code,
    message: String,
    /// What a program needs in order to react.
    extension: Option<(&'static str, Value)>,
}

impl Error {
    /// An error that says no more than its code and a message.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            extension: None,
        }
    }

    /// A value of the request is not acceptable; `field` is the path to it, outermost first.
    pub fn bad_input(field: &[&str], message: impl Into<String>) -> Self {
        let field = field.iter().map(|&part| part.to_owned()).collect();
        Self::bad_input_at(field, message)
    }

    /// The same, for a path that is put together.
    pub fn bad_input_at(field: Vec<String>, message: impl Into<String>) -> Self {
        let field = Value::List(field.into_iter().map(Value::String).collect());
        Self {
            extension: Some(("field", field)),
            ..Self::new(Code::BadUserInput, message)
        }
    }

    /// The same error, with the number of seconds after which the same request may do better.
    #[must_use]
    pub fn retry_after(self, seconds: i32) -> Self {
        Self {
            extension: Some((RETRY_AFTER, seconds.into())),
            ..self
        }
    }

    /// A fault of the server, told to the log and not to the caller.
    pub fn internal(what: &str) -> Self {
        tracing::error!(error = what, "request failed");
        Self::new(Code::Internal, "internal error")
    }

    /// The code and what comes with it.
    pub fn extensions(&self) -> ErrorExtensionValues {
        let mut values = ErrorExtensionValues::default();
        values.set("code", self.code.as_str());
        if let Some((name, value)) = &self.extension {
            values.set(name, value.clone());
        }
        values
    }

    /// The code.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The message.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl From<Error> for async_graphql::Error {
    fn from(error: Error) -> Self {
        let extensions = Some(error.extensions());
        Self {
            message: error.message,
            source: None,
            extensions,
        }
    }
}

impl From<Error> for async_graphql::ServerError {
    fn from(error: Error) -> Self {
        let mut server_error = Self::new(error.message.clone(), None);
        server_error.extensions = Some(error.extensions());
        server_error
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(refusal) => refused(refusal),
            StoreError::Expired { oldest, .. } => Self {
                extension: Some(("oldestVersion", oldest.into())),
                ..Self::new(Code::Expired, error.to_string())
            },
            StoreError::Forbidden(scopes) => {
                let scopes = Value::List(scopes.into_iter().map(Value::String).collect());
                Self {
                    extension: Some(("scopes", scopes)),
                    ..Self::new(
                        Code::Forbidden,
                        "this needs a scope that the caller does not have",
                    )
                }
            }
            StoreError::ChangesCleared => Self {
                code: Code::Expired,
                ..Self::bad_input(&["after"], error.to_string())
            },
            StoreError::Unavailable(_) => {
                tracing::error!(error = chain(&error), "request failed");
                Self::new(
                    Code::Unavailable,
                    "the catalog is unavailable; the same request may succeed later",
                )
            }
            StoreError::Database(_) | StoreError::Inconsistent(_) => Self::internal(&chain(&error)),
        }
    }
}

/// The GraphQL error of a store error.
pub fn from_store(error: StoreError) -> async_graphql::Error {
    Error::from(error).into()
}

/// A refusal of a read: all its messages, each with its path where there are several, and the path of the first.
fn refused(refusal: Refusal) -> Error {
    let message = match &refusal.0[..] {
        [fault] => fault.message.clone(),
        _ => refusal.to_string(),
    };
    let field = refusal.0.into_iter().next().map(|fault| fault.path);
    Error::bad_input_at(field.unwrap_or_default(), message)
}

/// An error with all its sources.
pub(super) fn chain(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use sea_orm::DbErr;

    use super::*;
    use crate::store::Fault;

    #[test]
    fn a_refused_read_names_the_field() {
        let error = Error::from(StoreError::from(Fault::invalid(
            &["by", "slug"],
            "expected a slug",
        )));
        assert_eq!(error, Error::bad_input(&["by", "slug"], "expected a slug"));
        let error = async_graphql::Error::from(error);
        let extensions = error.extensions.unwrap();
        assert_eq!(extensions.get("code"), Some(&Value::from("BAD_USER_INPUT")));
        assert_eq!(extensions.get("field"), Some(&Value::from(vec!["by", "slug"])));
        let both = vec![
            Fault::invalid(&["policy", "maxAge"], "expected more"),
            Fault::invalid(&["policy", "keepVersions"], "expected at least 1"),
        ];
        let error = Error::from(StoreError::from(both));
        let message = "policy.maxAge: expected more; policy.keepVersions: expected at least 1";
        assert_eq!(error, Error::bad_input(&["policy", "maxAge"], message));
    }

    #[test]
    fn an_expired_version_names_the_oldest() {
        let error = async_graphql::Error::from(Error::from(StoreError::Expired {
            version: 2,
            oldest: 7,
        }));
        assert_eq!(
            error.message,
            "version 2 has expired; the oldest one available is 7"
        );
        assert_eq!(
            error.extensions.unwrap().get("oldestVersion"),
            Some(&Value::from(7))
        );
    }

    #[test]
    fn internals_stay_inside() {
        let error = StoreError::Database(DbErr::Custom(
            "relation timestore.secret does not exist".to_owned(),
        ));
        assert!(chain(&error).contains("secret"));
        let error = async_graphql::Error::from(Error::from(error));
        assert_eq!(error.message, "internal error");
        assert!(!format!("{error:?}").contains("secret"));
    }
}
