//! What a selection asks of a plain object: found out once, and followed for each object.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::parser::types::{Field, FragmentDefinition, Selection, SelectionSet};
use async_graphql::{ContextSelectionSet, Name, OutputType, Positioned};
use timestore_entity::ids::StorageTargetId;

use super::json::JsonWriter;
use crate::graphql::storage_target::StorageTarget;

/// An object that writes its own fields, those that need nothing but itself and the storage target that it lies on.
pub trait Plain: OutputType + Sized {
    /// How to write a field; none where it must be resolved, as one that has arguments must be.
    fn step<'p>(_: &Field, _: &Planner<'_>) -> Option<Step<'p, Self>>
    where
        Self: 'p,
    {
        None
    }

    /// The storage target that it lies on.
    fn storage_target_id(&self) -> Option<StorageTargetId> {
        None
    }
}

/// The storage targets that objects lie on: a few.
#[derive(Debug, Default)]
pub struct Targets(pub Vec<(StorageTargetId, Arc<StorageTarget>)>);

impl Targets {
    fn of(&self, object: &impl Plain) -> Option<&StorageTarget> {
        let id = object.storage_target_id()?;
        let found = self.0.iter().find(|(target, _)| *target == id);
        found.map(|(_, target)| &**target)
    }
}

/// How a field is written.
pub enum Step<'p, T> {
    /// It is a scalar.
    Scalar(fn(&T, &mut JsonWriter)),
    /// It is a scalar that the storage target has a part in.
    OfTarget(fn(&T, &StorageTarget, &mut JsonWriter)),
    /// It is a plain object.
    Object(ObjectStep<'p, T>),
    /// It is the name of the type.
    TypeName,
}

/// How a field is written that is a plain object.
pub struct ObjectStep<'p, T> {
    write: WriteObject<'p, T>,
    needs_targets: bool,
}

type WriteObject<'p, T> = Box<dyn Fn(&T, &Targets, &mut JsonWriter) + Send + Sync + 'p>;

/// How to write the objects of one selection.
pub struct Plan<'p, T> {
    /// The key as JSON, with what comes before it.
    steps: Vec<(Vec<u8>, Step<'p, T>)>,
    needs_targets: bool,
}

impl<T: Plain> Plan<'_, T> {
    /// Whether fields are of the storage targets of the objects.
    pub fn needs_targets(&self) -> bool {
        self.needs_targets
    }

    /// Writes an object, which lies on one of these storage targets where that is needed.
    pub fn write(&self, object: &T, targets: &Targets, json: &mut JsonWriter) {
        for (key, step) in &self.steps {
            json.raw(key);
            match step {
                Step::Scalar(write) => write(object, json),
                Step::OfTarget(write) => {
                    json.optional(targets.of(object), |json, target| write(object, target, json));
                }
                Step::Object(step) => (step.write)(object, targets, json),
                Step::TypeName => json.value(&*object.introspection_type_name()),
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
            needs_targets: false,
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
        match (&step, keys.insert(key.clone(), name.clone())) {
            (Step::Object(step), None) => plan.needs_targets |= step.needs_targets,
            (step, None) => plan.needs_targets |= matches!(step, Step::OfTarget(_)),
            // The same scalar again.
            (Step::Scalar(_) | Step::OfTarget(_) | Step::TypeName, Some(earlier)) if earlier == *name => {
                return Some(());
            }
            (_, Some(_)) => return None,
        }
        let before = if plan.steps.is_empty() { '{' } else { ',' };
        plan.steps
            .push((format!("{before}\"{key}\":").into_bytes(), step));
        Some(())
    }

    /// A field that is another plain object.
    pub fn object<'p, T: 'p, N: Plain + 'p>(
        &self,
        field: &Field,
        get: impl Fn(&T) -> &N + Send + Sync + 'p,
    ) -> Option<Step<'p, T>> {
        let plan = self.plan::<N>(&field.selection_set.node)?;
        Some(Step::Object(ObjectStep {
            needs_targets: plan.needs_targets,
            write: Box::new(move |object, targets, json| plan.write(get(object), targets, json)),
        }))
    }

    /// A field that is the storage target.
    pub fn target<'p, T: Plain + 'p>(&self, field: &Field) -> Option<Step<'p, T>> {
        let plan = self.plan::<StorageTarget>(&field.selection_set.node)?;
        Some(Step::Object(ObjectStep {
            needs_targets: true,
            write: Box::new(move |object, targets, json| {
                json.optional(targets.of(object), |json, target| {
                    plan.write(target, targets, json)
                });
            }),
        }))
    }
}

/// A fragment on another type, an interface perhaps, is resolved.
fn is_of<T: OutputType>(condition: Option<&Name>) -> Option<()> {
    condition
        .is_none_or(|condition| T::type_name() == condition.as_str())
        .then_some(())
}
