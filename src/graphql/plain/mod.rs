//! Plain objects, written straight as JSON.
//!
//! async-graphql resolves each field of each object in a future of its own, and collects the values in maps: some 3,600
//! instructions a scalar. For what a selection asks of what an object holds itself, or of plain objects that loaders find by it, a plan
//! is made once, the look-ups of all objects are made together, and each object is written to a buffer, with whatever else was
//! resolved of it in its place. The answer carries it as `Value::Binary` until [`json::to_json`] splices it in. All of a request is
//! resolved that asks for one object in several places of a selection, whose answers would have to be merged.

pub mod json;
mod look_ups;
mod memo;
mod merges;
mod plan;
mod step;

use std::borrow::Cow;
use std::ops::Deref;

use async_graphql::parser::types::{Field, SelectionSet};
use async_graphql::registry::Registry;
use async_graphql::{ContextSelectionSet, Name, OutputType, Positioned, ServerResult, Value};
use futures_util::future::{join, try_join_all};

use self::json::JsonWriter;
use self::look_ups::LookUps;
pub use self::look_ups::Missing;
pub use self::memo::Memo;
use self::memo::selection_of;
pub use self::merges::merges;
use self::plan::Plan;
pub use self::plan::{Plain, Planner};
pub use self::step::Step;

/// In the data of a request: everything is resolved.
#[derive(Clone, Copy, Debug)]
pub struct Resolved;

/// These objects, a list of a request where they are one; none where they must be resolved.
async fn written<T: Plain + Sync>(
    ctx: &ContextSelectionSet<'_>,
    field: &Positioned<Field>,
    objects: &[&T],
    is_list: bool,
    memo: Option<&Memo>,
) -> Option<ServerResult<Value>> {
    if ctx.data_opt::<Resolved>().is_some() || objects.iter().any(|object| !object.is_whole()) {
        return None;
    }
    let loaders = ctx.data_unchecked();
    let memo = memo.and_then(|memo| Some((memo, selection_of(ctx)?)));
    if let Some((memo, selection)) = &memo
        && let Some(json) = memo.recall(selection, loaders).await
    {
        return Some(Ok(json));
    }
    let plan: Plan<'_, T> = Planner::new(ctx).plan(&ctx.item.node)?;
    let rest = plan.selection(false);
    let memo = memo.filter(|_| rest.is_none());
    let rest = resolved(ctx, field, rest, objects, is_list);
    let look_ups = LookUps::new(loaders, memo.is_some());
    let (prepared, rest) = join(plan.prepare(&look_ups, objects), rest).await;
    let rest = match rest {
        Ok(rest) => rest,
        Err(error) => return Some(Err(error)),
    };
    let Some(prepared) = prepared else {
        // What could not be looked up is said where it is resolved; the rest is not resolved again.
        let own = resolved(ctx, field, plan.selection(true), objects, is_list).await;
        return Some(own.map(|own| {
            let objects = own.into_iter().zip(rest);
            let mut objects = objects.map(|(own, rest)| together(&plan, own, rest));
            match is_list {
                true => Value::List(objects.collect()),
                false => objects.next().unwrap_or_default(),
            }
        }));
    };
    let mut json = JsonWriter::default();
    let mut rest = rest.into_iter();
    let mut write = |json: &mut JsonWriter, object: &&T| {
        prepared.write_with(object, &rest.next().unwrap_or_default(), json);
    };
    match (is_list, objects) {
        (false, [object]) => write(&mut json, object),
        _ => json.list(objects, write),
    }
    let json = Value::Binary(json.into_bytes().into());
    if let Some((memo, selection)) = memo
        && let Some(made) = look_ups.made()
    {
        memo.keep(selection, made, json.clone());
    }
    Some(Ok(json))
}

/// What is resolved of these objects, each an object of its own; nothing where that is none of their fields.
async fn resolved<T: Plain + Sync>(
    ctx: &ContextSelectionSet<'_>,
    field: &Positioned<Field>,
    selection: Option<SelectionSet>,
    objects: &[&T],
    is_list: bool,
) -> ServerResult<Vec<Value>> {
    let Some(selection) = selection else {
        return Ok(vec![Value::Null; objects.len()]);
    };
    let selection = Positioned::new(selection, ctx.item.pos);
    let each = objects.iter().enumerate().map(|(index, object)| {
        let selection = &selection;
        async move {
            match is_list {
                true => {
                    let ctx = ctx.with_index(index);
                    let resolved = object.resolve(&ctx.with_selection_set(selection), field).await;
                    resolved.map_err(|error| ctx.set_error_path(error))
                }
                false => object.resolve(&ctx.with_selection_set(selection), field).await,
            }
        }
    });
    try_join_all(each).await
}

/// The fields of an object that were resolved apart, in the order of the selection.
fn together<T: Plain + Sync>(plan: &Plan<'_, T>, own: Value, rest: Value) -> Value {
    let mut fields = [own, rest].map(|part| match part {
        Value::Object(fields) => fields,
        _ => Default::default(),
    });
    let mut take = |key: &Name| fields.iter_mut().find_map(|fields| fields.swap_remove(key));
    let found = plan.keys().filter_map(|key| Some((key.clone(), take(key)?)));
    Value::Object(found.collect())
}

/// An object that is written where it can be, and resolved otherwise.
#[derive(Clone, Debug)]
pub struct Written<P>(pub P);

impl<P> OutputType for Written<P>
where
    P: Deref<Target: Plain + Sync> + OutputType,
{
    fn type_name() -> Cow<'static, str> {
        P::type_name()
    }

    fn qualified_type_name() -> String {
        P::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        P::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        match written(ctx, field, &[&*self.0], false, None).await {
            Some(written) => written,
            None => P::resolve(&self.0, ctx, field).await,
        }
    }
}

/// A list of objects that are written where they can be, and resolved otherwise.
pub struct WrittenList<'m, L> {
    list: L,
    memo: Option<&'m Memo>,
}

impl<'m, L> WrittenList<'m, L> {
    /// A list.
    pub fn new(list: L) -> Self {
        Self { list, memo: None }
    }

    /// A list that never changes, and how it was written before.
    pub fn with_memo(list: L, memo: Option<&'m Memo>) -> Self {
        Self { list, memo }
    }
}

impl<L, T> OutputType for WrittenList<'_, L>
where
    L: Deref<Target = [T]> + OutputType,
    T: Plain + Sync,
{
    fn type_name() -> Cow<'static, str> {
        L::type_name()
    }

    fn qualified_type_name() -> String {
        L::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        L::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let objects: Vec<&T> = self.list.iter().collect();
        match written(ctx, field, &objects, true, self.memo).await {
            Some(written) => written,
            None => L::resolve(&self.list, ctx, field).await,
        }
    }
}

#[cfg(test)]
mod tests {
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
            WrittenList::with_memo(of.into_iter().map(Number).collect(), Some(&self.0))
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
}
