//! Lists of fields on their own: whether one can be a schema, and what several have in common.

use std::collections::{HashMap, HashSet};

use timestore_entity::schema_version::Field;

/// The most fields that a schema version has.
pub const MAX_FIELDS: usize = 10_000;

const MAX_NAME: usize = 255;
const MAX_NATIVE_TYPE: usize = 4_096;
const MAX_UNIT: usize = 120;
const MAX_DESCRIPTION: usize = 10_000;

/// All that is wrong with `fields`: the index of a field, the name of its part, and what was expected.
/// Nothing, where they can be a schema.
pub fn check_fields(fields: &[Field]) -> Vec<(usize, &'static str, String)> {
    if fields.is_empty() {
        return vec![(0, "name", "expected at least one field".to_owned())];
    }
    if fields.len() > MAX_FIELDS {
        return vec![(
            MAX_FIELDS,
            "name",
            format!("expected at most {MAX_FIELDS} fields"),
        )];
    }
    let mut wrong = Vec::new();
    let mut first = HashMap::with_capacity(fields.len());
    for (index, field) in fields.iter().enumerate() {
        let mut add =
            |part, message: Option<String>| wrong.extend(message.map(|message| (index, part, message)));
        let earlier = *first.entry(field.name.as_str()).or_insert(index);
        let doubled =
            (earlier != index).then(|| format!("expected a name of its own, since field {earlier} has it"));
        add("name", check_text(&field.name, MAX_NAME).or(doubled));
        add(
            "nativeType",
            field
                .native_type
                .as_deref()
                .and_then(|text| check_text(text, MAX_NATIVE_TYPE)),
        );
        add(
            "unit",
            field.unit.as_deref().and_then(|text| check_text(text, MAX_UNIT)),
        );
        let described = field
            .description
            .as_deref()
            .is_some_and(|text| text.contains('\0') || text.chars().nth(MAX_DESCRIPTION).is_some());
        let message = || format!("expected at most {MAX_DESCRIPTION} characters, none of them NUL");
        add("description", described.then(message));
    }
    wrong
}

fn check_text(text: &str, most: usize) -> Option<String> {
    if text.trim().is_empty() || text.chars().nth(most).is_some() {
        Some(format!("expected 1 to {most} characters that are not all blank"))
    } else if text.chars().any(char::is_control) {
        Some("expected no control characters".to_owned())
    } else {
        None
    }
}

/// The fields that a reader of all `versions`, oldest first, needs: each name once, in the order in which
/// they first came, as it was first defined. A column that some version lacks, or lets be null, is nullable.
pub fn union_fields(versions: &[&[Field]]) -> Vec<Field> {
    let mut union: Vec<Field> = Vec::new();
    let mut place: HashMap<&str, usize> = HashMap::new();
    for (earlier, fields) in versions.iter().enumerate() {
        let known = union.len();
        let mut here = HashSet::with_capacity(fields.len());
        for field in *fields {
            here.insert(field.name.as_str());
            let at = *place.entry(&field.name).or_insert_with(|| {
                union.push(Field {
                    nullable: field.nullable || earlier > 0,
                    ..field.clone()
                });
                union.len() - 1
            });
            union[at].nullable |= field.nullable;
        }
        for field in &mut union[..known] {
            field.nullable |= !here.contains(field.name.as_str());
        }
    }
    union
}

#[cfg(test)]
mod tests {
    use timestore_entity::enums::FieldType;

    use super::*;

    fn field(name: &str, nullable: bool) -> Field {
        let r#type = FieldType::Double;
        Field {
            name: name.to_owned(),
            r#type,
            native_type: None,
            nullable,
            description: None,
            unit: None,
        }
    }

    #[test]
    fn sound_fields_have_nothing_wrong() {
        let all = Field {
            native_type: Some("DOUBLE".to_owned()),
            unit: Some("°C".to_owned()),
            description: Some("two\nlines".to_owned()),
            ..field("temperature (outside)", true)
        };
        // Names differ by case alone, and are names of their own.
        assert_eq!(check_fields(&[all, field("a", true), field("A", true)]), []);
    }

    #[test]
    fn all_faults_are_found_at_once() {
        let fields = [
            field("", true),
            field("a\0", true),
            Field {
                unit: Some(" ".to_owned()),
                native_type: Some("x\n".to_owned()),
                ..field("b", true)
            },
            Field {
                description: Some("x\0".to_owned()),
                ..field("b", true)
            },
            field(&"é".repeat(256), true),
        ];
        let wrong = check_fields(&fields);
        let places: Vec<_> = wrong.iter().map(|(index, part, _)| (*index, *part)).collect();
        let expected = [
            (0, "name"),
            (1, "name"),
            (2, "nativeType"),
            (2, "unit"),
            (3, "name"),
            (3, "description"),
            (4, "name"),
        ];
        assert_eq!(places, expected);
        assert_eq!(wrong[4].2, "expected a name of its own, since field 2 has it");
        assert_eq!(check_fields(&[field(&"é".repeat(255), true)]), []);
    }

    #[test]
    fn a_schema_has_at_least_one_field_and_not_too_many() {
        assert_eq!(check_fields(&[]).len(), 1);
        let many: Vec<Field> = (0..=MAX_FIELDS).map(|n| field(&n.to_string(), true)).collect();
        assert_eq!(check_fields(&many).len(), 1);
        assert_eq!(check_fields(&many[1..]), []);
    }

    #[test]
    fn a_union_keeps_the_first_definition_and_lets_be_null_what_some_version_lacks() {
        let renamed = Field {
            r#type: FieldType::Decimal,
            ..field("b", false)
        };
        let versions: [&[Field]; 3] = [
            &[field("a", false), field("b", false), field("gone", false)],
            &[renamed, field("a", false), field("late", false)],
            &[field("a", false), field("b", true), field("late", false)],
        ];
        let union = union_fields(&versions);
        assert_eq!(
            union,
            [
                field("a", false),
                field("b", true),
                field("gone", true),
                field("late", true)
            ]
        );
        assert_eq!(union_fields(&[]), []);
        assert_eq!(union_fields(&[&[field("a", false)], &[]]), [field("a", true)]);
    }
}
