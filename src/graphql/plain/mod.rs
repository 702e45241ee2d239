//! Plain objects, written straight as JSON.
//!
//! async-graphql resolves each field of each object in a future of its own, and collects the values in maps: some 3,600
//! instructions a scalar. Where a selection asks only for what an object holds itself, a [`Plan`] is made of it once, and each
//! object is written to a buffer, which the answer carries as `Value::Binary` until [`json::to_json`] splices it in. Any other
//! selection is resolved as usual, and so is all of a request that asks for one object in several places of a selection, whose
//! answers would have to be merged.

pub mod json;
mod merges;
mod plan;

use std::borrow::Cow;
use std::ops::Deref;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{ContextSelectionSet, OutputType, Positioned, ServerResult, Value};
use futures_util::future::try_join_all;
use timestore_entity::ids::StorageTargetId;

use self::json::JsonWriter;
pub use self::merges::merges;
pub use self::plan::{Plain, Plan, Planner, Step, Targets};
use super::error::Result;
use super::keys::StorageTargetById;
use super::loader::Loaders;

/// In the data of a request: everything is resolved.
#[derive(Clone, Copy, Debug)]
pub struct Resolved;

/// The plan for what a field selects, where it has one.
fn plan<'p, T: Plain + 'p>(ctx: &ContextSelectionSet<'_>) -> Option<Plan<'p, T>> {
    if ctx.data_opt::<Resolved>().is_some() {
        return None;
    }
    Planner::new(ctx).plan(&ctx.item.node)
}

/// The storage targets that objects lie on.
async fn targets_of<T: Plain>(ctx: &ContextSelectionSet<'_>, objects: &[T]) -> Result<Targets> {
    let mut ids: Vec<StorageTargetId> = Vec::new();
    for id in objects.iter().filter_map(T::storage_target_id) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let loaders: &Loaders = ctx.data_unchecked();
    let found = ids
        .iter()
        .map(async |&id| Ok((id, loaders.expect(StorageTargetById(id)).await?)));
    try_join_all(found).await.map(Targets)
}

/// An object that is written where it can be, and resolved otherwise.
#[derive(Clone, Debug)]
pub struct Written<P>(pub P);

impl<P> OutputType for Written<P>
where
    P: Deref<Target: Plain> + OutputType,
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
        match plan::<P::Target>(ctx) {
            Some(plan) if !plan.needs_targets() => {
                let mut json = JsonWriter::default();
                plan.write(&self.0, &Targets::default(), &mut json);
                Ok(Value::Binary(json.into_bytes().into()))
            }
            _ => P::resolve(&self.0, ctx, field).await,
        }
    }
}

/// A list of objects that are written where they can be, and resolved otherwise.
#[derive(Clone, Debug)]
pub struct WrittenList<L>(pub L);

impl<L, T> OutputType for WrittenList<L>
where
    L: Deref<Target = [T]> + OutputType,
    T: Plain,
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
        let Some(plan) = plan::<T>(ctx) else {
            return L::resolve(&self.0, ctx, field).await;
        };
        let targets = match plan.needs_targets() {
            true => targets_of(ctx, &self.0).await,
            false => Ok(Targets::default()),
        };
        match targets {
            Ok(targets) => {
                let mut json = JsonWriter::default();
                json.list(self.0.iter(), |json, object| plan.write(object, &targets, json));
                Ok(Value::Binary(json.into_bytes().into()))
            }
            // Each object says by itself what went wrong.
            Err(_) => L::resolve(&self.0, ctx, field).await,
        }
    }
}
