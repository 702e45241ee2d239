//! The messages of graphql-transport-ws, from their JSON and to it.

use async_graphql::{Request, Response, ServerError};
use serde::Serialize;
use serde_json::{Map, Value};

use super::super::body;
use crate::graphql::error::Error;
use crate::graphql::plain::json::to_json;

/// What a client says.
#[derive(Debug)]
pub(super) enum Incoming {
    /// It is ready, and may say who it is.
    Init(Map<String, Value>),
    /// It asks for an operation; an error where its values cannot be right.
    Subscribe {
        id: String,
        request: Result<Box<Request>, Box<Error>>,
    },
    /// It wants no more of an operation.
    Complete(String),
    /// It asks whether the gateway is there.
    Ping(Option<Value>),
    /// It is there.
    Pong,
}

impl Incoming {
    /// Reads a message; otherwise says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let json = serde_json::from_str(text).map_err(|error| format!("the message is not JSON: {error}"))?;
        let Value::Object(mut fields) = json else {
            return Err("expected a message to be an object".to_owned());
        };
        let Some(Value::String(kind)) = fields.remove("type") else {
            return Err("expected a message to have a `type`".to_owned());
        };
        match kind.as_str() {
            "connection_init" => Ok(Self::Init(object(fields.remove("payload"))?.unwrap_or_default())),
            "subscribe" => {
                let id = id(&mut fields)?;
                let payload = fields.remove("payload").unwrap_or_default();
                let checked = body::check_numbers(text, &payload);
                let request = body::request(payload).map_err(|refusal| refusal.error.message().to_owned())?;
                let request = checked
                    .map(|()| Box::new(request))
                    .map_err(|refusal| refusal.error);
                Ok(Self::Subscribe { id, request })
            }
            "complete" => id(&mut fields).map(Self::Complete),
            "ping" => Ok(Self::Ping(object(fields.remove("payload"))?.map(Value::Object))),
            "pong" => object(fields.remove("payload")).map(|_| Self::Pong),
            _ => Err(format!("a message of type {kind:?} is not known")),
        }
    }
}

fn id(fields: &mut Map<String, Value>) -> Result<String, String> {
    match fields.remove("id") {
        Some(Value::String(id)) if !id.is_empty() => Ok(id),
        _ => Err("expected `id` to be a text that is not empty".to_owned()),
    }
}

fn object(payload: Option<Value>) -> Result<Option<Map<String, Value>>, String> {
    match payload {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(payload)) => Ok(Some(payload)),
        Some(_) => Err("expected `payload` to be an object".to_owned()),
    }
}

/// The gateway is ready for operations.
pub(super) fn ack() -> String {
    json::<()>("connection_ack", None, None)
}

/// The gateway is there.
pub(super) fn pong(payload: Option<&Value>) -> String {
    json("pong", None, payload)
}

/// A result of an operation.
pub(super) fn next(id: &str, response: &Response) -> String {
    let id = Value::from(id);
    // What was written as JSON is text.
    let payload = String::from_utf8(to_json(response)).unwrap_or_default();
    format!(r#"{{"type":"next","id":{id},"payload":{payload}}}"#)
}

/// An operation has failed, and is over.
pub(super) fn error(id: &str, errors: &[ServerError]) -> String {
    json("error", Some(id), Some(errors))
}

/// An operation is over.
pub(super) fn complete(id: &str) -> String {
    json::<()>("complete", Some(id), None)
}

fn json<P: Serialize + ?Sized>(kind: &'static str, id: Option<&str>, payload: Option<&P>) -> String {
    #[derive(Serialize)]
    struct Message<'a, P: ?Sized> {
        r#type: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<&'a P>,
    }
    let message = Message {
        r#type: kind,
        id,
        payload,
    };
    // Maps with text keys cannot fail to serialise.
    serde_json::to_string(&message).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_message_is_explained() {
        for (text, reason) in [
            (
                "{",
                "the message is not JSON: EOF while parsing an object at line 1 column 1",
            ),
            ("7", "expected a message to be an object"),
            ("{}", "expected a message to have a `type`"),
            (
                r#"{"type": "start"}"#,
                r#"a message of type "start" is not known"#,
            ),
            (
                r#"{"type": "connection_init", "payload": 7}"#,
                "expected `payload` to be an object",
            ),
            (
                r#"{"type": "ping", "payload": []}"#,
                "expected `payload` to be an object",
            ),
            (
                r#"{"type": "complete"}"#,
                "expected `id` to be a text that is not empty",
            ),
            (
                r#"{"type": "subscribe", "id": "", "payload": {"query": "{a}"}}"#,
                "expected `id` to be a text that is not empty",
            ),
            (
                r#"{"type": "subscribe", "id": "1"}"#,
                "expected a request to be an object",
            ),
            (
                r#"{"type": "subscribe", "id": "1", "payload": {}}"#,
                "expected the document of the request as `query`",
            ),
        ] {
            assert_eq!(Incoming::parse(text).unwrap_err(), reason, "{text}");
        }
    }

    #[test]
    fn a_number_that_fits_nothing_is_a_fault_of_the_operation_alone() {
        let text = r#"{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "variables": {"a": [99999999999999999999]}}}"#;
        let Ok(Incoming::Subscribe { id, request }) = Incoming::parse(text) else {
            panic!("no request")
        };
        let expected = Error::bad_input(
            &["a", "0"],
            "the number 99999999999999999999 does not fit in 64 bits",
        );
        assert_eq!((id.as_str(), *request.unwrap_err()), ("1", expected));
    }

    #[test]
    fn messages_say_no_more_than_they_have_to() {
        assert_eq!(ack(), r#"{"type":"connection_ack"}"#);
        assert_eq!(pong(None), r#"{"type":"pong"}"#);
        assert_eq!(complete("1"), r#"{"type":"complete","id":"1"}"#);
        assert_eq!(
            error("1", &[ServerError::new("no", None)]),
            r#"{"type":"error","id":"1","payload":[{"message":"no"}]}"#
        );
    }
}
