//! Plain objects, written straight as JSON.
//!
//! async-graphql resolves each field of each object in a future of its own, and collects the values in maps: some 3,600
//! instructions a scalar. Where a selection asks only for what an object holds itself, or for plain objects that loaders find by
//! it, a plan is made of it once, the look-ups of all objects are made together, and each object is written to a buffer. The
//! answer carries it as `Value::Binary` until [`json::to_json`] splices it in. Any other selection is resolved as usual, and so is
//! all of a request that asks for one object in several places of a selection, whose answers would have to be merged.

pub mod json;
mod merges;
mod plan;
mod step;

use std::borrow::Cow;
use std::ops::Deref;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{ContextSelectionSet, OutputType, Positioned, ServerResult, Value};

use self::json::JsonWriter;
pub use self::merges::merges;
pub use self::plan::{Plain, Planner};
use self::plan::{Plan, Prepared};
pub use self::step::{Missing, Step};

/// In the data of a request: everything is resolved.
#[derive(Clone, Copy, Debug)]
pub struct Resolved;

/// These objects as JSON; none where they must be resolved.
async fn written<T: Plain + Sync>(
    ctx: &ContextSelectionSet<'_>,
    objects: &[&T],
    write: impl FnOnce(Prepared<'_, '_, T>, &mut JsonWriter),
) -> Option<Value> {
    if ctx.data_opt::<Resolved>().is_some() {
        return None;
    }
    let plan: Plan<'_, T> = Planner::new(ctx).plan(&ctx.item.node)?;
    let prepared = plan.prepare(ctx.data_unchecked(), objects).await?;
    let mut json = JsonWriter::default();
    write(prepared, &mut json);
    Some(Value::Binary(json.into_bytes().into()))
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
        let object: &P::Target = &self.0;
        match written(ctx, &[object], |prepared, json| prepared.write(object, json)).await {
            Some(written) => Ok(written),
            None => P::resolve(&self.0, ctx, field).await,
        }
    }
}

/// A list of objects that are written where they can be, and resolved otherwise.
#[derive(Clone, Debug)]
pub struct WrittenList<L>(pub L);

impl<L, T> OutputType for WrittenList<L>
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
        let objects: Vec<&T> = self.0.iter().collect();
        let write = |prepared: Prepared<'_, '_, T>, json: &mut JsonWriter| {
            json.list(&objects, |json, object| prepared.write(object, json));
        };
        match written(ctx, &objects, write).await {
            Some(written) => Ok(written),
            None => L::resolve(&self.0, ctx, field).await,
        }
    }
}
