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
    /// Waits for room for a body with these headers; none is needed where it says that it is small.
    pub(super) async fn room(&self, headers: &HeaderMap) -> Option<Room> {
        if announced(headers).is_some_and(|length| length <= SMALL) {
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
