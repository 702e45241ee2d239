//! Whether the values of variables are of their types.
//!
//! A document that was found valid is valid for other values too, as far as these are of the types of their variables: its validation,
//! a third of what a small request takes, need not be done again. Whatever is told apart from "yes" here is validated, which says what is
//! wrong.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, ExecutableDocument, OperationDefinition, Selection, SelectionSet, Type, TypeKind,
    TypeSystemDefinition,
};
use async_graphql::{InputType, Name, ScalarType, Value as ConstValue, Variables};
use async_graphql_value::Value;

use super::listed::{Listed, Lists, Reader};
use super::mutation::PartitionInput;
use super::scalar::{BigInt, DateTime, Duration, Json};

/// The types that variables have.
#[derive(Debug, Default)]
pub struct InputTypes {
    types: HashMap<String, Input>,
    /// What reads lists of a type that are JSON still.
    readers: HashMap<Cow<'static, str>, Reader>,
}

/// Whether a value is one of a scalar.
type IsValid = fn(&ConstValue) -> bool;

/// A type.
#[derive(Debug)]
enum Input {
    Scalar(IsValid),
    Enum(HashSet<String>),
    Object {
        fields: HashMap<String, Field>,
        is_one_of: bool,
    },
}

/// A field of an input object.
#[derive(Debug)]
struct Field {
    of_type: Type,
    has_default: bool,
}

impl InputTypes {
    /// Those of a graph in the schema definition language.
    pub fn of(sdl: &str) -> Self {
        let definitions = parse_schema(sdl)
            .map(|document| document.definitions)
            .unwrap_or_default();
        let is_text: IsValid = |value| matches!(value, ConstValue::String(_));
        let scalars: [(_, IsValid); 8] = [
            (async_graphql::ID::type_name(), is_text),
            (String::type_name(), is_text),
            (bool::type_name(), <bool as ScalarType>::is_valid),
            (i32::type_name(), |value| {
                <i32 as ScalarType>::parse(value.clone()).is_ok()
            }),
            (BigInt::type_name(), BigInt::is_valid),
            (DateTime::type_name(), DateTime::is_valid),
            (Duration::type_name(), Duration::is_valid),
            (Json::type_name(), Json::is_valid),
        ];
        let scalars = scalars.map(|(name, is_valid)| (name.into_owned(), Input::Scalar(is_valid)));
        let mut types = HashMap::from(scalars);
        for definition in definitions {
            if let TypeSystemDefinition::Type(definition) = definition {
                let definition = definition.node;
                let mut directives = definition.directives.iter();
                let is_one_of = directives.any(|directive| directive.node.name.node == "oneOf");
                let input = input(definition.kind, is_one_of);
                types.extend(input.map(|input| (definition.name.node.to_string(), input)));
            }
        }
        Self {
            types,
            readers: HashMap::from([Listed::<PartitionInput>::reader()]),
        }
    }

    /// Whether the values of all variables of an operation are surely of their types. Where one of those that the document uses
    /// `within` other values has none, it may not be. What lists that are JSON still were read as is put into `lists`.
    pub fn fit(
        &self,
        operation: &OperationDefinition,
        within: &HashSet<Name>,
        variables: &Variables,
        lists: &Lists,
    ) -> bool {
        operation.variable_definitions.iter().all(|definition| {
            let definition = &definition.node;
            match variables.get(&definition.name.node) {
                None if definition.default_value.is_some() => true,
                None | Some(ConstValue::Null) => {
                    definition.var_type.node.nullable && !within.contains(&definition.name.node)
                }
                Some(value) => self.is_of(&definition.var_type.node, value, lists),
            }
        })
    }

    fn is_of(&self, of_type: &Type, value: &ConstValue, lists: &Lists) -> bool {
        match (&of_type.base, value) {
            (_, ConstValue::Null) => of_type.nullable,
            (BaseType::List(of_type), ConstValue::List(values)) => {
                values.iter().all(|value| self.is_of(of_type, value, lists))
            }
            (BaseType::List(of_type), ConstValue::Binary(json)) => match &of_type.base {
                BaseType::Named(name) => self
                    .readers
                    .get(name.as_str())
                    .is_some_and(|&reader| lists.read(json, reader)),
                BaseType::List(_) => false,
            },
            (BaseType::List(_), _) => false,
            (BaseType::Named(name), value) => self.is_named(name, value, lists),
        }
    }

    fn is_named(&self, name: &Name, value: &ConstValue, lists: &Lists) -> bool {
        match (self.types.get(name.as_str()), value) {
            (Some(Input::Scalar(is_valid)), value) => is_valid(value),
            (Some(Input::Enum(values)), ConstValue::String(value)) => values.contains(value),
            (Some(Input::Object { fields, is_one_of }), ConstValue::Object(values)) => {
                let is_known = |(name, value): (&Name, &ConstValue)| {
                    let field = fields.get(name.as_str());
                    field.is_some_and(|field| self.is_of(&field.of_type, value, lists))
                };
                let is_given = |(name, field): (&String, &Field)| {
                    field.of_type.nullable || field.has_default || values.contains_key(name.as_str())
                };
                values.iter().all(is_known)
                    && fields.iter().all(is_given)
                    && (!is_one_of || values.len() == 1 && values[0] != ConstValue::Null)
            }
            _ => false,
        }
    }
}

fn input(kind: TypeKind, is_one_of: bool) -> Option<Input> {
    match kind {
        TypeKind::Enum(values) => {
            let values = values
                .values
                .into_iter()
                .map(|value| value.node.value.node.to_string());
            Some(Input::Enum(values.collect()))
        }
        TypeKind::InputObject(object) => {
            let fields = object.fields.into_iter().map(|field| {
                let field = field.node;
                let of_type = field.ty.node;
                let has_default = field.default_value.is_some();
                (field.name.node.to_string(), Field { of_type, has_default })
            });
            Some(Input::Object {
                fields: fields.collect(),
                is_one_of,
            })
        }
        _ => None,
    }
}

/// The variables that a document uses within lists and objects.
pub fn used_within(document: &ExecutableDocument) -> HashSet<Name> {
    let mut used = HashSet::new();
    let operations = document
        .operations
        .iter()
        .map(|(_, operation)| &operation.node.selection_set.node);
    let fragments = document
        .fragments
        .values()
        .map(|fragment| &fragment.node.selection_set.node);
    for set in operations.chain(fragments) {
        add_set(set, &mut used);
    }
    used
}

fn add_set(set: &SelectionSet, used: &mut HashSet<Name>) {
    for selection in &set.items {
        let within = match &selection.node {
            Selection::Field(field) => {
                field
                    .node
                    .arguments
                    .iter()
                    .for_each(|(_, value)| add_value(&value.node, false, used));
                Some(&field.node.selection_set.node)
            }
            Selection::InlineFragment(fragment) => Some(&fragment.node.selection_set.node),
            Selection::FragmentSpread(_) => None,
        };
        within.into_iter().for_each(|set| add_set(set, used));
    }
}

fn add_value(value: &Value, is_within: bool, used: &mut HashSet<Name>) {
    match value {
        Value::Variable(name) if is_within => {
            used.insert(name.clone());
        }
        Value::List(values) => values.iter().for_each(|value| add_value(value, true, used)),
        Value::Object(fields) => fields.values().for_each(|value| add_value(value, true, used)),
        _ => {}
    }
}
