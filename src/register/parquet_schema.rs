//! Parquet's columns as fields of a schema version.
//!
//! Owns the names of types, which are part of a schema's checksum: they depend on what a column holds and not on who
//! wrote it, and must not change. Reads no values.
//!
//! Native types are `BOOLEAN`, `INT8` to `INT64`, `UINT8` to `UINT64`, `FLOAT16`, `FLOAT`, `DOUBLE`, `DECIMAL(p,s)`,
//! `VARCHAR`, `ENUM`, `JSON`, `BSON`, `UUID`, `BINARY`, `FIXED(n)`, `INTERVAL`, `DATE`, `TIME_<unit>` and
//! `TIMESTAMP_<unit>` with `MILLIS`, `MICROS` or `NANOS` and ` UTC` when adjusted to UTC, `INT96`, `NULL`, `VARIANT`,
//! `GEOMETRY`, `GEOGRAPHY`, and nested `LIST<T>`, `STRUCT<a: T, b: U>`, `MAP<K, V>`.

use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::schema::types::Type;
use timestore_entity::enums::FieldType;
use timestore_entity::schema_version::Field;

/// What the values of a column mean, as far as statistics and time ranges depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    Integer {
        signed: bool,
    },
    Double,
    Decimal {
        scale: u32,
    },
    Text,
    Date,
    /// Counts units since 1970; the number says how many nanoseconds a unit has.
    Timestamp {
        nanos: i64,
    },
    /// The outdated timestamp of 96 bits, whose statistics nobody can rely on.
    Int96,
    /// Types whose order is of no use here.
    Other,
}

/// The fields of a schema: its top-level columns, in the file's order.
pub(super) fn fields(root: &Type) -> Vec<Field> {
    root.get_fields()
        .iter()
        .map(|column| {
            let (r#type, native) = described(column);
            Field {
                name: column.name().to_owned(),
                r#type,
                native_type: Some(native),
                nullable: repetition(column) == Repetition::OPTIONAL,
                description: None,
                unit: None,
            }
        })
        .collect()
}

/// What the values of a column mean; nested ones are `Other`.
pub(super) fn kind(column: &Type) -> Kind {
    if !column.is_primitive() || repetition(column) == Repetition::REPEATED {
        return Kind::Other;
    }
    let physical = column.get_physical_type();
    match (logical(column), physical) {
        (Some(LogicalType::Decimal(decimal)), _) => {
            u32::try_from(decimal.scale).map_or(Kind::Other, |scale| Kind::Decimal { scale })
        }
        (Some(LogicalType::Date), Physical::INT32) => Kind::Date,
        (Some(LogicalType::Timestamp(timestamp)), Physical::INT64) => Kind::Timestamp {
            nanos: match timestamp.unit {
                TimeUnit::MILLIS => 1_000_000,
                TimeUnit::MICROS => 1_000,
                TimeUnit::NANOS => 1,
            },
        },
        (Some(LogicalType::Integer(integer)), Physical::INT32 | Physical::INT64) => Kind::Integer {
            signed: integer.is_signed,
        },
        (Some(LogicalType::String | LogicalType::Enum), Physical::BYTE_ARRAY) => Kind::Text,
        (None, Physical::BOOLEAN) => Kind::Boolean,
        (None, Physical::INT32 | Physical::INT64) => Kind::Integer { signed: true },
        (None, Physical::FLOAT | Physical::DOUBLE) => Kind::Double,
        (_, Physical::INT96) => Kind::Int96,
        _ => Kind::Other,
    }
}

fn described(column: &Type) -> (FieldType, String) {
    let (r#type, native) = match column.is_primitive() {
        true => primitive(column),
        false => group(column),
    };
    match repetition(column) {
        // A repeated column without annotation is a list of what it says.
        Repetition::REPEATED => (FieldType::List, format!("LIST<{native}>")),
        _ => (r#type, native),
    }
}

fn primitive(column: &Type) -> (FieldType, String) {
    if let Some(logical) = logical(column)
        && let Some(described) = annotated(&logical)
    {
        return described;
    }
    let (r#type, native) = match (
        column.get_physical_type(),
        column.get_basic_info().converted_type(),
    ) {
        (Physical::FIXED_LEN_BYTE_ARRAY, ConvertedType::INTERVAL) => (FieldType::Binary, "INTERVAL"),
        (Physical::FIXED_LEN_BYTE_ARRAY, _) => {
            let Type::PrimitiveType { type_length, .. } = column else {
                return (FieldType::Binary, "BINARY".to_owned());
            };
            return (FieldType::Binary, format!("FIXED({type_length})"));
        }
        (Physical::BOOLEAN, _) => (FieldType::Boolean, "BOOLEAN"),
        (Physical::INT32, _) => (FieldType::Integer, "INT32"),
        (Physical::INT64, _) => (FieldType::Integer, "INT64"),
        (Physical::INT96, _) => (FieldType::Timestamp, "INT96"),
        (Physical::FLOAT, _) => (FieldType::Double, "FLOAT"),
        (Physical::DOUBLE, _) => (FieldType::Double, "DOUBLE"),
        (Physical::BYTE_ARRAY, _) => (FieldType::Binary, "BINARY"),
    };
    (r#type, native.to_owned())
}

fn annotated(logical: &LogicalType) -> Option<(FieldType, String)> {
    let (r#type, native) = match logical {
        LogicalType::String => (FieldType::String, "VARCHAR"),
        LogicalType::Enum => (FieldType::String, "ENUM"),
        LogicalType::Json => (FieldType::String, "JSON"),
        LogicalType::Uuid => (FieldType::String, "UUID"),
        LogicalType::Bson => (FieldType::Binary, "BSON"),
        LogicalType::Geometry(_) => (FieldType::Binary, "GEOMETRY"),
        LogicalType::Geography(_) => (FieldType::Binary, "GEOGRAPHY"),
        LogicalType::Float16 => (FieldType::Double, "FLOAT16"),
        LogicalType::Date => (FieldType::Date, "DATE"),
        // A column of which every value is null, which has no type yet.
        LogicalType::Unknown => (FieldType::String, "NULL"),
        LogicalType::Decimal(decimal) => {
            let native = format!("DECIMAL({},{})", decimal.precision, decimal.scale);
            return Some((FieldType::Decimal, native));
        }
        LogicalType::Integer(integer) => {
            let prefix = if integer.is_signed { "" } else { "U" };
            return Some((FieldType::Integer, format!("{prefix}INT{}", integer.bit_width)));
        }
        LogicalType::Time(time) => {
            let native = timed("TIME", time.unit, time.is_adjusted_to_u_t_c);
            return Some((FieldType::Time, native));
        }
        LogicalType::Timestamp(time) => {
            let native = timed("TIMESTAMP", time.unit, time.is_adjusted_to_u_t_c);
            return Some((FieldType::Timestamp, native));
        }
        _ => return None,
    };
    Some((r#type, native.to_owned()))
}

fn timed(name: &str, unit: TimeUnit, utc: bool) -> String {
    let unit = match unit {
        TimeUnit::MILLIS => "MILLIS",
        TimeUnit::MICROS => "MICROS",
        TimeUnit::NANOS => "NANOS",
    };
    format!("{name}_{unit}{}", if utc { " UTC" } else { "" })
}

fn group(column: &Type) -> (FieldType, String) {
    let info = column.get_basic_info();
    let children = column.get_fields();
    match (info.logical_type_ref(), info.converted_type(), children) {
        (Some(LogicalType::Variant(_)), ..) => (FieldType::Struct, "VARIANT".to_owned()),
        (Some(LogicalType::List), _, [entries]) | (None, ConvertedType::LIST, [entries]) => {
            (FieldType::List, format!("LIST<{}>", element(entries)))
        }
        (Some(LogicalType::Map), _, [entries])
        | (None, ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE, [entries])
            if !entries.is_primitive() =>
        {
            let types = entries
                .get_fields()
                .iter()
                .map(|child| described(child).1)
                .collect::<Vec<_>>();
            (FieldType::Map, format!("MAP<{}>", types.join(", ")))
        }
        _ => {
            let types = children
                .iter()
                .map(|child| format!("{}: {}", child.name(), described(child).1))
                .collect::<Vec<_>>();
            (FieldType::Struct, format!("STRUCT<{}>", types.join(", ")))
        }
    }
}

/// The type of a list's elements, by the rules for older writers too (`LogicalTypes.md` of the format, "Lists").
fn element(entries: &Type) -> String {
    if entries.is_primitive() {
        return primitive(entries).1;
    }
    match entries.get_fields() {
        [element] if entries.name() != "array" && !entries.name().ends_with("_tuple") => described(element).1,
        _ => group(entries).1,
    }
}

/// The annotation, those of older writers translated.
fn logical(column: &Type) -> Option<LogicalType> {
    let info = column.get_basic_info();
    if let Some(logical) = info.logical_type_ref() {
        return Some(logical.clone());
    }
    Some(match info.converted_type() {
        ConvertedType::UTF8 => LogicalType::String,
        ConvertedType::ENUM => LogicalType::Enum,
        ConvertedType::JSON => LogicalType::Json,
        ConvertedType::BSON => LogicalType::Bson,
        ConvertedType::DATE => LogicalType::Date,
        ConvertedType::DECIMAL => LogicalType::decimal(column.get_scale(), column.get_precision()),
        // The older annotation always means UTC.
        ConvertedType::TIME_MILLIS => LogicalType::time(true, TimeUnit::MILLIS),
        ConvertedType::TIME_MICROS => LogicalType::time(true, TimeUnit::MICROS),
        ConvertedType::TIMESTAMP_MILLIS => LogicalType::timestamp(true, TimeUnit::MILLIS),
        ConvertedType::TIMESTAMP_MICROS => LogicalType::timestamp(true, TimeUnit::MICROS),
        ConvertedType::INT_8 => LogicalType::integer(8, true),
        ConvertedType::INT_16 => LogicalType::integer(16, true),
        ConvertedType::INT_32 => LogicalType::integer(32, true),
        ConvertedType::INT_64 => LogicalType::integer(64, true),
        ConvertedType::UINT_8 => LogicalType::integer(8, false),
        ConvertedType::UINT_16 => LogicalType::integer(16, false),
        ConvertedType::UINT_32 => LogicalType::integer(32, false),
        ConvertedType::UINT_64 => LogicalType::integer(64, false),
        _ => return None,
    })
}

fn repetition(column: &Type) -> Repetition {
    let info = column.get_basic_info();
    match info.has_repetition() {
        true => info.repetition(),
        false => Repetition::REQUIRED,
    }
}

#[cfg(test)]
mod tests {
    use parquet::schema::parser::parse_message_type;

    use super::*;

    #[test]
    fn every_type_has_its_stable_name() {
        let schema = parse_message_type(
            "message m {
               required int64 t (TIMESTAMP(MICROS,true)); optional int64 l (TIMESTAMP(NANOS,false));
               required int64 o (TIMESTAMP_MILLIS); required int32 d (DATE); required int32 c (TIME(MILLIS,false));
               required int96 old; optional boolean b; required int32 i; required int32 i8 (INT_8);
               required int64 u (INTEGER(64,false)); required float f; required double x;
               required int64 dec (DECIMAL(18,2)); required fixed_len_byte_array(16) id (UUID);
               required fixed_len_byte_array(5) five; required binary s (STRING); required binary s8 (UTF8);
               required binary raw; repeated int32 many;
               optional group list (LIST) { repeated group list { optional int64 element; } }
               optional group older (LIST) { repeated int32 element; }
               optional group map (MAP) { repeated group key_value { required binary key (STRING); optional double value; } }
               required group point { required double x; optional double y; }
             }",
        )
        .expect("a schema");
        let told = fields(&schema)
            .into_iter()
            .map(|field| {
                let mark = if field.nullable { "?" } else { "" };
                format!(
                    "{}{mark} {} {}",
                    field.name,
                    field.r#type.as_str(),
                    field.native_type.unwrap_or_default()
                )
            })
            .collect::<Vec<_>>();
        assert_eq!(
            told,
            [
                "t timestamp TIMESTAMP_MICROS UTC",
                "l? timestamp TIMESTAMP_NANOS",
                "o timestamp TIMESTAMP_MILLIS UTC",
                "d date DATE",
                "c time TIME_MILLIS",
                "old timestamp INT96",
                "b? boolean BOOLEAN",
                "i integer INT32",
                "i8 integer INT8",
                "u integer UINT64",
                "f double FLOAT",
                "x double DOUBLE",
                "dec decimal DECIMAL(18,2)",
                "id string UUID",
                "five binary FIXED(5)",
                "s string VARCHAR",
                "s8 string VARCHAR",
                "raw binary BINARY",
                "many list LIST<INT32>",
                "list? list LIST<INT64>",
                "older? list LIST<INT32>",
                "map? map MAP<VARCHAR, DOUBLE>",
                "point struct STRUCT<x: DOUBLE, y: DOUBLE>",
            ]
        );
    }
}
