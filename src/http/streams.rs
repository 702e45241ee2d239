//! How streams are kept, over WebSocket and as server-sent events: what both share.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use async_graphql::{Request, Response, Value};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use tokio_util::task::TaskTracker;

use crate::graphql::Executor;
use crate::graphql::executor::is_request_error;
use crate::halt::Halt;
use crate::metrics::Metrics;

/// How many messages wait for a client that is slower than the gateway. Each of its operations holds one more.
pub(super) const QUEUE: usize = 8;

/// How streams are kept.
#[derive(Clone, Debug)]
pub struct Streams {
    /// How long a client that has opened a WebSocket may take to say `connection_init`.
    pub init_timeout: Duration,
    /// How often a silent stream is shown to be alive.
    pub ping_interval: Duration,
    /// How long a client may leave unread what is sent to it, and pings unanswered.
    pub patience: Duration,
    /// How many operations one WebSocket may have under way.
    pub max_operations: usize,
    /// Tells streams that the gateway stops.
    pub halt: Halt,
    /// The WebSockets that are open, which the server itself loses sight of.
    pub open: TaskTracker,
    /// What counts why clients are refused.
    pub metrics: Metrics,
}

impl Default for Streams {
    fn default() -> Self {
        Self {
            init_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(15),
            patience: Duration::from_secs(60),
            max_operations: 100,
            halt: Halt::default(),
            open: TaskTracker::new(),
            metrics: Metrics::default(),
        }
    }
}

impl Streams {
    /// Waits until the WebSockets that are open have been closed. None may be opened any more.
    pub async fn closed(&self) {
        self.open.close();
        self.open.wait().await;
    }
}

/// An operation under way.
pub(super) struct Operation {
    responses: BoxStream<'static, Response>,
    is_subscription: bool,
    halt: Halt,
}

/// What an operation came to next.
pub(super) enum Step {
    /// A response.
    Response(Response),
    /// It was not executed, or its events have ended in a failure. Nothing comes after it.
    Failed(Response),
    /// All has been said.
    Complete,
    /// The gateway stops, and the events do not go on.
    Halted,
}

impl Operation {
    /// Begins an operation of any type.
    pub(super) fn begin(executor: &Executor, mut request: Request, halt: Halt) -> Self {
        let prepared = executor.prepare(&mut request);
        match prepared.map(|prepared| prepared.operation) {
            Ok(Some(OperationType::Subscription)) => {
                Self::new(executor.execute_stream(request, Arc::default()), true, halt)
            }
            // What cannot be executed is answered with the reason.
            _ => {
                let executor = executor.clone();
                let response = stream::once(async move { executor.execute(request).await });
                Self::new(response.boxed(), false, halt)
            }
        }
    }

    /// An operation with these responses.
    pub(super) fn new(responses: BoxStream<'static, Response>, is_subscription: bool, halt: Halt) -> Self {
        Self {
            responses,
            is_subscription,
            halt,
        }
    }

    /// What comes next. A subscription ends when the gateway stops; a query or a mutation is finished.
    pub(super) async fn step(&mut self) -> Step {
        let response = tokio::select! {
            response = self.responses.next() => response,
            () = self.halt.told(), if self.is_subscription => return Step::Halted,
        };
        match response {
            None => Step::Complete,
            Some(response) if self.has_failed(&response) => Step::Failed(response),
            Some(response) => Step::Response(response),
        }
    }

    /// An event that cannot be told at all would be a gap: no event may follow it.
    fn has_failed(&self, response: &Response) -> bool {
        let is_empty = response.data == Value::Null && !response.errors.is_empty();
        is_request_error(response) || (self.is_subscription && is_empty)
    }
}
