//! The time range of a Parquet file: the earliest and the latest value of its time column.
//!
//! Owns the conversion to instants with microseconds, rounded outwards so that no row is left outside. Takes the footer's
//! statistics where they can be relied on, and else reads that one column.

use std::fs::File;

use chrono::DateTime;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{DataType, Int96};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use timestore_entity::Timestamp;

use super::parquet_schema::{Kind, kind};
use super::parquet_statistics::{Bounds, Scalar, bounds, is_rfc_3339};

const NANOS_A_DAY: i128 = 86_400_000_000_000;
/// The Julian day of 1970-01-01, from which INT96 counts.
const JULIAN_EPOCH: i128 = 2_440_588;
/// How many values are read at once.
const BATCH: usize = 8192;

/// The first and the last instant of `column`, nulls aside. Dates are their midnight in UTC, timestamps without a zone are
/// taken as UTC.
///
/// # Errors
///
/// Says what was expected of the column.
pub(super) fn range(
    file: &File,
    metadata: &ParquetMetaData,
    column: &str,
) -> Result<(Timestamp, Timestamp), String> {
    let (index, kind) = find(metadata, column)?;
    let (start, end) = match bounds(metadata, index) {
        Bounds {
            min: Some(Scalar::Integer(min)),
            max: Some(Scalar::Integer(max)),
            ..
        } => (nanos(min, kind), nanos(max, kind)),
        _ => scan(file, metadata, index, kind)
            .map_err(|error| {
                format!(
                    "expected statistics of the time column '{column}' in the footer, found none that can be relied on, \
                     and its values cannot be read instead: {error}"
                )
            })?
            .ok_or_else(|| format!("expected a value in the time column '{column}', found nulls only"))?,
    };
    instant(start.div_euclid(1000))
        .zip(instant(-(-end).div_euclid(1000)))
        .ok_or_else(|| {
            format!("expected times from year 1 to 9999 in the time column '{column}', found others")
        })
}

fn find(metadata: &ParquetMetaData, column: &str) -> Result<(usize, Kind), String> {
    let schema = metadata.file_metadata().schema_descr();
    let is_time = |kind: Kind| matches!(kind, Kind::Date | Kind::Timestamp { .. } | Kind::Int96);
    let top = schema.root_schema().get_fields();
    let named = |names: Vec<&str>| match names.is_empty() {
        true => "none".to_owned(),
        false => names.join(", "),
    };
    let candidates = || {
        named(
            top.iter()
                .filter(|field| is_time(kind(field)))
                .map(|field| field.name())
                .collect(),
        )
    };
    if !top.iter().any(|field| field.name() == column) {
        return Err(format!(
            "expected a time column '{column}', found the columns {}; of these are timestamps or dates: {}",
            named(top.iter().map(|field| field.name()).collect()),
            candidates()
        ));
    }
    schema
        .columns()
        .iter()
        .position(|leaf| leaf.path().parts() == [column])
        .map(|index| (index, kind(schema.column(index).self_type())))
        .filter(|(_, kind)| is_time(*kind))
        .ok_or_else(|| {
            format!(
                "expected the time column '{column}' to be a timestamp or a date, found another type; those are: {}",
                candidates()
            )
        })
}

fn nanos(value: i128, kind: Kind) -> i128 {
    match kind {
        Kind::Timestamp { nanos } => value * i128::from(nanos),
        _ => value * NANOS_A_DAY,
    }
}

fn instant(micros: i128) -> Option<Timestamp> {
    i64::try_from(micros)
        .ok()
        .and_then(DateTime::from_timestamp_micros)
        .filter(|time| is_rfc_3339(time.date_naive()))
}

/// Reads the column, and tells its least and greatest value in nanoseconds; `None` if all are null.
fn scan(
    file: &File,
    metadata: &ParquetMetaData,
    index: usize,
    kind: Kind,
) -> ParquetResult<Option<(i128, i128)>> {
    let reader = SerializedFileReader::new(file.try_clone()?)?;
    let optional = metadata
        .file_metadata()
        .schema_descr()
        .column(index)
        .max_def_level()
        > 0;
    let mut range = None;
    for group in 0..metadata.num_row_groups() {
        let rows = metadata.row_group(group).num_rows();
        let mut widen = |value: i128| {
            let (min, max) = range.unwrap_or((value, value));
            range = Some((value.min(min), value.max(max)));
        };
        match reader.get_row_group(group)?.get_column_reader(index)? {
            ColumnReader::Int32ColumnReader(column) => {
                each(column, rows, optional, |&value| {
                    widen(nanos(i128::from(value), kind))
                })?;
            }
            ColumnReader::Int64ColumnReader(column) => {
                each(column, rows, optional, |&value| {
                    widen(nanos(i128::from(value), kind))
                })?;
            }
            ColumnReader::Int96ColumnReader(column) => {
                each(column, rows, optional, |value| widen(int96(value)))?;
            }
            _ => return Err(ParquetError::General("not a column of times".to_owned())),
        }
    }
    Ok(range)
}

fn each<T: DataType>(
    mut column: ColumnReaderImpl<T>,
    rows: i64,
    optional: bool,
    mut take: impl FnMut(&T::T),
) -> ParquetResult<()> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    let mut seen = 0;
    while seen < rows {
        levels.clear();
        values.clear();
        let (records, ..) = column.read_records(BATCH, optional.then_some(&mut levels), None, &mut values)?;
        if records == 0 {
            return Err(ParquetError::General(format!(
                "expected {rows} rows, found {seen}"
            )));
        }
        values.iter().for_each(&mut take);
        seen += records as i64;
    }
    Ok(())
}

fn int96(value: &Int96) -> i128 {
    let data = value.data();
    let of_day = u64::from(data[1]) << 32 | u64::from(data[0]);
    (i128::from(data[2]) - JULIAN_EPOCH) * NANOS_A_DAY + i128::from(of_day)
}

#[cfg(test)]
#[path = "parquet_time_tests.rs"]
mod tests;
