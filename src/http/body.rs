//! Reads GraphQL requests from bodies and query strings.

use std::any::Any;

use async_graphql::{Request, Variables};
use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, Uri};
use serde_json::{Map, Value, json};

use super::answer::Refusal;
use super::large;
use crate::graphql::numbers::{oversized_integer, shortened};
use crate::graphql::{listed, persisted};

/// What came.
pub enum Incoming {
    /// One request.
    Single(Box<Request>),
    /// Several at once.
    Batch(Vec<Request>),
}

impl Incoming {
    /// The same, with something that is kept until it is answered.
    pub fn with<T: Any + Clone + Send + Sync>(self, kept: T) -> Self {
        let keep = |request: Request| request.data(kept.clone());
        match self {
            Self::Single(request) => Self::Single(Box::new(keep(*request))),
            Self::Batch(requests) => Self::Batch(requests.into_iter().map(keep).collect()),
        }
    }
}

/// Reads a body of at most `most` bytes.
pub async fn read(
    max_batch: usize,
    most: usize,
    headers: &HeaderMap,
    body: Body,
) -> Result<Incoming, Refusal> {
    if !is_json(headers) {
        return Err(Refusal::media_type());
    }
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(Refusal::content_encoding());
    }
    if large::announced(headers).is_some_and(|length| length > most) {
        return Err(Refusal::too_large(most));
    }
    match to_bytes(body, most).await {
        Ok(bytes) => parse(max_batch, &bytes),
        Err(error) if is_too_long(&error) => Err(Refusal::too_large(most)),
        Err(_) => Err(Refusal::bad_request("the body could not be read to its end")),
    }
}

/// Whether the body is said to be JSON, in UTF-8 as JSON always is.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(media) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let mut parts = media.split(';').map(|part| part.trim().to_ascii_lowercase());
    parts.next().as_deref() == Some("application/json")
        && parts.all(|part| {
            part.strip_prefix("charset=")
                .is_none_or(|set| set.trim_matches('"') == "utf-8")
        })
}

fn is_too_long(error: &axum::Error) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        source = error.source();
    }
    false
}

/// Reads a request, or a list of requests, from JSON.
fn parse(max_batch: usize, bytes: &[u8]) -> Result<Incoming, Refusal> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(Refusal::bad_request("the body is not UTF-8"));
    };
    if let Some(usual) = usual(text) {
        return Ok(Incoming::Single(Box::new(usual.request()?)));
    }
    let json = parse_json("the body", text)?;
    match json {
        Value::Array(_) if max_batch == 1 => Err(Refusal::bad_request("expected one request, not a batch")),
        Value::Array(requests) if requests.is_empty() => Err(Refusal::bad_request("the batch is empty")),
        Value::Array(requests) if requests.len() > max_batch => {
            let message = format!(
                "expected a batch of at most {max_batch} requests, not {}",
                requests.len()
            );
            Err(Refusal::bad_request(message))
        }
        Value::Array(requests) => requests
            .into_iter()
            .map(request)
            .collect::<Result<_, _>>()
            .map(Incoming::Batch),
        json => request(json).map(|request| Incoming::Single(Box::new(request))),
    }
}

fn parse_json(what: &str, text: &str) -> Result<Value, Refusal> {
    let json = serde_json::from_str(text).map_err(|error| {
        let message = error.to_string();
        match message.starts_with("recursion limit") {
            true => Refusal::bad_request(format!("{what} is nested too deeply")),
            false => Refusal::bad_request(format!("{what} is not JSON: {message}")),
        }
    })?;
    check_numbers(text, &json)?;
    Ok(json)
}

/// Refuses a number that does not fit in 64 bits, and that a parser has rounded; `json` is what it made of `text`, or a part of it.
pub fn check_numbers(text: &str, json: &Value) -> Result<(), Refusal> {
    let Some(number) = oversized_integer(text) else {
        return Ok(());
    };
    let message = format!("the number {} does not fit in 64 bits", shortened(number));
    Err(Refusal::bad_input(rounded(json).unwrap_or_default(), message))
}

/// The path to the first number that a parser had to round for want of 64 bits, without the `variables` that it begins with.
fn rounded(json: &Value) -> Option<Vec<String>> {
    let within = |key: String, value: &Value| {
        let rest = rounded(value)?;
        Some(if key == "variables" {
            rest
        } else {
            [vec![key], rest].concat()
        })
    };
    match json {
        Value::Number(number) => number
            .as_f64()
            .filter(|_| number.is_f64())
            .filter(|n| n.abs() >= 2_f64.powi(63))
            .map(|_| Vec::new()),
        Value::Array(values) => values
            .iter()
            .enumerate()
            .find_map(|(index, value)| within(index.to_string(), value)),
        Value::Object(values) => values.iter().find_map(|(key, value)| within(key.clone(), value)),
        _ => None,
    }
}

/// A request as it comes.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    query: Option<String>,
    document_id: Option<String>,
    operation_name: Option<String>,
    #[serde(default, deserialize_with = "listed::variables")]
    variables: Variables,
    extensions: Option<Map<String, Value>>,
}

/// Reads a request that is well formed, without a tree of JSON in between: a publish may have thousands of files. None where
/// something is unusual; what that is needs the tree to be told.
fn usual(text: &str) -> Option<Fields> {
    let is_object = text.trim_start().starts_with('{');
    if !is_object || oversized_integer(text).is_some() {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// Reads a request from its JSON.
pub fn request(json: Value) -> Result<Request, Refusal> {
    let Value::Object(mut fields) = json else {
        return Err(Refusal::bad_request("expected a request to be an object"));
    };
    let fields = Fields {
        query: text(&mut fields, "query")?,
        document_id: text(&mut fields, "documentId")?,
        operation_name: text(&mut fields, "operationName")?,
        variables: object(&mut fields, "variables")?
            .map(|variables| Variables::from_json(Value::Object(variables)))
            .unwrap_or_default(),
        extensions: object(&mut fields, "extensions")?,
    };
    fields.request()
}

impl Fields {
    fn request(self) -> Result<Request, Refusal> {
        let mut extensions = self.extensions.unwrap_or_default();
        if let Some(id) = self.document_id {
            extensions.insert(persisted::EXTENSION.to_owned(), by_document_id(&id)?);
        }
        if self.query.is_none() && !extensions.contains_key(persisted::EXTENSION) {
            return Err(Refusal::bad_request(
                "expected the document of the request as `query`",
            ));
        }
        let mut request = Request::new(self.query.unwrap_or_default());
        request.operation_name = self.operation_name;
        request.variables = self.variables;
        let extensions = extensions
            .into_iter()
            .filter_map(|(name, value)| Some((name, async_graphql::Value::from_json(value).ok()?)));
        request.extensions.extend(extensions);
        Ok(request)
    }
}

/// The document that a request names as GraphQL over HTTP spells it, as Apollo's clients would.
fn by_document_id(id: &str) -> Result<Value, Refusal> {
    match id.strip_prefix("sha256:") {
        Some(hash) => Ok(json!({ "version": 1, "sha256Hash": hash })),
        None => Err(Refusal::bad_request(
            "expected `documentId` to be `sha256:` and the hash of the document",
        )),
    }
}

fn text(fields: &mut Map<String, Value>, name: &str) -> Result<Option<String>, Refusal> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refusal::bad_request(format!("expected `{name}` to be a string"))),
    }
}

fn object(fields: &mut Map<String, Value>, name: &str) -> Result<Option<Map<String, Value>>, Refusal> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(_) => Err(Refusal::bad_request(format!("expected `{name}` to be an object"))),
    }
}

/// Reads a request from a query string.
pub fn from_query(uri: &Uri) -> Result<Request, Refusal> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Parameters {
        query: Option<String>,
        operation_name: Option<String>,
        variables: Option<String>,
        extensions: Option<String>,
        document_id: Option<String>,
    }
    let axum::extract::Query(parameters) = axum::extract::Query::<Parameters>::try_from_uri(uri)
        .map_err(|_| Refusal::bad_request("the query string cannot be read, or has a parameter twice"))?;
    let mut fields = Map::new();
    for (name, value) in [
        ("query", parameters.query),
        ("operationName", parameters.operation_name),
        ("documentId", parameters.document_id),
    ] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            fields.insert(name.to_owned(), Value::String(value));
        }
    }
    for (name, value) in [
        ("variables", parameters.variables),
        ("extensions", parameters.extensions),
    ] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            fields.insert(name.to_owned(), parse_json(&format!("`{name}`"), &value)?);
        }
    }
    request(Value::Object(fields))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, StatusCode};

    use super::*;

    fn message(body: &str) -> String {
        match parse(20, body.as_bytes()) {
            Ok(_) => panic!("{body} should be refused"),
            Err(refusal) => refusal.error.message().to_owned(),
        }
    }

    #[test]
    fn bad_bodies_are_refused_in_plain_words() {
        for (body, expected) in [
            (
                "",
                "the body is not JSON: EOF while parsing a value at line 1 column 0",
            ),
            (
                "{",
                "the body is not JSON: EOF while parsing an object at line 1 column 1",
            ),
            ("7", "expected a request to be an object"),
            ("{}", "expected the document of the request as `query`"),
            (r#"{"query": 7}"#, "expected `query` to be a string"),
            (
                r#"{"query": "{a}", "variables": []}"#,
                "expected `variables` to be an object",
            ),
            (
                r#"{"query": "{a}", "extensions": "x"}"#,
                "expected `extensions` to be an object",
            ),
            (
                r#"{"query": "{a}", "operationName": 1}"#,
                "expected `operationName` to be a string",
            ),
            (
                r#"{"documentId": "md5:1"}"#,
                "expected `documentId` to be `sha256:` and the hash of the document",
            ),
            ("[]", "the batch is empty"),
            ("[7]", "expected a request to be an object"),
        ] {
            assert_eq!(message(body), expected);
        }
        let many = format!("[{}]", vec![r#"{"query": "{a}"}"#; 21].join(","));
        assert_eq!(message(&many), "expected a batch of at most 20 requests, not 21");
        let number = r#"{"query": "{a}", "variables": {"a": 18446744073709551616}}"#;
        assert_eq!(
            message(number),
            "the number 18446744073709551616 does not fit in 64 bits"
        );
        assert!(parse(20, b"\xff").is_err());
        assert!(parse(1, br#"[{"query": "{a}"}]"#).is_err());
        // The fields of a request in order are not a request.
        assert!(parse(20, br#"["{a}", null, null, {}, {}]"#).is_err());
    }

    #[test]
    fn good_bodies_are_read() {
        let body =
            r#"{"query": "{a}", "operationName": null, "variables": {"a": 1}, "extensions": {}, "other": 1}"#;
        let Ok(Incoming::Single(request)) = parse(20, body.as_bytes()) else {
            panic!("expected a request")
        };
        assert_eq!((request.query.as_str(), request.variables.len()), ("{a}", 1));
        assert!(
            matches!(parse(20, br#"[{"query": "{a}"}, {"query": "{b}"}]"#), Ok(Incoming::Batch(batch)) if batch.len() == 2)
        );
    }

    #[test]
    fn query_strings_are_read() {
        let read = |query: &str| from_query(&format!("/graphql?{query}").parse().unwrap());
        let request = read("query=%7Ba%7D&variables=%7B%22a%22%3A1%7D&operationName=").unwrap();
        assert_eq!((request.query.as_str(), request.variables.len()), ("{a}", 1));
        assert_eq!(request.operation_name, None);
        for query in [
            "",
            "query=",
            "query=%7Ba%7D&variables=7",
            "query=%7Ba%7D&variables=x",
            "query=a&query=b",
        ] {
            assert_eq!(
                read(query).unwrap_err().status,
                StatusCode::BAD_REQUEST,
                "{query}"
            );
        }
    }

    #[tokio::test]
    async fn only_json_of_bounded_size_is_read() {
        let read_as = async |media: &'static str, body: Vec<u8>| {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(media))]);
            read(20, 1 << 10, &headers, Body::from(body))
                .await
                .err()
                .map(|refusal| refusal.status)
        };
        let body = || br#"{"query": "{a}"}"#.to_vec();
        assert_eq!(read_as("application/json", body()).await, None);
        assert_eq!(read_as("Application/JSON; charset=UTF-8", body()).await, None);
        for media in [
            "text/plain",
            "application/json; charset=latin1",
            "multipart/form-data",
            "application/graphql",
            "",
        ] {
            assert_eq!(
                read_as(media, body()).await,
                Some(StatusCode::UNSUPPORTED_MEDIA_TYPE),
                "{media}"
            );
        }
        let large = read_as("application/json", vec![b' '; (1 << 10) + 1]).await;
        assert_eq!(large, Some(StatusCode::PAYLOAD_TOO_LARGE));
    }
}
