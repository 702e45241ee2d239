//! Which pages may use the API from a browser: those that the gateway serves itself, and those of origins that are named.
//!
//! A browser asks before it sends JSON to another origin, and keeps the answer from the page when it is not told otherwise: that
//! is CORS. A WebSocket has neither, so that its origin is looked at here.

use std::str::FromStr;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN, RETRY_AFTER, UPGRADE};
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use super::answer::{Media, Refusal};

/// How long a browser remembers what it was told about an origin.
const MAX_AGE: Duration = Duration::from_secs(2 * 60 * 60);

/// Where a page comes from: scheme, host and port, or `*` for anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(HeaderValue);

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = || "expected an origin such as https://app.example.com, or *".to_owned();
        let text = text.to_ascii_lowercase();
        if text != "*" {
            let authority = text
                .strip_prefix("https://")
                .or_else(|| text.strip_prefix("http://"))
                .ok_or_else(expected)?;
            let uri: Uri = authority.parse().map_err(|_| expected())?;
            let is_bare = uri.authority().is_some_and(|it| it.as_str() == authority);
            if !is_bare || authority.contains('@') {
                return Err(expected());
            }
        }
        HeaderValue::from_str(&text).map(Self).map_err(|_| expected())
    }
}

/// The origins whose pages may use the API.
#[derive(Clone, Debug, Default)]
pub struct Origins(pub Vec<Origin>);

impl Origins {
    /// Tells browsers that pages of these origins may send requests and read answers. No cookies are involved.
    pub(super) fn cors(&self) -> CorsLayer {
        let origins = match self.is_any() {
            true => AllowOrigin::any(),
            false => AllowOrigin::list(self.0.iter().map(|origin| origin.0.clone())),
        };
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::POST])
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers([RETRY_AFTER])
            .max_age(MAX_AGE)
    }

    fn is_any(&self) -> bool {
        self.0.iter().any(|origin| origin.0 == "*")
    }

    /// Whether a request comes from a page of ours or of these origins, or from no page at all.
    fn may_connect(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(ORIGIN) else {
            return true;
        };
        let is_ours = || {
            let (_, authority) = origin.to_str().ok()?.split_once("://")?;
            let host = headers.get(HOST)?.to_str().ok()?;
            Some(authority.eq_ignore_ascii_case(host))
        };
        self.is_any() || self.0.iter().any(|known| known.0 == *origin) || is_ours() == Some(true)
    }
}

/// Refuses WebSockets of pages that may not use the API.
pub(super) async fn guard_websockets(
    State(origins): State<Origins>,
    request: Request,
    next: Next,
) -> Response {
    if is_websocket(request.headers()) && !origins.may_connect(request.headers()) {
        return Media::Json.refusal(&Refusal::origin());
    }
    next.run(request).await
}

/// Whether a request asks for a WebSocket.
pub(super) fn is_websocket(headers: &HeaderMap) -> bool {
    headers
        .get(UPGRADE)
        .is_some_and(|upgrade| upgrade.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_a_host_and_perhaps_a_port() {
        for good in [
            "https://app.example.com",
            "http://localhost:3000",
            "HTTP://[::1]:80",
            "*",
        ] {
            assert!(good.parse::<Origin>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "app.example.com",
            "https://app.example.com/",
            "https://a b",
            "https://ann@app.example.com",
            "ftp://app.example.com",
            "null",
        ] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_page_of_another_origin_may_not_connect() {
        let named = Origins(vec!["https://app.example.com".parse().unwrap()]);
        let any = Origins(vec!["*".parse().unwrap()]);
        let headers = |origin| {
            HeaderMap::from_iter(
                [(HOST, "gateway:4100"), (ORIGIN, origin)]
                    .map(|(name, value)| (name, HeaderValue::from_static(value))),
            )
        };
        for (origin, with_named) in [
            ("http://gateway:4100", true),
            ("https://app.example.com", true),
            ("https://app.example.com.evil.example", false),
            ("http://gateway", false),
            ("null", false),
        ] {
            assert_eq!(named.may_connect(&headers(origin)), with_named, "{origin}");
            assert!(any.may_connect(&headers(origin)), "{origin}");
        }
        assert!(Origins::default().may_connect(&HeaderMap::new()));
    }
}
