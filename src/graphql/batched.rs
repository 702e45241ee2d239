//! Runs a request, and sends its batches whenever it can do nothing but wait.
//!
//! Only the outermost future of a request can tell: it has been polled, is not ready, and nothing of it asked to be polled again.

use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use futures_util::Stream;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use tokio::task::coop::unconstrained;

use super::loader::Loaders;

/// A request that sends its batches.
pub struct Batched<F> {
    request: F,
    loaders: Loaders,
}

impl<T> Batched<BoxFuture<'static, T>> {
    /// A request with one response.
    pub fn future(loaders: Loaders, request: impl Future<Output = T> + Send + 'static) -> Self {
        // The runtime makes a task that does much at once wait; it would look as if there were nothing left to do.
        Self {
            request: Box::pin(unconstrained(request)),
            loaders,
        }
    }
}

impl<T> Batched<BoxStream<'static, T>> {
    /// A request with a stream of responses.
    pub fn stream(loaders: Loaders, request: BoxStream<'static, T>) -> Self {
        Self { request, loaders }
    }
}

impl<F: Unpin> Batched<F> {
    fn poll_with<T>(
        &mut self,
        context: &mut Context<'_>,
        poll: impl Fn(Pin<&mut F>, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let pulse = self.loaders.pulse().clone();
        pulse.outer.register(context.waker());
        pulse.is_woken.store(false, Ordering::Release);
        let waker = Waker::from(pulse.clone());
        let answer = poll(Pin::new(&mut self.request), &mut Context::from_waker(&waker));
        if answer.is_pending() && !pulse.is_woken.load(Ordering::Acquire) {
            self.loaders.send();
        }
        answer
    }
}

impl<T> Future for Batched<BoxFuture<'static, T>> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        self.poll_with(context, |request, context| request.poll(context))
    }
}

impl<T> Stream for Batched<BoxStream<'static, T>> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_with(context, |mut request, context| {
            let mut next = unconstrained(std::future::poll_fn(|context| {
                request.as_mut().poll_next(context)
            }));
            Pin::new(&mut next).poll(context)
        })
    }
}
