//! One connection: hears the client, runs its operations side by side, and sends what they come to.
//!
//! Each operation is a task, and all that is sent goes through one short queue. A client that does not read makes its operations
//! wait, not the memory grow, and is told before it is let go.

use std::collections::HashMap;
use std::time::Duration;

use async_graphql::Request;
use axum::extract::ws::Message;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};
use tracing::Instrument;
use tungstenite::error::CapacityError;

use super::caller::Caller;
use super::closing::Closing;
use super::message::{Incoming, ack, complete, error, next, pong};
use crate::auth::Requester;
use crate::graphql::error::{Code, Error};
use crate::http::streams::{Operation, QUEUE, Step, Streams};

/// How long a client that is still sending has to read why nobody listens.
const LINGER: Duration = Duration::from_secs(2);

/// Speaks the protocol on a socket until either side closes. `begin` begins what the client asks for; `caller` is who may be
/// speaking.
pub(super) async fn speak<W, R, B>(
    (mut sink, mut stream): (W, R),
    begin: B,
    caller: Caller,
    settings: Streams,
) where
    W: Sink<Message> + Unpin,
    R: Stream<Item = Result<Message, axum::Error>> + Unpin,
    B: Fn(Request) -> Operation,
{
    let (outgoing, queue) = mpsc::channel(QUEUE);
    let patience = settings.patience;
    let connection = Connection {
        begin,
        caller,
        requester: None,
        running: HashMap::new(),
        tasks: JoinSet::new(),
        outgoing,
        settings,
    };
    let closing = {
        let writing = write(&mut sink, queue, patience);
        tokio::pin!(writing);
        tokio::select! {
            closing = connection.hear(&mut stream) => writing.await.err().unwrap_or(closing),
            written = &mut writing => written.err().unwrap_or(Closing::Gone),
        }
    };
    // Either side answers the other's close frame. What the client still says is read until then: a socket with unread bytes is
    // reset, and the reason with it. The rest of a message that is too large is not read; that takes a little time instead.
    let linger = if matches!(closing, Closing::TooLarge(_)) {
        LINGER
    } else {
        Duration::ZERO
    };
    let farewell = async {
        match closing.frame() {
            Some(frame) => drop(sink.send(Message::Close(Some(frame))).await),
            None => drop(sink.flush().await),
        }
        while let Some(Ok(_)) = stream.next().await {}
        sleep(linger).await;
    };
    drop(timeout(patience, farewell).await);
}

/// Sends what is queued until nobody queues any more.
async fn write(
    sink: &mut (impl Sink<Message> + Unpin),
    mut queue: mpsc::Receiver<Message>,
    patience: Duration,
) -> Result<(), Closing> {
    while let Some(message) = queue.recv().await {
        match timeout(patience, sink.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(Closing::Gone),
            Err(_) => return Err(Closing::Unresponsive),
        }
    }
    Ok(())
}

struct Connection<B> {
    begin: B,
    /// Who may be speaking.
    caller: Caller,
    /// Who speaks, once the connection is acknowledged.
    requester: Option<Requester>,
    /// The operations under way, by their ids.
    running: HashMap<String, AbortHandle>,
    /// Their tasks, which end with the connection.
    tasks: JoinSet<Ended>,
    outgoing: mpsc::Sender<Message>,
    settings: Streams,
}

/// An operation that is over.
struct Ended {
    id: String,
    /// What is left to say.
    message: Option<String>,
}

impl<B: Fn(Request) -> Operation> Connection<B> {
    /// Does what the client says until there is a reason to close.
    async fn hear(
        mut self,
        stream: &mut (impl Stream<Item = Result<Message, axum::Error>> + Unpin),
    ) -> Closing {
        let halt = self.settings.halt.clone();
        let halted = halt.told();
        let too_late = sleep(self.settings.init_timeout);
        tokio::pin!(halted, too_late);
        let mut heard = Instant::now();
        let mut pings = interval_at(heard + self.settings.ping_interval, self.settings.ping_interval);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                // A client that never pauses is not the only one to be heard.
                biased;
                () = &mut halted => break,
                () = &mut too_late, if self.requester.is_none() => Err(Closing::InitTimeout),
                Some(ended) = self.tasks.join_next_with_id() => self.ended(ended).await,
                _ = pings.tick() => self.ping(heard),
                frame = stream.next() => {
                    heard = Instant::now();
                    self.frame(frame).await
                }
            };
            if let Err(closing) = done {
                return closing;
            }
        }
        // Subscriptions end by themselves. Queries and mutations were accepted, and are finished.
        while let Some(ended) = self.tasks.join_next_with_id().await {
            if let Err(closing) = self.ended(ended).await {
                return closing;
            }
        }
        Closing::GoingAway
    }

    async fn frame(&mut self, frame: Option<Result<Message, axum::Error>>) -> Result<(), Closing> {
        match frame {
            Some(Ok(Message::Text(text))) => {
                self.message(Incoming::parse(&text).map_err(Closing::InvalidMessage)?)
                    .await
            }
            Some(Ok(Message::Binary(_))) => {
                Err(Closing::InvalidMessage("expected a message of text".to_owned()))
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Err(error)) => Err(most(&error).map_or(Closing::Gone, Closing::TooLarge)),
            Some(Ok(Message::Close(_))) | None => Err(Closing::Gone),
        }
    }

    async fn message(&mut self, message: Incoming) -> Result<(), Closing> {
        match message {
            Incoming::Init(_) if self.requester.is_some() => Err(Closing::TooManyInits),
            Incoming::Init(payload) => {
                self.requester = Some(self.caller.named(&payload).await?);
                self.send(ack()).await
            }
            Incoming::Subscribe { id, request } => self.subscribe(id, request).await,
            Incoming::Complete(id) => {
                if let Some(task) = self.running.remove(&id) {
                    task.abort();
                }
                Ok(())
            }
            Incoming::Ping(payload) => self.send(pong(payload.as_ref())).await,
            Incoming::Pong => Ok(()),
        }
    }

    async fn subscribe(
        &mut self,
        id: String,
        request: Result<Box<Request>, Box<Error>>,
    ) -> Result<(), Closing> {
        let Some(requester) = self.requester.clone() else {
            return Err(Closing::Unauthorized);
        };
        if self.running.contains_key(&id) {
            return Err(Closing::DuplicateId(id));
        }
        let most = self.settings.max_operations;
        let request = match request {
            Ok(_) if self.running.len() >= most => Err(Box::new(Error::new(
                Code::TooManyOperations,
                format!("expected at most {most} operations under way on one connection"),
            ))),
            request => request,
        };
        let request = match self.caller.is_still(&requester).await {
            Ok(true) => request,
            Ok(false) => {
                let reason = "what identified the caller has expired or was revoked";
                return Err(Closing::Forbidden(reason.to_owned()));
            }
            Err(error) => Err(error),
        };
        match request {
            Ok(request) => {
                let operation = (self.begin)(request.data(requester));
                let task = self
                    .tasks
                    .spawn(run(id.clone(), operation, self.outgoing.clone()).in_current_span());
                self.running.insert(id, task);
                Ok(())
            }
            Err(refusal) => self.refuse(&id, *refusal).await,
        }
    }

    /// Frees the id of an operation before its client hears that it is over, and may use the id again.
    async fn ended(&mut self, ended: Result<(tokio::task::Id, Ended), JoinError>) -> Result<(), Closing> {
        match ended {
            Ok((task, Ended { id, message })) => {
                // The client may have ended it, and have begun another by that name.
                if self.running.get(&id).is_none_or(|running| running.id() != task) {
                    return Ok(());
                }
                self.running.remove(&id);
                match message {
                    Some(message) => self.send(message).await,
                    None => Ok(()),
                }
            }
            Err(failure) => {
                let lost = self.running.extract_if(|_, running| running.id() == failure.id());
                let lost: Vec<String> = lost.map(|(id, _)| id).collect();
                for id in lost {
                    self.refuse(&id, Error::internal("an operation panicked")).await?;
                }
                Ok(())
            }
        }
    }

    fn ping(&self, heard: Instant) -> Result<(), Closing> {
        if heard.elapsed() > self.settings.patience {
            return Err(Closing::Unresponsive);
        }
        // Where the queue is full, what is in it shows that the gateway is alive.
        drop(self.outgoing.try_send(Message::Ping(Vec::new().into())));
        Ok(())
    }

    async fn refuse(&self, id: &str, refusal: Error) -> Result<(), Closing> {
        self.settings.metrics.failed(refusal.code().as_str());
        self.send(error(id, &[refusal.into()])).await
    }

    async fn send(&self, message: String) -> Result<(), Closing> {
        let sent = self.outgoing.send(Message::Text(message.into())).await;
        sent.map_err(|_| Closing::Gone)
    }
}

/// Runs an operation to its end.
async fn run(id: String, mut operation: Operation, outgoing: mpsc::Sender<Message>) -> Ended {
    let message = loop {
        match operation.step().await {
            Step::Response(response) => {
                let message = Message::Text(next(&id, &response).into());
                if outgoing.send(message).await.is_err() {
                    break None;
                }
            }
            Step::Failed(response) => break Some(error(&id, &response.errors)),
            Step::Complete => break Some(complete(&id)),
            Step::Halted => break None,
        }
    };
    Ended { id, message }
}

/// How large a message may be, where one was larger.
fn most(error: &axum::Error) -> Option<usize> {
    match std::error::Error::source(error)?.downcast_ref()? {
        tungstenite::Error::Capacity(CapacityError::MessageTooLong { max_size, .. }) => Some(*max_size),
        _ => None,
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
