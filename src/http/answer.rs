//! Answers: their media type, their status and their JSON.

use async_graphql::ServerError;
use axum::body::Body;
use axum::http::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use serde::Serialize;
use serde_json::{Value, json};

use crate::graphql::error::{self, Code, Error};
use crate::graphql::executor::is_request_error;
use crate::graphql::plain::json::{JsonWriter, to_json};

/// The media types of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// `application/json`: well-formed requests are answered with 200, whatever is in them.
    Json,
    /// `application/graphql-response+json`: a request that is not executed is answered with 400.
    GraphqlResponse,
}

impl Media {
    /// The media type that a client prefers. One that wants neither gets JSON, which it may still make sense of.
    pub fn accepted(headers: &HeaderMap) -> Self {
        let (mut json, mut graphql) = (None::<f32>, None::<f32>);
        for range in headers
            .get_all(ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
        {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default().to_ascii_lowercase();
            let weight = parts
                .find_map(|part| part.strip_prefix("q="))
                .map_or(1.0, |q| q.parse().unwrap_or(0.0));
            let known = match media.as_str() {
                "application/graphql-response+json" => &mut graphql,
                "application/json" | "application/*" | "*/*" => &mut json,
                _ => continue,
            };
            *known = Some(known.unwrap_or(0.0).max(weight));
        }
        match (graphql, json) {
            (Some(graphql), json) if graphql > 0.0 && graphql >= json.unwrap_or(0.0) => Self::GraphqlResponse,
            _ => Self::Json,
        }
    }

    const fn content_type(self) -> HeaderValue {
        match self {
            Self::Json => HeaderValue::from_static("application/json; charset=utf-8"),
            Self::GraphqlResponse => {
                HeaderValue::from_static("application/graphql-response+json; charset=utf-8")
            }
        }
    }

    /// The answer to one request.
    pub fn response(self, response: &async_graphql::Response) -> Response {
        if !is_request_error(response) {
            return self.answer(StatusCode::OK, to_json(response));
        }
        let errors = response.errors.iter();
        let status = errors.filter_map(status_of).next().unwrap_or(match self {
            Self::GraphqlResponse => StatusCode::BAD_REQUEST,
            Self::Json => StatusCode::OK,
        });
        let mut answer = self.json(status, &without_data(response));
        if let Some(seconds) = response.errors.iter().find_map(retry_after) {
            answer.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        answer
    }

    /// The answers to a batch.
    pub fn responses(self, responses: &[async_graphql::Response]) -> Response {
        let mut json = JsonWriter::default();
        json.list(responses, |json, response| match is_request_error(response) {
            true => json.value(&without_data(response)),
            false => json.response(response),
        });
        self.answer(StatusCode::OK, json.into_bytes())
    }

    /// An answer to what is no GraphQL request.
    pub fn refusal(self, refusal: &Refusal) -> Response {
        let Refusal { status, error } = refusal;
        let body = json!({"errors": [{"message": error.message(), "extensions": error.extensions()}]});
        let mut response = self.json(*status, &body);
        // For whoever counts.
        response.extensions_mut().insert(error.code());
        if *status == StatusCode::METHOD_NOT_ALLOWED {
            // A mutation that came by GET may come by POST.
            response
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("GET, POST"));
        }
        response
    }

    fn json(self, status: StatusCode, body: &impl Serialize) -> Response {
        // Maps with text keys cannot fail to serialise.
        self.answer(status, serde_json::to_vec(body).unwrap_or_default())
    }

    fn answer(self, status: StatusCode, body: Vec<u8>) -> Response {
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, self.content_type());
        headers.insert(VARY, HeaderValue::from_static("accept"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // No page takes an answer for a script, or for itself.
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

/// The status of an answer whose request could have been executed, and was not.
fn status_of(error: &ServerError) -> Option<StatusCode> {
    let code = extension(error, "code")?;
    let is = |known: Code| *code == known.as_str().into();
    if is(Code::BadRequest) {
        Some(StatusCode::BAD_REQUEST)
    } else if is(Code::Timeout) {
        Some(StatusCode::GATEWAY_TIMEOUT)
    } else if is(Code::Overloaded) {
        Some(StatusCode::SERVICE_UNAVAILABLE)
    } else if is(Code::RateLimited) {
        Some(StatusCode::TOO_MANY_REQUESTS)
    } else {
        None
    }
}

/// In how many seconds the same request may do better.
fn retry_after(error: &ServerError) -> Option<u64> {
    match extension(error, error::RETRY_AFTER)? {
        async_graphql::Value::Number(seconds) => seconds.as_u64(),
        _ => None,
    }
}

fn extension<'a>(error: &'a ServerError, name: &str) -> Option<&'a async_graphql::Value> {
    error.extensions.as_ref()?.get(name)
}

/// A response to a request that was not executed has no `data`.
fn without_data(response: &async_graphql::Response) -> Value {
    json!({"errors": response.errors})
}

/// Why an HTTP request is no GraphQL request.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The status of the answer.
    pub status: StatusCode,
    /// What is wrong.
    pub error: Box<Error>,
}

impl Refusal {
    /// A request that is not what it should be.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error: Box::new(Error::new(Code::BadRequest, message)),
        }
    }

    /// A value of a request that cannot be right; `field` is the path to it, outermost first.
    pub fn bad_input(field: Vec<String>, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error: Box::new(Error::bad_input_at(field, message)),
        }
    }

    /// A request that has another method.
    pub fn method(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            error: Box::new(Error::new(Code::MethodNotAllowed, message)),
        }
    }

    /// A page that may not use the API.
    pub fn origin() -> Self {
        let message = "a page of this origin may not use the API: see --cors-origin";
        Self {
            status: StatusCode::FORBIDDEN,
            error: Box::new(Error::new(Code::Forbidden, message)),
        }
    }

    /// A client that reads nothing of what there is, which is of the type `media`.
    pub fn not_acceptable(media: &str) -> Self {
        let message = format!("expected `Accept` to allow {media}");
        Self {
            status: StatusCode::NOT_ACCEPTABLE,
            error: Box::new(Error::new(Code::NotAcceptable, message)),
        }
    }

    /// A body of another media type.
    pub fn media_type() -> Self {
        let message = "expected a body of type application/json";
        Self {
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            error: Box::new(Error::new(Code::UnsupportedMediaType, message)),
        }
    }

    /// A body that is compressed.
    pub fn content_encoding() -> Self {
        let message = "expected a body that is not compressed";
        Self {
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            error: Box::new(Error::new(Code::UnsupportedMediaType, message)),
        }
    }

    /// A body that does not come to its end.
    pub fn slow() -> Self {
        let message = "the body did not come to its end in time";
        Self {
            status: StatusCode::REQUEST_TIMEOUT,
            error: Box::new(Error::new(Code::BadRequest, message)),
        }
    }

    /// A body that is too large.
    pub fn too_large(limit: usize) -> Self {
        let message = format!("expected a body of at most {limit} bytes; stage large publishes in a draft");
        Self {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            error: Box::new(Error::new(Code::PayloadTooLarge, message)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_media_type_is_chosen() {
        use Media::{GraphqlResponse, Json};
        for (accept, media) in [
            (None, Json),
            (Some("*/*"), Json),
            (Some("application/json"), Json),
            (Some("text/html"), Json),
            (Some("application/graphql-response+json"), GraphqlResponse),
            (
                Some("Application/GraphQL-Response+JSON; charset=utf-8"),
                GraphqlResponse,
            ),
            (
                Some("application/graphql-response+json, application/json;q=0.9"),
                GraphqlResponse,
            ),
            (
                Some("application/json, application/graphql-response+json"),
                GraphqlResponse,
            ),
            (
                Some("application/graphql-response+json;q=0.5, application/json"),
                Json,
            ),
            (Some("application/graphql-response+json;q=0, */*"), Json),
            (Some("application/graphql-response+json;q=x"), Json),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(ACCEPT, HeaderValue::from_static(accept));
            }
            assert_eq!(Media::accepted(&headers), media, "{accept:?}");
        }
    }

    #[test]
    fn only_what_was_not_executed_is_a_bad_request() {
        let executed = async_graphql::Response::new(async_graphql::Value::Null);
        assert_eq!(
            Media::GraphqlResponse.response(&executed).status(),
            StatusCode::OK
        );
        let error = async_graphql::ServerError::new("no", None);
        let refused = async_graphql::Response::from_errors(vec![error]);
        assert_eq!(
            Media::GraphqlResponse.response(&refused).status(),
            StatusCode::BAD_REQUEST
        );
        assert_eq!(Media::Json.response(&refused).status(), StatusCode::OK);
        assert_eq!(without_data(&refused), json!({"errors": [{"message": "no"}]}));
    }
}
