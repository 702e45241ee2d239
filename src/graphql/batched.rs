//! Runs a request, and its batches whenever it can do nothing but wait.
//!
//! Only the outermost future of a request can tell: it has been polled, is not ready, and nothing of it asked to be polled again.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, FuturesUnordered};
use futures_util::task::AtomicWaker;
use futures_util::{Stream, StreamExt};
use tokio::task::coop::unconstrained;

use super::loader::Loaders;

/// A request that runs its batches.
pub struct Batched<F> {
    request: F,
    loaders: Loaders,
    /// The batches that are not answered.
    under_way: FuturesUnordered<BoxFuture<'static, ()>>,
    pulse: Arc<Pulse>,
}

impl<T> Batched<BoxFuture<'static, T>> {
    /// A request with one response.
    pub fn future(loaders: Loaders, request: impl Future<Output = T> + Send + 'static) -> Self {
        // The runtime makes a task that does much at once wait; it would look as if there were nothing left to do.
        Self::new(loaders, Box::pin(unconstrained(request)))
    }
}

impl<T> Batched<BoxStream<'static, T>> {
    /// A request with a stream of responses.
    pub fn stream(loaders: Loaders, request: BoxStream<'static, T>) -> Self {
        Self::new(loaders, request)
    }
}

impl<F: Unpin> Batched<F> {
    fn new(loaders: Loaders, request: F) -> Self {
        Self {
            request,
            loaders,
            under_way: FuturesUnordered::new(),
            pulse: Arc::default(),
        }
    }

    fn poll_with<T>(
        &mut self,
        context: &mut Context<'_>,
        poll: impl Fn(Pin<&mut F>, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.pulse.task.register(context.waker());
        let waker = Waker::from(self.pulse.clone());
        loop {
            self.pulse.is_heard.store(true, Ordering::SeqCst);
            while let Poll::Ready(Some(())) = self.under_way.poll_next_unpin(context) {}
            if self.pulse.is_quiet.swap(true, Ordering::SeqCst) {
                if self.under_way.is_empty() {
                    self.under_way.extend(self.loaders.take_open());
                    if !self.under_way.is_empty() {
                        continue;
                    }
                }
                self.pulse.is_heard.store(false, Ordering::SeqCst);
                // What was woken just before did not wake the task.
                if self.pulse.is_quiet.load(Ordering::SeqCst) {
                    return Poll::Pending;
                }
                continue;
            }
            let answer = poll(Pin::new(&mut self.request), &mut Context::from_waker(&waker));
            if answer.is_ready() {
                // The next answer of a stream is asked for by whoever polls it.
                self.pulse.is_quiet.store(false, Ordering::SeqCst);
                return answer;
            }
            if !self.pulse.is_quiet.load(Ordering::SeqCst) {
                // It lets others go first.
                self.pulse.is_heard.store(false, Ordering::SeqCst);
                self.pulse.task.wake();
                return Poll::Pending;
            }
        }
    }
}

/// Tells whether anything of a request wants to be polled.
#[derive(Default)]
struct Pulse {
    /// Whether nothing does.
    is_quiet: AtomicBool,
    /// Whether the task is about to look.
    is_heard: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Pulse {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_quiet.store(false, Ordering::SeqCst);
        if !self.is_heard.load(Ordering::SeqCst) {
            self.task.wake();
        }
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
