//! What a selection asks of a plain object: found out once, and followed for each object.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::parser::types::{Field, FragmentDefinition, Selection, SelectionSet};
use async_graphql::{ContextSelectionSet, Name, OutputType, Positioned};
use futures_util::future::join_all;

use super::json::JsonWriter;
use super::step::{LookedUp, Missing, ScalarOf, Step, Within, Writer};
use crate::graphql::loader::{Key, Loaders};

/// An object that writes its own fields, those that need nothing but itself and what the loaders find by it.
pub trait Plain: OutputType + Sized {
    /// How to write a field; none where it must be resolved, as one that has arguments must be.
    fn step<'p>(_: &Field, _: &Planner<'_>) -> Option<Step<'p, Self>>
    where
        Self: 'p,
    {
        None
    }

    /// Whether it has all that its steps need.
    fn is_whole(&self) -> bool {
        true
    }
}

/// How to write the objects of one selection.
pub struct Plan<'p, T> {
    /// The key as JSON, with what comes before it.
    steps: Vec<(Vec<u8>, Step<'p, T>)>,
}

impl<'p, T: Plain + Sync> Plan<'p, T> {
    /// Looks up all that the fields of these objects need; none where they must be resolved.
    pub async fn prepare<'a>(&'a self, loaders: &'a Loaders, objects: &[&T]) -> Option<Prepared<'a, 'p, T>> {
        if objects.iter().any(|object| !object.is_whole()) {
            return None;
        }
        let steps = self.steps.iter().filter_map(|(_, step)| match step {
            Step::Prepared(step) => Some(step.prepare(loaders, objects)),
            Step::Scalar(_) | Step::TypeName => None,
        });
        let writers = join_all(steps).await.into_iter().collect::<Option<_>>()?;
        Some(Prepared { plan: self, writers })
    }
}

/// A plan, and what was looked up for it.
pub struct Prepared<'a, 'p, T> {
    plan: &'a Plan<'p, T>,
    /// One for each step that is prepared, in their order.
    writers: Vec<Writer<'a, T>>,
}

impl<T: Plain> Prepared<'_, '_, T> {
    /// Writes one of the objects.
    pub fn write(&self, object: &T, json: &mut JsonWriter) {
        let mut writers = self.writers.iter();
        for (key, step) in &self.plan.steps {
            json.raw(key);
            match step {
                Step::Scalar(write) => write(object, json),
                Step::TypeName => json.value(&*object.introspection_type_name()),
                Step::Prepared(_) => json.optional(writers.next(), |json, write| write(object, json)),
            }
        }
        json.raw(b"}");
    }
}

/// Makes plans.
pub struct Planner<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
}

impl<'a> Planner<'a> {
    /// For the selections of a request.
    pub fn new(ctx: &ContextSelectionSet<'a>) -> Self {
        Self {
            fragments: &ctx.query_env.fragments,
        }
    }

    /// The plan for a selection; none where it asks for more than plain fields.
    pub fn plan<'p, T: Plain + 'p>(&self, set: &SelectionSet) -> Option<Plan<'p, T>> {
        let mut plan = Plan {
            steps: Vec::with_capacity(set.items.len()),
        };
        self.add(set, &mut plan, &mut HashMap::new())?;
        (!plan.steps.is_empty()).then_some(plan)
    }

    /// `@skip` and `@include` have done their work before: a directive that is left is none that is known here.
    fn add<'p, T: Plain + 'p>(
        &self,
        set: &SelectionSet,
        plan: &mut Plan<'p, T>,
        keys: &mut HashMap<Name, Name>,
    ) -> Option<()> {
        for selection in &set.items {
            if !selection.node.directives().is_empty() {
                return None;
            }
            match &selection.node {
                Selection::Field(field) => self.add_field(&field.node, plan, keys)?,
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    is_of::<T>(condition.map(|condition| &condition.node.on.node))?;
                    self.add(&fragment.node.selection_set.node, plan, keys)?;
                }
                Selection::FragmentSpread(spread) => {
                    let fragment = &self.fragments.get(&spread.node.fragment_name.node)?.node;
                    is_of::<T>(Some(&fragment.type_condition.node.on.node))?;
                    self.add(&fragment.selection_set.node, plan, keys)?;
                }
            }
        }
        Some(())
    }

    fn add_field<'p, T: Plain + 'p>(
        &self,
        field: &Field,
        plan: &mut Plan<'p, T>,
        keys: &mut HashMap<Name, Name>,
    ) -> Option<()> {
        let name = &field.name.node;
        let key = &field.alias.as_ref().unwrap_or(&field.name).node;
        let step = match name.as_str() {
            "__typename" => Step::TypeName,
            _ => T::step(field, self)?,
        };
        match keys.insert(key.clone(), name.clone()) {
            None => {}
            // The same scalar again.
            Some(earlier) if earlier == *name && field.selection_set.node.items.is_empty() => return Some(()),
            Some(_) => return None,
        }
        let before = if plan.steps.is_empty() { '{' } else { ',' };
        plan.steps
            .push((format!("{before}\"{key}\":").into_bytes(), step));
        Some(())
    }

    /// A field that is another plain object, which this one has; null where it has none.
    pub fn object<'p, T: Sync + 'p, N: Plain + Sync + 'p>(
        &self,
        field: &Field,
        get: impl Fn(&T) -> Option<&N> + Send + Sync + 'p,
    ) -> Option<Step<'p, T>> {
        let plan = self.plan::<N>(&field.selection_set.node)?;
        Some(Step::Prepared(Box::new(Within { get, plan })))
    }

    /// A field that is the plain object that a loader finds by the key; null where there is no key.
    pub fn found<'p, T, K, N>(
        &self,
        field: &Field,
        missing: Missing,
        key: fn(&T) -> Option<K>,
    ) -> Option<Step<'p, T>>
    where
        T: Sync + 'p,
        K: Key<Value = Arc<N>>,
        N: Plain + Send + Sync + 'static,
    {
        let plan = self.plan::<N>(&field.selection_set.node)?;
        Some(Step::Prepared(Box::new(LookedUp { key, missing, plan })))
    }

    /// A scalar that an object has a part in that a loader finds, and that must be there.
    pub fn scalar_of<'p, T, K, N>(&self, key: fn(&T) -> K, write: fn(&T, &N, &mut JsonWriter)) -> Step<'p, T>
    where
        T: Sync + 'p,
        K: Key<Value = Arc<N>>,
        N: Send + Sync + 'static,
    {
        Step::Prepared(Box::new(ScalarOf { key, write }))
    }
}

/// A fragment on another type, an interface perhaps, is resolved.
fn is_of<T: OutputType>(condition: Option<&Name>) -> Option<()> {
    condition
        .is_none_or(|condition| T::type_name() == condition.as_str())
        .then_some(())
}
