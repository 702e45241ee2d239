//! What a selection asks of a plain object: found out once, and followed for each object.

use std::collections::HashMap;
use std::fmt::Write as _;

use async_graphql::parser::types::{Field, FragmentDefinition, Selection, SelectionSet};
use async_graphql::{ContextSelectionSet, Name, OutputType, Positioned};

use super::json::JsonWriter;

/// An object that writes its own fields, those that need nothing but itself.
pub trait Plain: OutputType + Sized {
    /// How to write a field; none where it must be resolved, as one that has arguments must be.
    fn step<'p>(field: &Field, planner: &Planner<'_>) -> Option<Step<'p, Self>>
    where
        Self: 'p,
    {
        let _ = (field, planner);
        None
    }
}

/// How a field is written.
pub enum Step<'p, T> {
    /// It is a scalar.
    Scalar(fn(&T, &mut JsonWriter)),
    /// It is a plain object or a list of such, with a plan of its own; how to write it, and the text of that plan.
    Nested(Box<dyn Fn(&T, &mut JsonWriter) + Send + Sync + 'p>, String),
    /// It is the name of the type.
    TypeName,
}

/// How to write the objects of one selection.
pub struct Plan<'p, T> {
    /// The key as JSON, with what comes before it.
    steps: Vec<(Vec<u8>, Step<'p, T>)>,
    text: String,
}

impl<T: Plain> Plan<'_, T> {
    /// What tells this plan from others of the same type: equal plans write equal JSON.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Writes an object.
    pub fn write(&self, object: &T, json: &mut JsonWriter) {
        for (key, step) in &self.steps {
            json.raw(key);
            match step {
                Step::Scalar(write) => write(object, json),
                Step::Nested(write, _) => write(object, json),
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
            text: String::new(),
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
            (Step::Nested(_, nested), None) => drop(write!(plan.text, "{key}:{name}{{{nested}}} ")),
            (_, None) => drop(write!(plan.text, "{key}:{name} ")),
            // The same scalar again.
            (Step::Scalar(_) | Step::TypeName, Some(earlier)) if earlier == *name => return Some(()),
            (_, Some(_)) => return None,
        }
        let before = if plan.steps.is_empty() { '{' } else { ',' };
        plan.steps
            .push((format!("{before}\"{key}\":").into_bytes(), step));
        Some(())
    }

    /// A field that is a plain object.
    pub fn object<'p, T: 'p, N: Plain + 'p>(
        &self,
        field: &Field,
        get: impl Fn(&T) -> &N + Send + Sync + 'p,
    ) -> Option<Step<'p, T>> {
        let plan = self.plan::<N>(&field.selection_set.node)?;
        let text = plan.text.clone();
        let write = move |object: &T, json: &mut JsonWriter| plan.write(get(object), json);
        Some(Step::Nested(Box::new(write), text))
    }
}

/// A fragment on another type, an interface perhaps, is resolved.
fn is_of<T: OutputType>(condition: Option<&Name>) -> Option<()> {
    condition
        .is_none_or(|condition| T::type_name() == condition.as_str())
        .then_some(())
}
