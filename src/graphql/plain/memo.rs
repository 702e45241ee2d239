//! How objects that never change were written, kept beside them.
//!
//! What a selection asks of them is the same each time but for what is looked up: that is looked up again, and where it is what it was,
//! so is the answer. Neither are the objects touched, which lie all over the memory.

use std::iter::zip;
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::parser::types::{Selection, SelectionSet};
use async_graphql::{ContextSelectionSet, Value};
use futures_util::future::join_all;

use super::look_ups::Made;
use crate::graphql::loader::Loaders;

/// How the same objects were written the last time. Of several selections, the last one is kept.
#[derive(Default)]
pub struct Memo(Mutex<Option<Arc<Written>>>);

/// How they were written.
struct Written {
    selection: String,
    look_ups: Made,
    json: Value,
}

impl Memo {
    /// How they are written for this selection, where that is known.
    pub(super) async fn recall(&self, selection: &str, loaders: &Loaders) -> Option<Value> {
        let written = self.written(selection)?;
        let again = written
            .look_ups
            .iter()
            .map(|look_up| look_up.finds_the_same(loaders));
        let is_same = join_all(again).await.into_iter().all(|is_same| is_same);
        is_same.then(|| written.json.clone())
    }

    /// How they were written for this selection with the same look-ups, as of another version that has them too.
    pub(super) fn with(&self, selection: &str, look_ups: &Made) -> Option<Value> {
        let written = self.written(selection)?;
        let are_same = written.look_ups.len() == look_ups.len()
            && zip(&written.look_ups, look_ups).all(|(one, other)| one.found_the_same(&**other));
        are_same.then(|| written.json.clone())
    }

    fn written(&self, selection: &str) -> Option<Arc<Written>> {
        let written = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        written.filter(|written| written.selection == selection)
    }

    /// Keeps how they were written for this selection, with these look-ups.
    pub(super) fn keep(&self, selection: String, look_ups: Made, json: Value) {
        let written = Written {
            selection,
            look_ups,
            json,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(written));
    }
}

/// What a selection asks for, as a text; none where that depends on more than the selection.
pub(super) fn selection_of(ctx: &ContextSelectionSet<'_>) -> Option<String> {
    let mut text = String::with_capacity(256);
    describe(ctx, &ctx.item.node, &mut text)?;
    Some(text)
}

/// Fields with their keys, as the document has them, fragments in their places. None where there are arguments or directives.
fn describe(ctx: &ContextSelectionSet<'_>, set: &SelectionSet, text: &mut String) -> Option<()> {
    for selection in &set.items {
        if !selection.node.directives().is_empty() {
            return None;
        }
        let (condition, within) = match &selection.node {
            Selection::Field(field) => {
                let field = &field.node;
                if !field.arguments.is_empty() {
                    return None;
                }
                if let Some(alias) = &field.alias {
                    text.push_str(&alias.node);
                    text.push(':');
                }
                text.push_str(&field.name.node);
                (None, &field.selection_set)
            }
            Selection::InlineFragment(fragment) => {
                let condition = fragment.node.type_condition.as_ref();
                (
                    condition.map(|condition| &condition.node.on.node),
                    &fragment.node.selection_set,
                )
            }
            Selection::FragmentSpread(spread) => {
                let fragment = &ctx.query_env.fragments.get(&spread.node.fragment_name.node)?.node;
                (
                    Some(&fragment.type_condition.node.on.node),
                    &fragment.selection_set,
                )
            }
        };
        if let Some(condition) = condition {
            text.push_str("...");
            text.push_str(condition);
        }
        if !within.node.items.is_empty() {
            text.push('{');
            describe(ctx, &within.node, text)?;
            text.push('}');
        }
        text.push(' ');
    }
    Some(())
}
