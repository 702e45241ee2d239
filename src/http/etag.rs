//! Answers that the client has already: a query that came by GET is answered with a tag of its answer, and with nothing but 304 when the
//! client shows the tag again. What names a version is answered the same for as long as the version can be read.

use axum::body::{Body, to_bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, VARY};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// How many bytes of the hash a tag has.
const LENGTH: usize = 18;

/// The answer with its tag; 304 where `shown`, a header `If-None-Match`, has the tag. The tag is weak: it is of the JSON, however it is
/// compressed.
pub(super) async fn tagged(response: Response, shown: Option<&HeaderValue>) -> Response {
    if response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // The body is in memory.
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let hash = Sha256::digest(&bytes);
    let tag = format!("W/\"{}\"", URL_SAFE_NO_PAD.encode(&hash[..LENGTH]));
    let is_known = shown.is_some_and(|shown| names(shown, &tag));
    let headers = &mut parts.headers;
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(VARY, HeaderValue::from_static("accept, authorization"));
    headers.extend(HeaderValue::from_str(&tag).ok().map(|tag| (ETAG, tag)));
    if !is_known {
        return Response::from_parts(parts, Body::from(bytes));
    }
    headers.remove(CONTENT_TYPE);
    headers.remove(CONTENT_LENGTH);
    parts.status = StatusCode::NOT_MODIFIED;
    Response::from_parts(parts, Body::empty())
}

/// Whether a list of tags has this one. Weak and strong ones are compared alike (RFC 9110, section 13.1.2).
fn names(shown: &HeaderValue, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let shown = shown.to_str().unwrap_or_default();
    shown.trim() == "*" || shown.split(',').any(|one| opaque(one) == opaque(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_that_is_known_is_not_sent_again() {
        let answer = async |shown: Option<&str>| {
            let shown = shown.map(|shown| HeaderValue::from_str(shown).unwrap());
            let response = tagged(Response::new(Body::from("{}")), shown.as_ref()).await;
            let tag = response.headers()[ETAG].to_str().unwrap().to_owned();
            let status = response.status().as_u16();
            let body = to_bytes(response.into_body(), 10).await.unwrap();
            (status, tag, body.len())
        };
        let (status, tag, length) = answer(None).await;
        assert_eq!((status, length), (200, 2));
        let strong = tag.trim_start_matches("W/").to_owned();
        for shown in [tag.clone(), strong, format!("\"x\", {tag}"), "*".to_owned()] {
            assert_eq!(answer(Some(&shown)).await, (304, tag.clone(), 0), "{shown}");
        }
        for shown in ["\"x\"", "", "W/\"\""] {
            assert_eq!(answer(Some(shown)).await.0, 200, "{shown}");
        }
    }
}
