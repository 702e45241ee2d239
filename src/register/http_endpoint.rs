//! A running gateway, reached over HTTP.
//!
//! Owns the transport: URL, token, time limit, and telling a request that never arrived from an answer that was lost.

use std::fmt;
use std::io::ErrorKind;
use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::Uri;

use super::endpoint::{Endpoint, EndpointError, data};

const TIMEOUT: Duration = Duration::from_secs(60);
/// How much of an answer that is none is shown.
const EXCERPT: usize = 200;

/// A running gateway.
#[derive(Clone)]
pub struct HttpEndpoint {
    agent: Agent,
    url: String,
    authorization: Option<String>,
}

impl fmt::Debug for HttpEndpoint {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpEndpoint")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl HttpEndpoint {
    /// The gateway at `url`, with or without its path `/graphql`; `token` is sent as bearer token.
    ///
    /// # Errors
    ///
    /// When `url` is not one of scheme http or https, or holds a password: errors name the URL.
    pub fn new(url: &str, token: Option<&str>) -> Result<Self, EndpointError> {
        let base = url.trim().trim_end_matches('/');
        let parsed = base.parse::<Uri>().ok();
        let is_web = parsed.is_some_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some()
                && uri.query().is_none()
        });
        if let Some((_, host)) = url.rsplit_once('@') {
            return Err(EndpointError::Url(format!("…@{host}")));
        }
        if !is_web {
            return Err(EndpointError::Url(url.to_owned()));
        }
        let agent = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            // A token is for the gateway that was named, and a POST is not repeated elsewhere.
            .max_redirects(0)
            .build()
            .into();
        Ok(Self {
            agent,
            url: match base.ends_with("/graphql") {
                true => base.to_owned(),
                false => format!("{base}/graphql"),
            },
            authorization: token.map(|token| format!("Bearer {token}")),
        })
    }

    /// The URL that documents are sent to.
    pub fn url(&self) -> &str {
        &self.url
    }

    fn post(&self, request: &Value) -> Result<Value, EndpointError> {
        let mut post = self
            .agent
            .post(&self.url)
            .header("accept", "application/graphql-response+json, application/json");
        if let Some(authorization) = &self.authorization {
            post = post.header("authorization", authorization);
        }
        let mut response = post.send_json(request).map_err(|error| self.failure(&error))?;
        let status = response.status().as_u16();
        let body = response
            .body_mut()
            .read_to_string()
            .map_err(|error| self.failure(&error))?;
        match serde_json::from_str::<Value>(&body) {
            // A refusal may come with another status, and says more than it.
            Ok(answer) if status == 200 || answer.get("errors").is_some() => data(answer),
            _ => Err(EndpointError::Status {
                url: self.url.clone(),
                status,
                body: excerpt(&body),
            }),
        }
    }

    fn failure(&self, error: &ureq::Error) -> EndpointError {
        let url = self.url.clone();
        let reason = match error {
            ureq::Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => {
                "connection refused: is it running?".to_owned()
            }
            ureq::Error::HostNotFound => "its host is not known".to_owned(),
            error => error.to_string(),
        };
        let lost = match error {
            ureq::Error::Io(error) => error.kind() != ErrorKind::ConnectionRefused,
            ureq::Error::Timeout(_) | ureq::Error::Protocol(_) => true,
            _ => false,
        };
        match lost {
            true => EndpointError::Lost { url, reason },
            false => EndpointError::Unreachable { url, reason },
        }
    }
}

impl Endpoint for HttpEndpoint {
    async fn execute(&self, document: &str, variables: Value) -> Result<Value, EndpointError> {
        let endpoint = self.clone();
        let request = json!({ "query": document, "variables": variables });
        tokio::task::spawn_blocking(move || endpoint.post(&request))
            .await
            .unwrap_or_else(|error| Err(EndpointError::Unexpected(error.to_string())))
    }
}

fn excerpt(body: &str) -> String {
    let line = body.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None if line.is_empty() => "an empty answer".to_owned(),
        None => line,
    }
}

#[cfg(test)]
#[path = "http_endpoint_tests.rs"]
mod tests;
