//! What a selection asks of a plain object: found out once, and followed for each object.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::parser::types::{Field, Selection, SelectionSet};
use async_graphql::{ContextSelectionSet, Name, OutputType, Positioned, Value};
use foldhash::fast::RandomState;
use futures_util::future::join_all;

use super::json::JsonWriter;
use super::look_ups::{LookUps, Missing};
use super::step::{LookedUp, ScalarOf, Step, Within, Writer};
use crate::graphql::loader::Key;
use crate::graphql::selected::{Fragments, Selected};

/// An object that writes its own fields, those that need nothing but itself and what the loaders find by it.
pub trait Plain: OutputType + Sized {
    /// How to write a field; none where it must be resolved, as one that has arguments must be.
    fn step<'p>(_: &'p Field, _: &Planner<'p>) -> Option<Step<'p, Self>>
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
    fields: Vec<Planned<'p, T>>,
}

/// A field of a selection.
struct Planned<'p, T> {
    field: &'p Positioned<Field>,
    /// Its key as JSON, with what comes before it.
    key: Vec<u8>,
    /// How it is written; none where it must be resolved.
    step: Option<Step<'p, T>>,
}

impl<'p, T: Plain + Sync> Plan<'p, T> {
    /// Looks up all that the fields of these objects need; none where they must be resolved.
    pub async fn prepare<'a>(
        &'a self,
        look_ups: &LookUps<'_>,
        objects: &[&T],
    ) -> Option<Prepared<'a, 'p, T>> {
        if objects.iter().any(|object| !object.is_whole()) {
            return None;
        }
        let steps = self.fields.iter().filter_map(|planned| match &planned.step {
            Some(Step::Prepared(step)) => Some(step.prepare(look_ups, objects)),
            Some(Step::Scalar(_) | Step::TypeName) | None => None,
        });
        let writers = join_all(steps).await.into_iter().collect::<Option<_>>()?;
        Some(Prepared { plan: self, writers })
    }

    /// The fields that are written, or those that must be resolved, as a selection; none where there are none.
    pub fn selection(&self, is_written: bool) -> Option<SelectionSet> {
        let fields = self
            .fields
            .iter()
            .filter(|planned| planned.step.is_some() == is_written)
            .map(|planned| planned.field);
        let items: Vec<_> = fields
            .map(|field| Positioned::new(Selection::Field(field.clone()), field.pos))
            .collect();
        (!items.is_empty()).then_some(SelectionSet { items })
    }

    /// How long an object usually is, in bytes.
    pub fn usual_length(&self) -> usize {
        self.fields.iter().map(|planned| planned.key.len() + 24).sum()
    }

    /// The keys, in the order of the selection.
    pub fn keys(&self) -> impl Iterator<Item = &'p Name> {
        self.fields.iter().map(|planned| key_of(&planned.field.node))
    }
}

/// A plan, and what was looked up for it.
pub struct Prepared<'a, 'p, T> {
    plan: &'a Plan<'p, T>,
    /// One for each step that is prepared, in their order.
    writers: Vec<Writer<'a, T>>,
}

impl<T: Plain> Prepared<'_, '_, T> {
    /// Writes one of the objects, all of whose fields are written.
    pub fn write(&self, object: &T, json: &mut JsonWriter) {
        self.write_with(object, &Value::Null, json);
    }

    /// Writes one of the objects, with the fields of it that were resolved.
    pub fn write_with(&self, object: &T, resolved: &Value, json: &mut JsonWriter) {
        let mut writers = self.writers.iter();
        for planned in &self.plan.fields {
            json.raw(&planned.key);
            match &planned.step {
                Some(Step::Scalar(write)) => write(object, json),
                Some(Step::TypeName) => json.value(&*object.introspection_type_name()),
                Some(Step::Prepared(_)) => json.optional(writers.next(), |json, write| write(object, json)),
                None => json.resolved(field_of(resolved, planned.field)),
            }
        }
        json.raw(b"}");
    }
}

/// What was resolved of a field.
fn field_of<'v>(resolved: &'v Value, field: &Positioned<Field>) -> &'v Value {
    let found = match resolved {
        Value::Object(fields) => fields.get(key_of(&field.node)),
        _ => None,
    };
    found.unwrap_or(&Value::Null)
}

fn key_of(field: &Field) -> &Name {
    &field.alias.as_ref().unwrap_or(&field.name).node
}

/// What the keys of a plan are the names of.
type Names<'a> = HashMap<&'a Name, &'a Name, RandomState>;

/// Makes plans.
pub struct Planner<'a> {
    fragments: &'a Fragments,
}

impl<'a> Planner<'a> {
    /// For the selections of a request.
    pub fn new(ctx: &ContextSelectionSet<'a>) -> Self {
        Self {
            fragments: &ctx.query_env.fragments,
        }
    }

    /// What is selected of a field.
    pub fn selected(&self, field: &'a Field) -> Selected<'a> {
        Selected::of(field, self.fragments)
    }

    /// The plan for a selection; none where nothing of it can be written.
    pub fn plan<T: Plain + 'a>(&self, set: &'a SelectionSet) -> Option<Plan<'a, T>> {
        let mut plan = Plan {
            fields: Vec::with_capacity(set.items.len()),
        };
        self.add(set, &mut plan, &mut Names::default())?;
        plan.fields
            .iter()
            .any(|planned| planned.step.is_some())
            .then_some(plan)
    }

    /// The plan for a selection of which all can be written.
    fn whole_plan<T: Plain + 'a>(&self, set: &'a SelectionSet) -> Option<Plan<'a, T>> {
        self.plan(set)
            .filter(|plan| plan.fields.iter().all(|planned| planned.step.is_some()))
    }

    /// `@skip` and `@include` have done their work before: a directive that is left is none that is known here.
    fn add<T: Plain + 'a>(
        &self,
        set: &'a SelectionSet,
        plan: &mut Plan<'a, T>,
        keys: &mut Names<'a>,
    ) -> Option<()> {
        for selection in &set.items {
            if !selection.node.directives().is_empty() {
                return None;
            }
            match &selection.node {
                Selection::Field(field) => self.add_field(field, plan, keys)?,
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

    fn add_field<T: Plain + 'a>(
        &self,
        field: &'a Positioned<Field>,
        plan: &mut Plan<'a, T>,
        keys: &mut Names<'a>,
    ) -> Option<()> {
        let name = &field.node.name.node;
        let key = key_of(&field.node);
        match keys.insert(key, name) {
            None => {}
            // The same scalar again.
            Some(earlier) if earlier == name && field.node.selection_set.node.items.is_empty() => {
                return Some(());
            }
            Some(_) => return None,
        }
        let step = match name.as_str() {
            "__typename" => Some(Step::TypeName),
            _ => T::step(&field.node, self),
        };
        let before: &[u8] = if plan.fields.is_empty() { b"{\"" } else { b",\"" };
        plan.fields.push(Planned {
            field,
            key: [before, key.as_bytes(), b"\":"].concat(),
            step,
        });
        Some(())
    }

    /// A field that is another plain object, which this one has; null where it has none.
    pub fn object<T: Sync + 'a, N: Plain + Sync + 'a>(
        &self,
        field: &'a Field,
        get: impl Fn(&T) -> Option<&N> + Send + Sync + 'a,
    ) -> Option<Step<'a, T>> {
        let plan = self.whole_plan::<N>(&field.selection_set.node)?;
        Some(Step::Prepared(Box::new(Within { get, plan })))
    }

    /// A field that is the plain object that a loader finds by the key; null where there is no key.
    pub fn found<T, K, N>(
        &self,
        field: &'a Field,
        missing: Missing,
        key: impl Fn(&T) -> Option<K> + Send + Sync + 'a,
    ) -> Option<Step<'a, T>>
    where
        T: Sync + 'a,
        K: Key<Value = Arc<N>>,
        N: Plain + PartialEq + Send + Sync + 'static,
    {
        let plan = self.whole_plan::<N>(&field.selection_set.node)?;
        Some(Step::Prepared(Box::new(LookedUp { key, missing, plan })))
    }

    /// A scalar that an object has a part in that a loader finds, and that must be there.
    pub fn scalar_of<T, K, N>(&self, key: fn(&T) -> K, write: fn(&T, &N, &mut JsonWriter)) -> Step<'a, T>
    where
        T: Sync + 'a,
        K: Key<Value = Arc<N>>,
        N: PartialEq + Send + Sync + 'static,
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
