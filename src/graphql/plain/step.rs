//! How one field of plain objects is written: the look-ups of all objects at once, then each object by itself.

use std::sync::Arc;

use async_trait::async_trait;

use super::json::JsonWriter;
use super::look_ups::{LookUps, Missing};
use super::plan::{Plain, Plan};
use crate::graphql::loader::{Key, Keys};

/// Writes the field of an object.
pub type Writer<'a, T> = Box<dyn Fn(&T, &mut JsonWriter) + Send + Sync + 'a>;

/// How a field is written.
pub enum Step<'p, T> {
    /// It is a scalar.
    Scalar(fn(&T, &mut JsonWriter)),
    /// It is the name of the type.
    TypeName,
    /// Something is looked up first.
    Prepared(Box<dyn StepOf<T> + 'p>),
}

/// A field that needs what loaders find.
#[async_trait]
pub trait StepOf<T>: Send + Sync {
    /// Looks up what the field needs of all these objects. Returns how it is written; none where it must be resolved, which says
    /// what went wrong with each.
    async fn prepare<'a>(&'a self, look_ups: &LookUps<'_>, objects: &[&T]) -> Option<Writer<'a, T>>;
}

/// A plain object that the other one has, if it has one.
pub(super) struct Within<'p, G, N> {
    /// Gets it.
    pub(super) get: G,
    /// What is asked of it.
    pub(super) plan: Plan<'p, N>,
}

#[async_trait]
impl<T, N, G> StepOf<T> for Within<'_, G, N>
where
    T: Sync,
    N: Plain + Sync,
    G: Fn(&T) -> Option<&N> + Send + Sync,
{
    async fn prepare<'a>(&'a self, look_ups: &LookUps<'_>, objects: &[&T]) -> Option<Writer<'a, T>> {
        let objects: Vec<&N> = objects.iter().filter_map(|object| (self.get)(object)).collect();
        let prepared = self.plan.prepare(look_ups, &objects).await?;
        Some(Box::new(move |object, json| {
            json.optional((self.get)(object), |json, within| prepared.write(within, json));
        }))
    }
}

/// A plain object that a loader finds.
pub(super) struct LookedUp<'p, G, N> {
    /// By what, if there is any.
    pub(super) key: G,
    /// What it means that a key finds nothing.
    pub(super) missing: Missing,
    /// What is asked of it.
    pub(super) plan: Plan<'p, N>,
}

#[async_trait]
impl<T, K, N, G> StepOf<T> for LookedUp<'_, G, N>
where
    T: Sync,
    G: Fn(&T) -> Option<K> + Send + Sync,
    K: Key<Value = Arc<N>>,
    N: Plain + PartialEq + Send + Sync + 'static,
{
    async fn prepare<'a>(&'a self, look_ups: &LookUps<'_>, objects: &[&T]) -> Option<Writer<'a, T>> {
        let keys: Keys<K> = objects.iter().filter_map(|object| (self.key)(object)).collect();
        let found = look_ups.find(keys, self.missing).await?;
        let objects: Vec<&N> = found.values().map(|found| &**found).collect();
        let prepared = self.plan.prepare(look_ups, &objects).await?;
        Some(Box::new(move |object, json| {
            let found = (self.key)(object).and_then(|key| found.get(&key));
            json.optional(found, |json, found| prepared.write(found, json));
        }))
    }
}

/// A scalar that an object has a part in that a loader finds.
pub(super) struct ScalarOf<T, K, N> {
    /// By what.
    pub(super) key: fn(&T) -> K,
    /// How it is written.
    pub(super) write: fn(&T, &N, &mut JsonWriter),
}

#[async_trait]
impl<T, K, N> StepOf<T> for ScalarOf<T, K, N>
where
    T: Sync,
    K: Key<Value = Arc<N>>,
    N: PartialEq + Send + Sync + 'static,
{
    async fn prepare<'a>(&'a self, look_ups: &LookUps<'_>, objects: &[&T]) -> Option<Writer<'a, T>> {
        let keys = objects.iter().map(|object| (self.key)(object));
        let found = look_ups.find(keys.collect(), Missing::IsFault).await?;
        Some(Box::new(move |object, json| {
            let found = found.get(&(self.key)(object));
            json.optional(found, |json, found| (self.write)(object, found, json));
        }))
    }
}
