//! Large bodies, a few at a time: what is made of one takes many times its size.

use std::sync::Arc;

use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::answer::Refusal;
use crate::auth::{Requester, Scope};
use crate::graphql::error::{Code, Error};
use crate::graphql::limits::Limits;

/// Up to how many bytes a body is like any other.
const SMALL: usize = 1 << 20;

/// How many large ones there are at once.
const AT_ONCE: usize = 4;

/// Room for large bodies. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct LargeBodies(Arc<Semaphore>);

/// The room that a large body takes, until its request is answered.
#[derive(Clone, Debug)]
pub(super) struct Room {
    _slot: Arc<OwnedSemaphorePermit>,
}

impl Default for LargeBodies {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl LargeBodies {
    /// Waits for room for a body with these headers, of at most `most` bytes; none is needed where it is small in any case.
    pub(super) async fn room(&self, most: usize, headers: &HeaderMap) -> Option<Room> {
        if announced(headers).unwrap_or(most).min(most) <= SMALL {
            return None;
        }
        // The semaphore is never closed.
        let slot = self.0.clone().acquire_owned().await.ok()?;
        Some(Room {
            _slot: Arc::new(slot),
        })
    }
}

/// How many bytes a body of `requester` may have. Only what is written is large.
pub(super) fn most(limits: &Limits, requester: &Requester) -> usize {
    let only_reads = requester.scopes.iter().all(|scope| scope == Scope::Read.as_str());
    match only_reads {
        true => limits.body.min(SMALL),
        false => limits.body,
    }
}

/// How many bytes a body says to have.
pub(super) fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// There is no room, and there was none for as long as a request may take.
pub(super) fn no_room() -> Refusal {
    let message = "other large bodies are being worked on; send it again later";
    Refusal {
        status: StatusCode::SERVICE_UNAVAILABLE,
        error: Box::new(Error::new(Code::Overloaded, message).retry_after(1)),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn large_bodies_wait_for_room_and_small_ones_do_not() {
        let bodies = LargeBodies::default();
        let room = |most: usize, length: Option<usize>| {
            let length = length.map(|length| (CONTENT_LENGTH, HeaderValue::from(length)));
            let headers: HeaderMap = length.into_iter().collect();
            bodies.room(most, &headers).now_or_never()
        };
        let large = SMALL + 1;
        // What does not say how long it is may be large.
        let mut taken: Vec<_> = [Some(large), None, Some(large), None]
            .map(|length| room(large, length))
            .into();
        assert!(taken.iter().all(|room| matches!(room, Some(Some(_)))));
        assert!(room(large, Some(large)).is_none() && room(large, None).is_none());
        for (most, length) in [(large, Some(SMALL)), (SMALL, None), (SMALL, Some(large))] {
            assert!(matches!(room(most, length), Some(None)), "{most} {length:?}");
        }
        taken.pop();
        assert!(matches!(room(large, None), Some(Some(_))));
    }
}
