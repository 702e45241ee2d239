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

use self::json::{JsonWriter, length};
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
    let memo = memo.zip(look_ups.made());
    if let Some(((memo, selection), made)) = &memo
        && let Some(json) = memo.with(selection, made)
    {
        return Some(Ok(json));
    }
    let own = objects.len() * plan.usual_length();
    let mut json = JsonWriter::with_capacity(own + rest.iter().map(length).sum::<usize>());
    let mut rest = rest.into_iter();
    let mut write = |json: &mut JsonWriter, object: &&T| {
        prepared.write_with(object, &rest.next().unwrap_or_default(), json);
    };
    match (is_list, objects) {
        (false, [object]) => write(&mut json, object),
        _ => json.list(objects, write),
    }
    let json = Value::Binary(json.into_bytes().into());
    if let Some(((memo, selection), made)) = memo {
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
    pub fn with_memo(list: L, memo: &'m Memo) -> Self {
        Self {
            list,
            memo: Some(memo),
        }
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
mod tests;
