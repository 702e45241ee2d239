//! Requests as they come over HTTP, for tests that look at statuses and headers.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use serde_json::Value;
use tower::ServiceExt;

use super::app::App;

/// An answer.
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    /// A header, empty when it is not there.
    pub fn header(&self, name: header::HeaderName) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }

    /// The status, and the code of the error.
    pub fn refusal(&self) -> (u16, Value) {
        let mut body = self.json();
        assert_eq!(body.get("data"), None, "{body}");
        (
            self.status.as_u16(),
            body["errors"][0]["extensions"]["code"].take(),
        )
    }
}

/// What the gateway answers.
pub async fn send(app: &App, request: Request<Body>) -> Answer {
    let router = app.router.clone();
    let response = tokio::spawn(router.oneshot(request))
        .await
        .expect("no panic")
        .expect("an answer");
    let (parts, body) = response.into_parts();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: to_bytes(body, usize::MAX).await.expect("a whole answer").to_vec(),
    }
}

/// What it answers to a GET.
pub async fn get(app: &App, uri: &str) -> Answer {
    send(app, Request::get(uri).body(Body::empty()).expect("a request")).await
}

/// What it answers to a body at `/graphql`.
pub async fn post(app: &App, media: &str, body: impl Into<Body>) -> Answer {
    let request = Request::post("/graphql").header(header::CONTENT_TYPE, media);
    let bearer = app.bearer.as_ref().map(|token| format!("Bearer {token}"));
    let request = bearer.into_iter().fold(request, |request, bearer| {
        request.header(header::AUTHORIZATION, bearer)
    });
    send(app, request.body(body.into()).expect("a request")).await
}

/// What it answers to a request as JSON.
pub async fn post_json(app: &App, body: Value) -> Answer {
    post(app, "application/json", body.to_string()).await
}
