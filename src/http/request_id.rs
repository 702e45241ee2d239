//! The id of a request: the caller's, or one of our own. It is in every log line of the request, and in its answer.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::store::Store;

/// The header that carries it, in and out.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id of a caller that is taken up.
const MAX_LENGTH: usize = 128;

/// The id that the caller gave, where it is harmless in logs and headers; a new one otherwise.
pub(super) fn of(headers: &HeaderMap, store: &Store) -> String {
    match headers.get(&HEADER).and_then(accepted) {
        Some(id) => id.to_owned(),
        None => store.clock().id().to_string(),
    }
}

/// The id as a header.
pub(super) fn header(id: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(id).ok()
}

fn accepted(value: &HeaderValue) -> Option<&str> {
    let is_harmless = |c: char| c.is_ascii_alphanumeric() || "-_.:+/=@".contains(c);
    value
        .to_str()
        .ok()
        .filter(|id| (1..=MAX_LENGTH).contains(&id.len()) && id.chars().all(is_harmless))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_id_is_taken_up_when_it_is_harmless() {
        for id in ["a", "0190-abc_d.e:f+g/h=@", &"x".repeat(128)] {
            assert_eq!(accepted(&HeaderValue::from_str(id).unwrap()), Some(id));
        }
        for id in ["", "two words", "a\"b", "{}", "\u{1b}[31m", &"x".repeat(129)] {
            let value = HeaderValue::from_bytes(id.as_bytes());
            assert_eq!(value.ok().as_ref().and_then(accepted), None, "{id}");
        }
    }
}
