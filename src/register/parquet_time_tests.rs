use std::path::Path;

use parquet::basic::Compression;
use parquet::file::properties::EnabledStatistics;

use super::*;
use crate::register::parquet_footer;
use crate::register::testing::{Column, Scratch, parquet, parquet_with};

fn read(path: &Path) -> Result<(String, String), String> {
    parquet_footer::read(path, "time")
        .map(|facts| (facts.start, facts.end))
        .map(|(start, end)| {
            (
                start.format("%FT%T%.6f").to_string(),
                end.format("%FT%T%.6f").to_string(),
            )
        })
        .map_err(|fault| fault.to_string())
}

fn range_of(column: &str, values: Column) -> Result<(String, String), String> {
    let scratch = Scratch::new();
    let bytes = parquet(
        &format!("message m {{ {column}; optional int64 n; }}"),
        &[vec![values, Column::I64(vec![None; 2])]],
    );
    read(&scratch.write("a.parquet", &bytes))
}

fn told(start: &str, end: &str) -> Result<(String, String), String> {
    Ok((start.to_owned(), end.to_owned()))
}

#[test]
fn every_unit_is_rounded_outwards_to_microseconds() {
    let pair = |one, other| Column::I64(vec![Some(one), Some(other)]);
    assert_eq!(
        range_of("required int64 time (TIMESTAMP(MILLIS,true))", pair(-5, 7)),
        told("1969-12-31T23:59:59.995000", "1970-01-01T00:00:00.007000")
    );
    assert_eq!(
        range_of("required int64 time (TIMESTAMP(MICROS,false))", pair(1, 2)),
        told("1970-01-01T00:00:00.000001", "1970-01-01T00:00:00.000002")
    );
    assert_eq!(
        range_of("required int64 time (TIMESTAMP(NANOS,true))", pair(-1, 1_001)),
        told("1969-12-31T23:59:59.999999", "1970-01-01T00:00:00.000002")
    );
    assert_eq!(
        range_of("required int64 time (TIMESTAMP(NANOS,true))", pair(1_999, 2_000)),
        told("1970-01-01T00:00:00.000001", "1970-01-01T00:00:00.000002")
    );
    assert_eq!(
        range_of("required int32 time (DATE)", Column::I32(vec![Some(0), Some(31)])),
        told("1970-01-01T00:00:00.000000", "1970-02-01T00:00:00.000000")
    );
}

#[test]
fn times_of_96_bits_are_read_value_by_value() {
    let noon = 43_200_000_000_000_u64;
    let at = |day, of_day: u64| [of_day as u32, (of_day >> 32) as u32, day];
    assert_eq!(
        range_of(
            "required int96 time",
            Column::I96(vec![at(2_440_589, noon), at(2_440_587, 1)])
        ),
        told("1969-12-31T00:00:00.000000", "1970-01-02T12:00:00.000000")
    );
}

#[test]
fn without_statistics_the_column_is_read() {
    let scratch = Scratch::new();
    let schema = "message m { optional int64 time (TIMESTAMP(MICROS,true)); }";
    let values = (0..20_000)
        .map(|value| (value % 7 != 0).then_some(value))
        .collect();
    let groups = [vec![Column::I64(values)], vec![Column::I64(vec![Some(-1), None])]];
    for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY] {
        let bytes = parquet_with(schema, &groups, EnabledStatistics::None, compression);
        assert_eq!(
            read(&scratch.write("a.parquet", &bytes)),
            told("1969-12-31T23:59:59.999999", "1970-01-01T00:00:00.019998")
        );
    }
}

#[test]
fn a_column_that_places_nothing_in_time_is_told_with_the_candidates() {
    let missing = range_of(
        "required int64 at (TIMESTAMP(MICROS,true))",
        Column::I64(vec![Some(1); 2]),
    );
    assert!(missing.is_err_and(|error| {
        error.contains("a.parquet: expected a time column 'time', found the columns at, n; of these are timestamps or dates: at")
    }));
    let number = range_of("required int64 time", Column::I64(vec![Some(1); 2]));
    assert!(number.is_err_and(|error| {
        error.contains("to be a timestamp or a date, found another type; those are: none")
    }));
    let nulls = range_of(
        "optional int64 time (TIMESTAMP(MICROS,true))",
        Column::I64(vec![None; 2]),
    );
    assert!(nulls.is_err_and(|error| error.contains("found nulls only")));
}

#[test]
fn times_beyond_four_digits_of_the_year_are_refused() {
    for value in [
        i64::MAX,
        i64::MIN,
        253_402_300_800_000_000,
        -62_135_596_800_000_001,
    ] {
        let range = range_of(
            "required int64 time (TIMESTAMP(MICROS,true))",
            Column::I64(vec![Some(0), Some(value)]),
        );
        assert!(
            range.is_err_and(|error| error.contains("from year 1 to 9999")),
            "{value}"
        );
    }
    assert_eq!(
        instant(253_402_300_799_999_999).map(|time| time.to_rfc3339()),
        Some("9999-12-31T23:59:59.999999+00:00".to_owned())
    );
}
