//! What is written of objects, and what is resolved of them, make the same answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use async_graphql::{EmptyMutation, EmptySubscription, Object, Request, Response, Schema, ServerError};
use sea_orm::DatabaseConnection;
use serde_json::{Value as Json, json};

use super::json::to_json;
use super::*;
use crate::graphql::batched::Batched;
use crate::graphql::error::Error;
use crate::graphql::loader::{Found, Key, Loaders};
use crate::graphql::versions::Versions;
use crate::store::backend::Connections;
use crate::store::clock::SystemClock;
use crate::store::{self, Store, StoreError};

/// How far apart numbers are.
static STEP: AtomicI32 = AtomicI32::new(1);

/// A number, whose successor is looked up.
#[derive(PartialEq)]
struct Number(i32);

#[derive(Clone, PartialEq, Eq, Hash)]
struct Successor(i32);

impl Key for Successor {
    type Value = Arc<Number>;

    async fn load(_: &Store, keys: Vec<Self>) -> store::Result<Found<Self>> {
        if keys.iter().any(|key| key.0 == 13) {
            return Err(StoreError::Inconsistent("nothing comes after 13".to_owned()));
        }
        let step = STEP.load(Ordering::SeqCst);
        let found = keys
            .into_iter()
            .map(|key| (key.clone(), Arc::new(Number(key.0 + step))));
        Ok(found.collect())
    }
}

impl Plain for Number {
    fn step<'p>(field: &'p Field, planner: &Planner<'p>) -> Option<Step<'p, Self>>
    where
        Self: 'p,
    {
        match field.name.node.as_str() {
            "value" => Some(Step::Scalar(|number, json| json.value(&number.0))),
            "next" => planner.found(field, Missing::IsNull, |number: &Self| Some(Successor(number.0))),
            _ => None,
        }
    }
}

#[Object]
impl Number {
    async fn value(&self) -> i32 {
        self.0
    }

    async fn next(&self, ctx: &async_graphql::Context<'_>) -> Result<Option<Arc<Number>>, Error> {
        ctx.data_unchecked::<Loaders>().load(Successor(self.0)).await
    }

    async fn twice(&self) -> i32 {
        2 * self.0
    }

    async fn refused(&self) -> Result<Option<i32>, Error> {
        match self.0 {
            0 => Ok(None),
            _ => Err(Error::bad_input(&["refused"], "expected 0")),
        }
    }

    async fn required(&self) -> Result<i32, Error> {
        match self.0 {
            0 => Ok(0),
            _ => Err(Error::bad_input(&["required"], "expected 0")),
        }
    }
}

/// How its numbers were written before.
#[derive(Default)]
struct Query(Memo);

#[Object]
impl Query {
    async fn remembered(&self, of: Vec<i32>) -> WrittenList<'_, Vec<Number>> {
        WrittenList::with_memo(of.into_iter().map(Number).collect(), &self.0)
    }

    async fn numbers(&self, of: Vec<i32>) -> WrittenList<'static, Vec<Number>> {
        WrittenList::new(of.into_iter().map(Number).collect())
    }

    async fn number(&self, of: i32) -> Option<Written<Arc<Number>>> {
        Some(Written(Arc::new(Number(of))))
    }
}

/// The answer, and its errors in any order.
async fn answer(query: &str, is_resolved: bool) -> (Json, Vec<(String, String)>) {
    let schema = Schema::new(Query::default(), EmptyMutation, EmptySubscription);
    answer_by(schema, query, is_resolved).await
}

async fn answer_by(
    schema: Schema<Query, EmptyMutation, EmptySubscription>,
    query: &str,
    is_resolved: bool,
) -> (Json, Vec<(String, String)>) {
    let connections = Connections::new(DatabaseConnection::default(), DatabaseConnection::default());
    let store = Store::new(connections, Arc::new(SystemClock));
    let loaders = Loaders::new(store, Versions::default());
    let mut request = Request::new(query).data(loaders.clone());
    if is_resolved {
        request = request.data(Resolved);
    }
    let response: Response = Batched::future(loaders, async move { schema.execute(request).await }).await;
    let told = |error: &ServerError| (error.message.clone(), format!("{:?}", error.path));
    let mut errors: Vec<_> = response.errors.iter().map(told).collect();
    errors.sort();
    let json: Json = serde_json::from_slice(&to_json(&response)).unwrap();
    (json["data"].clone(), errors)
}

#[tokio::test]
async fn an_object_is_written_with_what_is_resolved_of_it() {
    for (query, expected) in [
        (
            "{ numbers(of: [0, 3]) { value twice next { value } ...F } } fragment F on Number { again: twice }",
            json!({ "numbers": [
                { "value": 0, "twice": 0, "next": { "value": 1 }, "again": 0 },
                { "value": 3, "twice": 6, "next": { "value": 4 }, "again": 6 },
            ] }),
        ),
        (
            "{ number(of: 0) { twice value refused } }",
            json!({ "number": { "twice": 0, "value": 0, "refused": null } }),
        ),
        ("{ numbers(of: []) { value twice } }", json!({ "numbers": [] })),
        (
            "{ number(of: 2) { next { value twice } value } }",
            json!({ "number": { "next": { "value": 3, "twice": 6 }, "value": 2 } }),
        ),
    ] {
        assert_eq!(
            answer(query, false).await,
            (expected.clone(), Vec::new()),
            "{query}"
        );
        assert_eq!(answer(query, true).await, (expected, Vec::new()), "{query}");
    }
}

#[tokio::test]
async fn each_error_is_told_once_and_where_it_is() {
    for (query, errors) in [
        ("{ numbers(of: [0, 1, 2]) { value refused } }", 1),
        ("{ number(of: 1) { value refused } }", 1),
        // Where it may be null, the rest is there.
        ("{ numbers(of: [0, 1, -1]) { value next { required } } }", 2),
        ("{ number(of: 1) { value next { required } twice } }", 1),
        // What is looked up fails.
        ("{ number(of: 13) { value next { value } twice } }", 1),
        ("{ numbers(of: [0, 13, 1]) { twice next { value } value } }", 1),
    ] {
        let resolved = answer(query, true).await;
        assert_eq!(answer(query, false).await, resolved, "{query}");
        assert_eq!(resolved.1.len(), errors, "{query}: {resolved:?}");
    }
}

#[tokio::test]
async fn what_was_written_is_written_anew_where_anything_differs() {
    let schema = Schema::new(Query::default(), EmptyMutation, EmptySubscription);
    // The objects never change where there is a memo. That it is used shows where they do.
    for (query, expected) in [
        ("{ remembered(of: [1]) { value } }", json!([{ "value": 1 }])),
        ("{ remembered(of: [2]) { value } }", json!([{ "value": 1 }])),
        (
            "{ remembered(of: [3]) { other: value } }",
            json!([{ "other": 3 }]),
        ),
        (
            "{ remembered(of: [4]) { ...F } } fragment F on Number { value }",
            json!([{ "value": 4 }]),
        ),
        (
            "{ remembered(of: [5]) { ...F } } fragment F on Number { other: value }",
            json!([{ "other": 5 }]),
        ),
        (
            "{ remembered(of: [6]) { value twice } }",
            json!([{ "value": 6, "twice": 12 }]),
        ),
        (
            "{ remembered(of: [7]) { value twice } }",
            json!([{ "value": 7, "twice": 14 }]),
        ),
        (
            "{ remembered(of: [8]) { value @include(if: true) } }",
            json!([{ "value": 8 }]),
        ),
        (
            "{ remembered(of: [9]) { next { value } } }",
            json!([{ "next": { "value": 10 } }]),
        ),
        (
            "{ remembered(of: [7]) { next { value } } }",
            json!([{ "next": { "value": 10 } }]),
        ),
    ] {
        let (data, errors) = answer_by(schema.clone(), query, false).await;
        assert_eq!((&data["remembered"], errors.len()), (&expected, 0), "{query}");
    }
    // What is looked up is another.
    STEP.store(2, Ordering::SeqCst);
    let (data, _) = answer_by(schema, "{ remembered(of: [7]) { next { value } } }", false).await;
    assert_eq!(data["remembered"], json!([{ "next": { "value": 9 } }]));
}
