//! What a selection asks for: its fields, those of fragments in their places.
//!
//! What `@skip` and `@include` leave out is gone before. A fragment on another type does no harm: no more is read than it may ask for.

use std::collections::HashMap;

use async_graphql::parser::types::{Field, FragmentDefinition, Selection, SelectionSet};
use async_graphql::{Context, Name, Positioned, Value as ConstValue};
use async_graphql_value::Value;

use crate::store::{ByPlace, Columns};

/// The fragments of a document.
pub type Fragments = HashMap<Name, Positioned<FragmentDefinition>>;

/// A selection.
#[derive(Clone, Copy, Debug)]
pub struct Selected<'a> {
    set: &'a SelectionSet,
    fragments: &'a Fragments,
}

impl<'a> Selected<'a> {
    /// What is selected of a field.
    pub fn of(field: &'a Field, fragments: &'a Fragments) -> Self {
        Self {
            set: &field.selection_set.node,
            fragments,
        }
    }

    /// What is selected of the field that is being resolved.
    pub fn now(ctx: &Context<'a>) -> Self {
        Self::of(&ctx.item.node, &ctx.query_env.fragments)
    }

    /// Shows `each` the fields, one after the other.
    pub fn for_each(self, each: &mut dyn FnMut(&'a Field)) {
        for selection in &self.set.items {
            let within = match &selection.node {
                Selection::Field(field) => {
                    each(&field.node);
                    continue;
                }
                Selection::InlineFragment(fragment) => Some(&fragment.node.selection_set.node),
                Selection::FragmentSpread(spread) => {
                    let fragment = self.fragments.get(&spread.node.fragment_name.node);
                    fragment.map(|fragment| &fragment.node.selection_set.node)
                }
            };
            if let Some(set) = within {
                Self { set, ..self }.for_each(each);
            }
        }
    }

    /// Shows `each` the fields of the objects of a connection.
    pub fn for_each_of_list(self, each: &mut dyn FnMut(&'a Field)) {
        self.for_each(&mut |field| {
            let within = Self::of(field, self.fragments);
            match field.name.node.as_str() {
                "nodes" => within.for_each(each),
                "edges" => within.for_each(&mut |field| {
                    if field.name.node == "node" {
                        Self::of(field, self.fragments).for_each(each);
                    }
                }),
                _ => {}
            }
        });
    }

    /// The columns of an object that its fields are made of, as `columns_of` says.
    pub fn columns<M: ByPlace>(self, columns_of: fn(&str) -> Columns) -> Columns {
        let mut columns = Columns::named::<M>(&[]);
        self.for_each(&mut |field| columns = columns.or(columns_of(&field.name.node)));
        columns
    }

    /// The same of the objects of a connection.
    pub fn columns_of_list<M: ByPlace>(self, columns_of: fn(&str) -> Columns) -> Columns {
        let mut columns = Columns::named::<M>(&[]);
        self.for_each_of_list(&mut |field| columns = columns.or(columns_of(&field.name.node)));
        columns
    }
}

/// Whether all arguments of a field are null, or variables without a value.
pub fn has_no_arguments(field: &Field, ctx: &Context<'_>) -> bool {
    let operation = &ctx.query_env.operation.node;
    let default = |name: &Name| {
        let mut defined = operation.variable_definitions.iter();
        let defined = defined.find(|variable| variable.node.name.node == *name)?;
        defined.node.default_value()
    };
    field.arguments.iter().all(|(_, value)| match &value.node {
        Value::Null => true,
        Value::Variable(name) => {
            let value = ctx.query_env.variables.get(name).or_else(|| default(name));
            value.is_none_or(|value| *value == ConstValue::Null)
        }
        _ => false,
    })
}

/// The column of `M` that a field is called like, or all of them where there is none.
pub fn column_of<M: ByPlace>(field: &str) -> Columns {
    let mut columns = M::COLUMNS.iter();
    let column = columns.find(|column| is_called(field, column));
    column.map_or(Columns::ALL, |column| Columns::named::<M>(&[column]))
}

/// Whether a name in camel case is the same in snake case.
fn is_called(camel: &str, snake: &str) -> bool {
    // Most differ here.
    if camel.as_bytes().first() != snake.as_bytes().first() {
        return false;
    }
    let mut snake = snake.bytes();
    let is_same = camel.bytes().all(|letter| match letter.is_ascii_uppercase() {
        true => snake.next() == Some(b'_') && snake.next() == Some(letter.to_ascii_lowercase()),
        false => snake.next() == Some(letter),
    });
    is_same && snake.next().is_none()
}

#[cfg(test)]
mod tests {
    use timestore_entity::dataset::Model as Dataset;

    use super::*;

    #[test]
    fn a_field_is_made_of_the_column_that_it_is_called_like() {
        for (field, column) in [
            ("name", "name"),
            ("createdAt", "created_at"),
            ("writeFormat", "write_format"),
        ] {
            assert_eq!(column_of::<Dataset>(field), Columns::named::<Dataset>(&[column]));
        }
        for field in ["created", "createdAtAll", "manifest", "", "Name"] {
            assert_eq!(column_of::<Dataset>(field), Columns::ALL, "{field}");
        }
    }
}
