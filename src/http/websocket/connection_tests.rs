//! The protocol, message by message, on a wire that holds one message. Time stands still until all wait for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::{Response, ServerError, Value};
use axum::extract::ws::CloseFrame;
use futures_util::stream::BoxStream;
use futures_util::{sink, stream};
use serde_json::{Value as Json, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;

/// A client, and the connection that it has.
struct Client {
    says: mpsc::UnboundedSender<Result<Message, axum::Error>>,
    hears: mpsc::Receiver<Message>,
    connection: JoinHandle<()>,
}

/// What a client hears.
#[derive(Debug, PartialEq)]
enum Heard {
    Json(Json),
    Ping,
    Close(u16, String),
    Nothing,
}

impl Client {
    /// A client whose documents are names of operations: see [`responses`].
    fn new(settings: Streams) -> Self {
        Self::of(settings, responses)
    }

    fn of(
        settings: Streams,
        responses: impl Fn(&str) -> (BoxStream<'static, Response>, bool) + Send + Sync + 'static,
    ) -> Self {
        let halt = settings.halt.clone();
        let begin = move |request: Request| {
            let (responses, is_subscription) = responses(&request.query);
            Operation::new(responses, is_subscription, halt.clone())
        };
        let (says, said) = mpsc::unbounded_channel();
        let stream = stream::unfold(said, async |mut said| Some((said.recv().await?, said)));
        let (wire, hears) = mpsc::channel(1);
        let sink = sink::unfold(wire, async |wire: mpsc::Sender<Message>, message| {
            wire.send(message).await.map(|()| wire)
        });
        let socket = (Box::pin(sink), Box::pin(stream));
        let caller = Caller {
            upgrade: Some(Requester::default()),
            identifier: None,
        };
        let connection = tokio::spawn(speak(socket, begin, caller, settings));
        Self {
            says,
            hears,
            connection,
        }
    }

    /// A client that has been acknowledged.
    async fn ready(settings: Streams) -> Self {
        let mut client = Self::new(settings);
        client.init().await;
        client
    }

    async fn init(&mut self) {
        self.say(json!({ "type": "connection_init" }));
        assert_eq!(
            self.hear().await,
            Heard::Json(json!({ "type": "connection_ack" }))
        );
    }

    fn say(&self, message: Json) {
        self.says
            .send(Ok(Message::Text(message.to_string().into())))
            .unwrap();
    }

    fn subscribe(&self, id: &str, operation: &str) {
        self.say(json!({ "type": "subscribe", "id": id, "payload": { "query": operation } }));
    }

    /// The next thing but for pings.
    async fn hear(&mut self) -> Heard {
        loop {
            let heard = self.hear_all().await;
            if heard != Heard::Ping {
                return heard;
            }
        }
    }

    async fn hear_all(&mut self) -> Heard {
        match self.hears.recv().await {
            Some(Message::Text(text)) => Heard::Json(serde_json::from_str(&text).unwrap()),
            Some(Message::Close(frame)) => {
                let CloseFrame { code, reason } = frame.unwrap();
                // A client closes too.
                drop(self.says.send(Ok(Message::Close(None))));
                Heard::Close(code, reason.to_string())
            }
            Some(_) => Heard::Ping,
            None => Heard::Nothing,
        }
    }
}

/// Operations by their names, and whether they are subscriptions.
fn responses(name: &str) -> (BoxStream<'static, Response>, bool) {
    let failed = Response::from_errors(vec![ServerError::new("no", None)]);
    match name {
        "query" => (stream::iter([number(1)]).boxed(), false),
        "invalid" => (stream::iter([failed]).boxed(), false),
        "two" => (stream::iter([number(1), number(2)]).boxed(), true),
        "fails" => (stream::iter([number(1), failed]).boxed(), true),
        "silent" => (stream::pending().boxed(), true),
        name => panic!("no operation {name}"),
    }
}

fn number(n: usize) -> Response {
    Response::new(Value::from(n))
}

fn next(id: &str, n: usize) -> Heard {
    Heard::Json(json!({ "type": "next", "id": id, "payload": { "data": n } }))
}

fn complete(id: &str) -> Heard {
    Heard::Json(json!({ "type": "complete", "id": id }))
}

fn error(id: &str) -> Heard {
    Heard::Json(json!({ "type": "error", "id": id, "payload": [{ "message": "no" }] }))
}

#[tokio::test(start_paused = true)]
async fn operations_answer_under_their_ids() {
    let mut client = Client::ready(Streams::default()).await;
    for (operation, expected) in [
        ("query", vec![next("1", 1), complete("1")]),
        ("two", vec![next("1", 1), next("1", 2), complete("1")]),
        ("invalid", vec![error("1")]),
        ("fails", vec![next("1", 1), error("1")]),
        // The id is free again.
        ("query", vec![next("1", 1), complete("1")]),
    ] {
        client.subscribe("1", operation);
        for expected in expected {
            assert_eq!(client.hear().await, expected, "{operation}");
        }
    }
    client.say(json!({ "type": "ping", "payload": { "n": 7 } }));
    let pong = json!({ "type": "pong", "payload": { "n": 7 } });
    assert_eq!(client.hear().await, Heard::Json(pong));
}

#[tokio::test(start_paused = true)]
async fn breaches_of_the_protocol_close_the_connection() {
    let init = || json!({ "type": "connection_init" });
    let subscribe = || json!({ "type": "subscribe", "id": "1", "payload": { "query": "silent" } });
    for (said, code, reason) in [
        (vec![], 4408, "Connection initialisation timeout"),
        (
            vec![json!({ "type": "ping" })],
            4408,
            "Connection initialisation timeout",
        ),
        (vec![subscribe()], 4401, "Unauthorized"),
        (vec![init(), init()], 4429, "Too many initialisation requests"),
        (
            vec![init(), subscribe(), subscribe()],
            4409,
            "Subscriber for 1 already exists",
        ),
        (vec![init(), json!(7)], 4400, "expected a message to be an object"),
    ] {
        let mut client = Client::new(Streams::default());
        said.iter().for_each(|message| client.say(message.clone()));
        let mut heard = client.hear().await;
        while let Heard::Json(_) = heard {
            heard = client.hear().await;
        }
        assert_eq!(heard, Heard::Close(code, reason.to_owned()), "{said:?}");
        client.connection.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_text_of_bounded_size_closes_the_connection() {
    let too_large = tungstenite::error::CapacityError::MessageTooLong { size: 2, max_size: 1 };
    let too_large = axum::Error::new(tungstenite::Error::Capacity(too_large));
    for (said, code) in [
        (Ok(Message::Binary(b"{}".as_slice().into())), 4400),
        (Err(too_large), 1009),
    ] {
        let mut client = Client::ready(Streams::default()).await;
        client.says.send(said).unwrap();
        assert!(
            matches!(client.hear().await, Heard::Close(closed, _) if closed == code),
            "{code}"
        );
    }
    // A client that is gone is told nothing.
    let mut client = Client::ready(Streams::default()).await;
    client.says.send(Ok(Message::Close(None))).unwrap();
    assert_eq!(client.hear().await, Heard::Nothing);
}

#[tokio::test(start_paused = true)]
async fn a_client_ends_an_operation_and_may_use_its_id_again() {
    let ended = CancellationToken::new();
    let begun = ended.clone();
    let mut client = Client::of(Streams::default(), move |name| {
        let guard = begun.clone().drop_guard();
        let (responses, is_subscription) = responses(name);
        let guarded = responses.inspect(move |_| {
            let _held = &guard;
        });
        (guarded.boxed(), is_subscription)
    });
    client.init().await;
    client.subscribe("1", "silent");
    client.say(json!({ "type": "complete", "id": "1" }));
    ended.cancelled().await;
    client.subscribe("1", "query");
    assert_eq!(client.hear().await, next("1", 1));
    assert_eq!(client.hear().await, complete("1"));
}

#[tokio::test(start_paused = true)]
async fn operations_of_a_connection_are_bounded() {
    let settings = Streams {
        max_operations: 1,
        ..Streams::default()
    };
    let metrics = settings.metrics.clone();
    let mut client = Client::ready(settings).await;
    client.subscribe("1", "silent");
    client.subscribe("2", "query");
    let error = json!([{
        "message": "expected at most 1 operations under way on one connection",
        "extensions": { "code": "TOO_MANY_OPERATIONS" },
    }]);
    let expected = json!({ "type": "error", "id": "2", "payload": error });
    assert_eq!(client.hear().await, Heard::Json(expected));
    let counted = "timestore_errors_total{code=\"TOO_MANY_OPERATIONS\"} 1\n";
    assert!(metrics.text().contains(counted));
    client.say(json!({ "type": "complete", "id": "1" }));
    client.subscribe("2", "query");
    assert_eq!(client.hear().await, next("2", 1));
}

#[tokio::test(start_paused = true)]
async fn a_slow_consumer_makes_its_operation_wait_and_is_told() {
    let begun = Arc::new(AtomicUsize::new(0));
    let produced = begun.clone();
    let mut client = Client::of(Streams::default(), move |_| {
        let produced = produced.clone();
        let endless = stream::repeat_with(move || number(produced.fetch_add(1, Ordering::Relaxed)));
        (endless.boxed(), true)
    });
    client.init().await;
    client.subscribe("1", "endless");
    // It reads nothing until there is nothing else to do than to wait, for longer than the patience lasts.
    sleep(Streams::default().patience + Duration::from_secs(1)).await;
    let produced = begun.load(Ordering::Relaxed);
    assert!(produced <= QUEUE + 3, "{produced} responses wait");
    for n in 0.. {
        match client.hear().await {
            Heard::Close(code, reason) => {
                assert_eq!(code, 1008);
                assert!(reason.starts_with("slow consumer"), "{reason}");
                break;
            }
            heard => assert_eq!(heard, next("1", n)),
        }
    }
    assert_eq!(begun.load(Ordering::Relaxed), produced, "it went on");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_no_ping_is_let_go() {
    let mut client = Client::ready(Streams::default()).await;
    let mut pings = 0;
    let closed = loop {
        match client.hear_all().await {
            Heard::Ping => pings += 1,
            heard => break heard,
        }
    };
    assert!(matches!(closed, Heard::Close(1008, _)), "{closed:?}");
    assert!(pings >= 3, "{pings} pings");
    // One that answers stays for as long as it likes.
    let mut client = Client::ready(Streams::default()).await;
    for _ in 0..100 {
        assert_eq!(client.hear_all().await, Heard::Ping);
        client.says.send(Ok(Message::Pong(Vec::new().into()))).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_stops_finishes_what_it_accepted() {
    let settings = Streams::default();
    let halt = settings.halt.clone();
    let release = CancellationToken::new();
    let released = release.clone();
    let mut client = Client::of(settings, move |name| match name {
        "mutation" => {
            let released = released.clone();
            let written = stream::once(async move {
                released.cancelled().await;
                number(1)
            });
            (written.boxed(), false)
        }
        name => responses(name),
    });
    client.init().await;
    client.subscribe("1", "silent");
    client.subscribe("2", "mutation");
    client.say(json!({ "type": "ping" }));
    assert_eq!(client.hear().await, Heard::Json(json!({ "type": "pong" })));
    halt.tell();
    client.subscribe("3", "query");
    release.cancel();
    // Nothing says that the subscription is complete: its client goes on elsewhere.
    assert_eq!(client.hear().await, next("2", 1));
    assert_eq!(client.hear().await, complete("2"));
    let expected = Heard::Close(1001, "the gateway is stopping".to_owned());
    assert_eq!(client.hear().await, expected);
    client.connection.await.unwrap();
}
