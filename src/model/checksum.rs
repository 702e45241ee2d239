//! The checksum by which two lists of fields are the same schema.
//!
//! It must not change: checksums are stored, and unique within a dataset.

use std::fmt::Write as _;

use serde_json::json;
use sha2::{Digest, Sha256};
use timestore_entity::schema_version::Field;

/// The SHA-256, in lower-case hexadecimal, of `fields`: their names, types, native types, nullability and
/// units, in the order of their names. Neither the order in which they were declared nor their descriptions
/// count.
///
/// What is hashed is a JSON array of arrays `[name, type, nativeType, nullable, unit]` without blanks, in
/// which what is absent is null, so that no two lists of fields are written alike.
pub fn schema_checksum(fields: &[Field]) -> String {
    let mut fields: Vec<&Field> = fields.iter().collect();
    // The name decides; the rest only gives lists with doubled names, which are refused elsewhere, one order
    // too.
    fields.sort_by_key(|field| {
        (
            &field.name,
            field.r#type,
            &field.native_type,
            field.nullable,
            &field.unit,
        )
    });
    let rows: Vec<_> = fields
        .into_iter()
        .map(|field| {
            json!([
                field.name,
                field.r#type.as_str(),
                field.native_type,
                field.nullable,
                field.unit
            ])
        })
        .collect();
    hex(&Sha256::digest(json!(rows).to_string()))
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use timestore_entity::enums::FieldType;

    use super::*;

    fn field(name: &str, r#type: FieldType) -> Field {
        Field {
            name: name.to_owned(),
            r#type,
            native_type: None,
            nullable: true,
            description: None,
            unit: None,
        }
    }

    #[test]
    fn a_checksum_stays_what_it_was_when_it_was_first_stored() {
        let fields = [
            field("time", FieldType::Timestamp),
            field("value", FieldType::Double),
        ];
        // printf '[["time","timestamp",null,true,null],["value","double",null,true,null]]' | sha256sum
        assert_eq!(
            schema_checksum(&fields),
            "10fa94f8c415852fed2fc9dfeb398aaa4ed8e602e40dec54d74894dbab25a3b9"
        );
    }

    #[test]
    fn neither_order_nor_descriptions_count() {
        let (a, b) = (field("a", FieldType::String), field("b", FieldType::Double));
        let described = Field {
            description: Some("what it is".to_owned()),
            ..b.clone()
        };
        assert_eq!(schema_checksum(&[a.clone(), b]), schema_checksum(&[described, a]));
    }

    #[test]
    fn everything_else_counts() {
        let a = field("a", FieldType::Decimal);
        let changed = [
            Field {
                name: "A".to_owned(),
                ..a.clone()
            },
            Field {
                r#type: FieldType::Double,
                ..a.clone()
            },
            Field {
                native_type: Some(String::new()),
                ..a.clone()
            },
            Field {
                nullable: false,
                ..a.clone()
            },
            Field {
                unit: Some("m".to_owned()),
                ..a.clone()
            },
            // A unit is not a native type.
            Field {
                native_type: Some("m".to_owned()),
                ..a.clone()
            },
        ];
        let mut checksums: Vec<String> = changed
            .iter()
            .map(|field| schema_checksum(std::slice::from_ref(field)))
            .collect();
        checksums.push(schema_checksum(&[a]));
        checksums.sort();
        checksums.dedup();
        assert_eq!(checksums.len(), 7);
    }
}
