//! The exported schema: fresh, described throughout, and with all that was promised to clients.

use std::collections::BTreeMap;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{ServiceDocument, TypeKind, TypeSystemDefinition};
use timestore_gateway::graphql::sdl;

const EXPORTED: &str = include_str!("../../schema.graphql");
const PROMISED: &str = include_str!("promised.graphql");

#[test]
fn the_exported_schema_is_fresh() {
    assert!(
        sdl() == EXPORTED,
        "schema.graphql is stale: cargo run -- schema > schema.graphql"
    );
}

#[test]
fn the_schema_has_all_that_was_promised() {
    let (promised, ours) = (members(PROMISED), members(EXPORTED));
    let broken: Vec<String> = promised
        .iter()
        .filter(|(member, shape)| ours.get(*member) != Some(*shape))
        .map(|(member, shape)| format!("{member}: promised {shape:?}, have {:?}", ours.get(member)))
        .collect();
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(promised.len() > 300, "the promise was read");
}

#[test]
fn every_type_field_argument_and_value_is_described() {
    let document: ServiceDocument = parse_schema(EXPORTED).unwrap();
    let mut bare = Vec::new();
    for definition in document.definitions {
        let TypeSystemDefinition::Type(definition) = definition else {
            continue;
        };
        let definition = definition.node;
        let name = definition.name.node;
        let mut described = |member: String, is: bool| {
            if !is {
                bare.push(member)
            }
        };
        described(name.to_string(), definition.description.is_some());
        match definition.kind {
            TypeKind::Object(object) => fields(&name, object.fields, &mut described),
            TypeKind::Interface(interface) => fields(&name, interface.fields, &mut described),
            TypeKind::Enum(values) => {
                for value in values.values {
                    described(
                        format!("{name}.{}", value.node.value.node),
                        value.node.description.is_some(),
                    );
                }
            }
            TypeKind::InputObject(input) => {
                for field in input.fields {
                    described(
                        format!("{name}.{}", field.node.name.node),
                        field.node.description.is_some(),
                    );
                }
            }
            TypeKind::Scalar | TypeKind::Union(_) => {}
        }
    }
    assert!(bare.is_empty(), "without a description: {bare:#?}");
}

fn fields(
    name: &str,
    fields: Vec<async_graphql::Positioned<async_graphql::parser::types::FieldDefinition>>,
    described: &mut impl FnMut(String, bool),
) {
    for field in fields {
        let field = field.node;
        described(format!("{name}.{}", field.name.node), field.description.is_some());
        for argument in field.arguments {
            let member = format!("{name}.{}({})", field.name.node, argument.node.name.node);
            described(member, argument.node.description.is_some());
        }
    }
}

/// Every member of a schema by its name, with its type and, for arguments and inputs, its default.
fn members(schema: &str) -> BTreeMap<String, String> {
    let document: ServiceDocument = parse_schema(schema).unwrap();
    let mut members = BTreeMap::new();
    for definition in document.definitions {
        let TypeSystemDefinition::Type(definition) = definition else {
            continue;
        };
        let definition = definition.node;
        let name = definition.name.node;
        let mut add = |member: String, shape: String| drop(members.insert(member, shape));
        match definition.kind {
            TypeKind::Object(object) => {
                for interface in object.implements {
                    add(
                        format!("{name} implements {}", interface.node),
                        "interface".to_owned(),
                    );
                }
                add_fields(&name, object.fields, &mut add);
            }
            TypeKind::Interface(interface) => add_fields(&name, interface.fields, &mut add),
            TypeKind::Enum(values) => {
                for value in values.values {
                    add(format!("{name}.{}", value.node.value.node), "value".to_owned());
                }
            }
            TypeKind::InputObject(input) => {
                let one_of = definition
                    .directives
                    .iter()
                    .any(|directive| directive.node.name.node == "oneOf");
                add(name.to_string(), format!("input, oneOf: {one_of}"));
                for field in input.fields {
                    let default = field.node.default_value.map(|value| value.node.to_string());
                    let shape = format!("{} = {}", field.node.ty.node, default.unwrap_or_default());
                    add(format!("{name}.{}", field.node.name.node), shape);
                }
            }
            TypeKind::Scalar => add(name.to_string(), "scalar".to_owned()),
            TypeKind::Union(_) => add(name.to_string(), "union".to_owned()),
        }
    }
    members
}

fn add_fields(
    name: &str,
    fields: Vec<async_graphql::Positioned<async_graphql::parser::types::FieldDefinition>>,
    add: &mut impl FnMut(String, String),
) {
    for field in fields {
        let field = field.node;
        add(format!("{name}.{}", field.name.node), field.ty.node.to_string());
        for argument in field.arguments {
            let argument = argument.node;
            let default = argument.default_value.map(|value| value.node.to_string());
            let shape = format!("{} = {}", argument.ty.node, default.unwrap_or_default());
            add(
                format!("{name}.{}({})", field.name.node, argument.name.node),
                shape,
            );
        }
    }
}
