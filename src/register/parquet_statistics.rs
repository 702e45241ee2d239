//! What a Parquet footer says of the values of its columns, merged over row groups.
//!
//! Owns the rule that a bound is told only when it holds for every row: a planner drops files by it. Reads no values.

use chrono::{DateTime, Days, NaiveDate, SecondsFormat};
use parquet::basic::{ColumnOrder, SortOrder};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use serde_json::{Map, Number, Value, json};

use super::parquet_schema::{Kind, kind};

/// The longest text that is kept as a bound; longer ones cost more in the catalog than they prune.
const MAX_TEXT: usize = 256;
/// Decimals of up to 15 digits are told apart by a double, which is what JSON numbers are compared as.
const EXACT_DIGITS: i128 = 999_999_999_999_999;

/// A value in the order of its column.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub(super) enum Scalar {
    Boolean(bool),
    /// Integers, unscaled decimals, days, units of time.
    Integer(i128),
    Double(f64),
    Text(String),
}

/// What is known of a column: no row lies below `min` or above `max`, nulls aside.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Bounds {
    pub(super) min: Option<Scalar>,
    pub(super) max: Option<Scalar>,
    pub(super) nulls: Option<u64>,
}

/// `{column: {min, max, nullCount, rowCount}}` of the top-level columns; what is not known is left out.
///
/// Integers, decimals of up to 15 digits and finite doubles are JSON numbers, timestamps and dates RFC 3339 strings,
/// text a string of at most 256 bytes. Bounds of text that looks like a date are left out: by time, which is how such
/// strings are compared, they may not be bounds.
pub(super) fn columns(metadata: &ParquetMetaData) -> Map<String, Value> {
    let mut columns = Map::new();
    let rows = metadata.file_metadata().num_rows();
    for (index, column) in metadata
        .file_metadata()
        .schema_descr()
        .columns()
        .iter()
        .enumerate()
    {
        if column.path().parts().len() > 1 || column.max_rep_level() > 0 {
            continue;
        }
        let kind = kind(column.self_type());
        let bounds = bounds(metadata, index);
        let mut told = Map::from_iter([("rowCount".to_owned(), json!(rows))]);
        for (name, value) in [
            ("min", bounds.min.and_then(|min| value(&min, kind))),
            ("max", bounds.max.and_then(|max| value(&max, kind))),
            ("nullCount", bounds.nulls.map(Value::from)),
        ] {
            told.extend(value.map(|value| (name.to_owned(), value)));
        }
        columns.insert(column.name().to_owned(), Value::Object(told));
    }
    columns
}

/// What the footer says of one leaf column. Row groups of nulls only have no say in `min` and `max`; any other that lacks
/// a bound takes it from the file.
pub(super) fn bounds(metadata: &ParquetMetaData, index: usize) -> Bounds {
    let file = metadata.file_metadata();
    let column = file.schema_descr().column(index);
    let kind = kind(column.self_type());
    let order = file.column_orders().and_then(|orders| orders.get(index));
    let whole_text = file.created_by().is_some_and(stores_whole_text);
    let (mut mins, mut maxes, mut nulls) = (Some(Vec::new()), Some(Vec::new()), Some(0_u64));
    for group in metadata.row_groups() {
        let Ok(rows @ 1..) = u64::try_from(group.num_rows()) else {
            continue;
        };
        let statistics = group.columns().get(index).and_then(|chunk| chunk.statistics());
        let own_nulls = match column.max_def_level() {
            0 => Some(0),
            _ => statistics
                .and_then(Statistics::null_count_opt)
                .filter(|&nulls| nulls <= rows),
        };
        nulls = nulls.zip(own_nulls).and_then(|(sum, own)| sum.checked_add(own));
        if own_nulls == Some(rows) {
            continue;
        }
        let (min, max) = statistics
            .filter(|statistics| is_ordered(order, statistics, kind))
            .map(|statistics| ends(statistics, kind, whole_text))
            .unwrap_or_default();
        mins = mins.zip(min).map(|(mut all, own)| {
            all.push(own);
            all
        });
        maxes = maxes.zip(max).map(|(mut all, own)| {
            all.push(own);
            all
        });
    }
    Bounds {
        min: mins.and_then(|all| {
            all.into_iter()
                .reduce(|one, other| if other < one { other } else { one })
        }),
        max: maxes.and_then(|all| {
            all.into_iter()
                .reduce(|one, other| if other > one { other } else { one })
        }),
        nulls,
    }
}

/// Whether the statistics were made with the order of the column. The outdated fields were compared as signed numbers,
/// which is right for those alone, and for doubles only as long as none is NaN, which they do not say.
fn is_ordered(order: Option<&ColumnOrder>, statistics: &Statistics, kind: Kind) -> bool {
    let signed = matches!(
        kind,
        Kind::Boolean | Kind::Integer { signed: true } | Kind::Date | Kind::Timestamp { .. }
    );
    match order {
        Some(ColumnOrder::UNKNOWN) => false,
        None | Some(ColumnOrder::UNDEFINED) => signed,
        Some(ColumnOrder::TYPE_DEFINED_ORDER(SortOrder::UNDEFINED)) => false,
        Some(_) => signed || !statistics.is_min_max_deprecated(),
    }
}

/// Writers that keep text whole or leave it out, and mostly do not say so. Others may cut it, unless they say otherwise.
fn stores_whole_text(created_by: &str) -> bool {
    created_by.starts_with("DuckDB") || created_by.starts_with("parquet-cpp")
}

fn ends(statistics: &Statistics, kind: Kind, whole_text: bool) -> (Option<Scalar>, Option<Scalar>) {
    let ends = match (statistics, kind) {
        (Statistics::Boolean(own), Kind::Boolean) => (
            own.min_opt().copied().map(Scalar::Boolean),
            own.max_opt().copied().map(Scalar::Boolean),
        ),
        (Statistics::Int32(own), Kind::Integer { .. } | Kind::Decimal { .. } | Kind::Date) => {
            let integer = |&value: &i32| match kind {
                Kind::Integer { signed: false } => Scalar::Integer(i128::from(value as u32)),
                _ => Scalar::Integer(i128::from(value)),
            };
            (own.min_opt().map(integer), own.max_opt().map(integer))
        }
        (Statistics::Int64(own), Kind::Integer { .. } | Kind::Decimal { .. } | Kind::Timestamp { .. }) => {
            let integer = |&value: &i64| match kind {
                Kind::Integer { signed: false } => Scalar::Integer(i128::from(value as u64)),
                _ => Scalar::Integer(i128::from(value)),
            };
            (own.min_opt().map(integer), own.max_opt().map(integer))
        }
        // NaN is in no order with other numbers, and beyond them for most engines.
        (Statistics::Float(own), Kind::Double) if own.nan_count_opt().unwrap_or(0) == 0 => {
            let single = |value: &f32| value.is_finite().then(|| spellings(*value));
            (
                own.min_opt()
                    .and_then(single)
                    .map(|(one, other)| Scalar::Double(one.min(other))),
                own.max_opt()
                    .and_then(single)
                    .map(|(one, other)| Scalar::Double(one.max(other))),
            )
        }
        (Statistics::Double(own), Kind::Double) if own.nan_count_opt().unwrap_or(0) == 0 => {
            let double = |&value: &f64| value.is_finite().then_some(Scalar::Double(value));
            (own.min_opt().and_then(double), own.max_opt().and_then(double))
        }
        (Statistics::ByteArray(_) | Statistics::FixedLenByteArray(_), Kind::Decimal { .. }) => {
            let exact = |value: &[u8], exact: bool| {
                let fixed = matches!(statistics, Statistics::FixedLenByteArray(_));
                (fixed || exact)
                    .then(|| big_endian(value))
                    .flatten()
                    .map(Scalar::Integer)
            };
            (
                statistics
                    .min_bytes_opt()
                    .and_then(|min| exact(min, statistics.min_is_exact())),
                statistics
                    .max_bytes_opt()
                    .and_then(|max| exact(max, statistics.max_is_exact())),
            )
        }
        (Statistics::ByteArray(_), Kind::Text) => (
            statistics
                .min_bytes_opt()
                .filter(|_| whole_text || statistics.min_is_exact())
                .and_then(text),
            statistics
                .max_bytes_opt()
                .filter(|_| whole_text || statistics.max_is_exact())
                .and_then(text),
        ),
        _ => (None, None),
    };
    match ends {
        // Such a writer is not to be believed.
        (Some(min), Some(max)) if min > max => (None, None),
        ends => ends,
    }
}

/// A value of 32 bits as a double, and as the double that people write for it: 0.1 is not 0.10000000149011612, yet a
/// predicate may name either. A bound covers both.
fn spellings(value: f32) -> (f64, f64) {
    let exact = f64::from(value);
    (exact, value.to_string().parse().unwrap_or(exact))
}

fn big_endian(bytes: &[u8]) -> Option<i128> {
    let filler = if *bytes.first()? & 0x80 == 0 { 0 } else { 0xff };
    let mut wide = [filler; 16];
    wide.get_mut(16_usize.checked_sub(bytes.len())?..)?
        .copy_from_slice(bytes);
    Some(i128::from_be_bytes(wide))
}

fn text(bytes: &[u8]) -> Option<Scalar> {
    let text = std::str::from_utf8(bytes).ok()?;
    let dated = bytes.len() >= 10
        && bytes[..10]
            .iter()
            .zip(b"0000-00-00")
            .all(|(found, &form)| match form {
                b'0' => found.is_ascii_digit(),
                other => *found == other,
            });
    (bytes.len() <= MAX_TEXT && !dated && !text.contains('\0')).then(|| Scalar::Text(text.to_owned()))
}

fn value(scalar: &Scalar, kind: Kind) -> Option<Value> {
    match (scalar, kind) {
        (Scalar::Boolean(value), _) => Some(Value::Bool(*value)),
        (Scalar::Double(value), _) => Number::from_f64(*value).map(Value::Number),
        (Scalar::Text(value), _) => Some(Value::String(value.clone())),
        (Scalar::Integer(days), Kind::Date) => Some(Value::String(date(*days)?.to_string())),
        (Scalar::Integer(units), Kind::Timestamp { nanos }) => {
            let nanos = units * i128::from(nanos);
            let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).ok()?;
            let time = DateTime::from_timestamp(seconds, nanos.rem_euclid(1_000_000_000) as u32)?;
            is_rfc_3339(time.date_naive())
                .then(|| Value::String(time.to_rfc3339_opts(SecondsFormat::AutoSi, true)))
        }
        (Scalar::Integer(unscaled), Kind::Decimal { scale }) => decimal(*unscaled, scale),
        (Scalar::Integer(value), _) => i64::try_from(*value)
            .map(Value::from)
            .or_else(|_| u64::try_from(*value).map(Value::from))
            .ok(),
    }
}

fn decimal(unscaled: i128, scale: u32) -> Option<Value> {
    if unscaled.abs() > EXACT_DIGITS {
        return None;
    }
    match scale {
        0 => i64::try_from(unscaled).ok().map(Value::from),
        // The parser rounds correctly, which a division would not.
        _ => format!("{unscaled}e-{scale}")
            .parse()
            .ok()
            .and_then(Number::from_f64)
            .map(Value::Number),
    }
}

/// The date so many days after 1970-01-01, if RFC 3339 can spell it.
pub(super) fn date(days: i128) -> Option<NaiveDate> {
    let epoch = NaiveDate::default();
    let distance = Days::new(u64::try_from(days.abs()).ok()?);
    let date = match days < 0 {
        true => epoch.checked_sub_days(distance),
        false => epoch.checked_add_days(distance),
    }?;
    is_rfc_3339(date).then_some(date)
}

/// Whether RFC 3339, which has years of four digits, can spell the date.
pub(super) fn is_rfc_3339(date: NaiveDate) -> bool {
    use chrono::Datelike as _;
    (1..=9999).contains(&date.year())
}

#[cfg(test)]
#[path = "parquet_statistics_tests.rs"]
mod tests;
