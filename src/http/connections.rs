//! How many connections are open at once. Each takes a file and some memory, whoever it is: those beyond are closed at once, so that
//! the others are served.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::extract::Request;
use axum_server::accept::Accept;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_service::Service;

/// In the extensions of a request: its connection is open for as long as somebody has this.
#[derive(Clone, Debug)]
pub struct Connected {
    _slot: Arc<OwnedSemaphorePermit>,
}

/// Accepts so many connections at once, the way `A` does.
#[derive(Clone, Debug)]
pub(super) struct Bounded<A> {
    acceptor: A,
    slots: Arc<Semaphore>,
    is_full: Arc<AtomicBool>,
}

impl<A> Bounded<A> {
    /// At most `most` connections.
    pub(super) fn new(acceptor: A, most: usize) -> Self {
        Self {
            acceptor,
            slots: Arc::new(Semaphore::new(most)),
            is_full: Arc::default(),
        }
    }

    fn slot(&self) -> io::Result<Connected> {
        let Ok(slot) = self.slots.clone().try_acquire_owned() else {
            // Once each time: whoever opens too many would fill the log.
            if !self.is_full.swap(true, Ordering::Relaxed) {
                tracing::warn!("--max-connections are open; more are closed at once");
            }
            return Err(io::Error::other("too many connections"));
        };
        self.is_full.store(false, Ordering::Relaxed);
        Ok(Connected {
            _slot: Arc::new(slot),
        })
    }
}

impl<I, S, A> Accept<I, S> for Bounded<A>
where
    A: Accept<I, Counted<S>>,
    A::Future: Send + 'static,
    A::Stream: Send + 'static,
    A::Service: Send + 'static,
{
    type Stream = A::Stream;
    type Service = A::Service;
    type Future = BoxFuture<'static, io::Result<(A::Stream, A::Service)>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        match self.slot() {
            Ok(connected) => self
                .acceptor
                .accept(stream, Counted { service, connected })
                .boxed(),
            Err(error) => std::future::ready(Err(error)).boxed(),
        }
    }
}

/// Serves a connection that is counted.
#[derive(Clone, Debug)]
pub(super) struct Counted<S> {
    service: S,
    connected: Connected,
}

impl<B, S: Service<Request<B>>> Service<Request<B>> for Counted<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        request.extensions_mut().insert(self.connected.clone());
        self.service.call(request)
    }
}
