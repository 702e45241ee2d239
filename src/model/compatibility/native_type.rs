//! Types as files spell them, and whether the values of one fit another.
//!
//! DuckDB's, Parquet's and SQL's spellings are read leniently. What is not known here is equal only to
//! itself: whether its values fit anything else cannot be told.

/// A native type, as far as fitting needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum NativeType {
    Integer {
        bits: u32,
        signed: bool,
    },
    Float {
        bits: u32,
    },
    Decimal {
        digits: u32,
        scale: u32,
    },
    /// Text, of at most so many characters where that is known.
    Text(Option<u32>),
    Binary,
    Boolean,
    Date,
    /// An instant or a local time, with so many digits of a second; `zoned` is none where the spelling leaves
    /// it open.
    Timestamp {
        digits: u32,
        zoned: Option<bool>,
    },
    /// Anything else, in capitals and without blanks, except between quotes.
    Other(String),
}

/// Whether the values of one native type are values of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// They are the same type, perhaps spelled differently.
    Same,
    /// Every value fits.
    Wider,
    /// Some values would not fit, or would mean something else.
    Narrower,
    /// It cannot be told.
    Unknown,
}

/// Whether every value of the native type `old` is a value of `new`.
pub(super) fn fit(old: &str, new: &str) -> Fit {
    use NativeType::{Date, Decimal, Float, Integer, Other, Text, Timestamp};
    let (old, new) = (parse(old), parse(new));
    if old == new {
        return Fit::Same;
    }
    let fits = match (&old, &new) {
        (
            Integer {
                bits: old,
                signed: false,
            },
            Integer {
                bits: new,
                signed: true,
            },
        ) => new > old,
        (Integer { signed: true, .. }, Integer { signed: false, .. }) => false,
        (Integer { bits: old, .. }, Integer { bits: new, .. })
        | (Float { bits: old }, Float { bits: new }) => new >= old,
        // Readers have long taken integers of 64 bits as doubles; a float of 32 bits holds no more than 24.
        (Integer { bits: old, .. }, Float { bits: new }) => *new == 64 || old * 2 <= *new,
        (Integer { bits, signed }, Decimal { digits, scale }) => {
            digits - scale >= integer_digits(*bits, *signed)
        }
        (
            Decimal {
                digits: old,
                scale: old_scale,
            },
            Decimal {
                digits: new,
                scale: new_scale,
            },
        ) => new_scale >= old_scale && new - new_scale >= old - old_scale,
        (Text(_), Text(None)) => true,
        (Text(old), Text(Some(new))) => old.is_some_and(|old| old <= *new),
        (Date, Timestamp { digits, .. }) => *digits < 9,
        (
            Timestamp {
                digits: old,
                zoned: old_zoned,
            },
            Timestamp {
                digits: new,
                zoned: new_zoned,
            },
        ) => {
            let same_zone = old_zoned.is_none() || new_zoned.is_none() || old_zoned == new_zoned;
            // Nanoseconds in 64 bits reach from 1677 to 2262 only.
            same_zone && new >= old && (*new < 9 || *old == 9)
        }
        (Other(_), _) | (_, Other(_)) => return Fit::Unknown,
        _ => false,
    };
    if fits { Fit::Wider } else { Fit::Narrower }
}

/// The decimal digits that an integer may need.
fn integer_digits(bits: u32, signed: bool) -> u32 {
    let largest = if signed {
        (1_u128 << (bits - 1)) - 1
    } else {
        u128::MAX >> (128 - bits)
    };
    largest.ilog10() + 1
}

fn parse(text: &str) -> NativeType {
    let text = canonical(text);
    known(&text).unwrap_or(NativeType::Other(text))
}

/// The text in capitals and without blanks, except between quotes.
fn canonical(text: &str) -> String {
    let mut quote = None;
    let mut canonical = String::with_capacity(text.len());
    for c in text.chars() {
        match quote {
            Some(open) => {
                canonical.push(c);
                quote = (c != open).then_some(open);
            }
            None if c.is_whitespace() => {}
            None => {
                quote = matches!(c, '\'' | '"').then_some(c);
                canonical.extend(c.to_uppercase());
            }
        }
    }
    canonical
}

fn known(text: &str) -> Option<NativeType> {
    use NativeType::{Binary, Boolean, Date, Decimal, Float, Text, Timestamp};
    let (name, arguments) = match text.split_once('(') {
        Some((name, rest)) => (name, rest.strip_suffix(')')?.split(',').collect()),
        None => (text, Vec::new()),
    };
    // Parquet names some arguments, as in DECIMAL(precision=18, scale=2).
    let number = |at: usize| arguments.get(at)?.rsplit('=').next()?.parse::<u32>().ok();
    Some(match (name, arguments.len()) {
        ("INT" | "INTEGER", 1 | 2) => {
            let bits = number(0).filter(|bits| matches!(bits, 8 | 16 | 32 | 64))?;
            NativeType::Integer {
                bits,
                signed: !arguments.get(1).is_some_and(|signed| signed.ends_with("FALSE")),
            }
        }
        ("DECIMAL" | "NUMERIC" | "DEC" | "DECIMAL128" | "DECIMAL256", 1 | 2) => {
            let (digits, scale) = (number(0)?, if arguments.len() == 1 { 0 } else { number(1)? });
            (scale <= digits).then_some(Decimal { digits, scale })?
        }
        ("VARCHAR" | "CHAR" | "CHARACTER" | "CHARACTERVARYING" | "TEXT" | "STRING", 1) => {
            Text(Some(number(0)?))
        }
        ("TIMESTAMP", 2) => {
            // Parquet: TIMESTAMP(MICROS,true), or TIMESTAMP(isAdjustedToUTC=true, timeUnit=MICROS).
            let has = |word: &str| arguments.iter().any(|argument| argument.ends_with(word));
            let units = [("MILLIS", 3), ("MICROS", 6), ("NANOS", 9)];
            let (_, digits) = units.into_iter().find(|(unit, _)| has(unit))?;
            Timestamp {
                digits,
                zoned: (has("TRUE") || has("FALSE")).then(|| has("TRUE")),
            }
        }
        (_, 1..) => return None,
        (
            "VARCHAR" | "CHAR" | "BPCHAR" | "CHARACTERVARYING" | "TEXT" | "STRING" | "UTF8" | "LARGE_UTF8",
            0,
        ) => Text(None),
        ("BOOLEAN" | "BOOL" | "LOGICAL", 0) => Boolean,
        ("BLOB" | "BYTEA" | "BINARY" | "VARBINARY" | "BYTE_ARRAY", 0) => Binary,
        ("DATE" | "DATE32", 0) => Date,
        ("HALF_FLOAT" | "FLOAT16", 0) => Float { bits: 16 },
        ("FLOAT" | "REAL" | "FLOAT4" | "FLOAT32", 0) => Float { bits: 32 },
        ("DOUBLE" | "DOUBLEPRECISION" | "FLOAT8" | "FLOAT64", 0) => Float { bits: 64 },
        ("TIMESTAMP_S", 0) => Timestamp {
            digits: 0,
            zoned: Some(false),
        },
        ("TIMESTAMP_MS", 0) => Timestamp {
            digits: 3,
            zoned: Some(false),
        },
        ("TIMESTAMP" | "TIMESTAMPWITHOUTTIMEZONE" | "TIMESTAMP_US" | "DATETIME", 0) => Timestamp {
            digits: 6,
            zoned: Some(false),
        },
        ("TIMESTAMP_NS", 0) => Timestamp {
            digits: 9,
            zoned: Some(false),
        },
        ("TIMESTAMPTZ" | "TIMESTAMPWITHTIMEZONE", 0) => Timestamp {
            digits: 6,
            zoned: Some(true),
        },
        ("TIMESTAMP_MILLIS", 0) => Timestamp {
            digits: 3,
            zoned: None,
        },
        ("TIMESTAMP_MICROS", 0) => Timestamp {
            digits: 6,
            zoned: None,
        },
        ("TIMESTAMP_NANOS" | "INT96", 0) => Timestamp {
            digits: 9,
            zoned: None,
        },
        (name, _) => integer(name)?,
    })
}

/// Integers by name. INT8 is left out: 8 bytes to DuckDB and PostgreSQL, 8 bits to Arrow.
fn integer(name: &str) -> Option<NativeType> {
    let (bits, signed) = match name {
        "TINYINT" | "INT1" | "INT_8" => (8, true),
        "SMALLINT" | "INT2" | "SHORT" | "INT16" | "INT_16" => (16, true),
        "INTEGER" | "INT" | "INT4" | "SIGNED" | "INT32" | "INT_32" => (32, true),
        "BIGINT" | "LONG" | "INT64" | "INT_64" => (64, true),
        "HUGEINT" | "INT128" => (128, true),
        "UTINYINT" | "UINT8" | "UINT_8" => (8, false),
        "USMALLINT" | "UINT16" | "UINT_16" => (16, false),
        "UINTEGER" | "UINT32" | "UINT_32" => (32, false),
        "UBIGINT" | "UINT64" | "UINT_64" => (64, false),
        "UHUGEINT" | "UINT128" => (128, false),
        _ => return None,
    };
    Some(NativeType::Integer { bits, signed })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fit_expected: Fit, pairs: &[(&str, &str)]) {
        for (old, new) in pairs {
            assert_eq!(fit(old, new), fit_expected, "{old} to {new}");
        }
    }

    #[test]
    fn spellings_of_one_type_are_the_same() {
        check(
            Fit::Same,
            &[
                ("int64", "BIGINT"),
                ("INT(64, true)", "Int_64"),
                ("decimal( 18,2 )", "NUMERIC(18, 2)"),
                ("DECIMAL(precision=18, scale=2)", "DECIMAL(18,2)"),
                ("DECIMAL(9)", "DECIMAL(9,0)"),
                ("double precision", "FLOAT8"),
                ("utf8", "VARCHAR"),
                ("timestamp with time zone", "TIMESTAMPTZ"),
                ("STRUCT(a INT)", "struct( a int )"),
                ("UUID", "uuid"),
                ("", " "),
            ],
        );
    }

    #[test]
    fn wider_types_hold_every_value() {
        check(
            Fit::Wider,
            &[
                ("INT32", "BIGINT"),
                ("UINTEGER", "BIGINT"),
                ("FLOAT", "DOUBLE"),
                ("INT64", "DOUBLE"),
                ("SMALLINT", "FLOAT"),
                ("INTEGER", "DECIMAL(12,2)"),
                ("BIGINT", "DECIMAL(19,0)"),
                ("UHUGEINT", "DECIMAL(39,0)"),
                ("DECIMAL(9,2)", "DECIMAL(18,4)"),
                ("VARCHAR(10)", "VARCHAR(20)"),
                ("CHAR(3)", "TEXT"),
                ("DATE", "TIMESTAMPTZ"),
                ("TIMESTAMP_MILLIS", "TIMESTAMP_MICROS"),
                ("TIMESTAMP(MILLIS,true)", "TIMESTAMPTZ"),
            ],
        );
    }

    #[test]
    fn narrower_types_do_not() {
        check(
            Fit::Narrower,
            &[
                ("BIGINT", "INT32"),
                ("UBIGINT", "BIGINT"),
                ("INTEGER", "UINTEGER"),
                ("DOUBLE", "FLOAT"),
                ("INTEGER", "FLOAT"),
                ("INT64", "DECIMAL(18,2)"),
                ("DECIMAL(18,2)", "DECIMAL(18,4)"),
                ("DECIMAL(18,4)", "DECIMAL(18,2)"),
                ("VARCHAR", "VARCHAR(20)"),
                ("VARCHAR(20)", "VARCHAR(10)"),
                ("TIMESTAMP", "TIMESTAMPTZ"),
                ("TIMESTAMP_NS", "TIMESTAMP"),
                ("TIMESTAMP", "TIMESTAMP_NS"),
                ("DATE", "TIMESTAMP_NS"),
                ("VARCHAR", "BIGINT"),
                ("BOOLEAN", "INTEGER"),
            ],
        );
    }

    #[test]
    fn what_is_not_known_cannot_be_told() {
        check(
            Fit::Unknown,
            &[
                ("UUID", "VARCHAR"),
                ("INT8", "INTEGER"),
                ("DECIMAL", "DECIMAL(18,2)"),
                ("ENUM('a')", "ENUM('A')"),
                ("INT32[]", "INT64[]"),
                ("DECIMAL(2,18)", "DECIMAL(18,2)"),
                ("INT(7)", "BIGINT"),
                ("VARCHAR(", "VARCHAR"),
                ("VARCHAR(99999999999)", "VARCHAR"),
            ],
        );
    }
}
