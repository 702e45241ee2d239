use parquet::file::metadata::ParquetMetaDataReader;
use serde_json::json;

use super::*;
use crate::register::testing::{Column, Scratch, parquet, texts};

fn statistics(schema: &str, groups: &[Vec<Column>]) -> Value {
    let scratch = Scratch::new();
    let path = scratch.write(
        "a.parquet",
        &parquet(&format!("message m {{ {schema} }}"), groups),
    );
    let file = std::fs::File::open(path).expect("a file");
    let metadata = ParquetMetaDataReader::new()
        .parse_and_finish(&file)
        .expect("a footer");
    Value::Object(columns(&metadata))
}

#[test]
fn numbers_times_and_booleans_keep_their_types() {
    let told = statistics(
        "required int64 t (TIMESTAMP(NANOS,true)); required int32 d (DATE); optional boolean b; required int64 i;
         required int64 u (INTEGER(64,false)); required int32 small (DECIMAL(5,2)); required int64 big (DECIMAL(18,2));
         required fixed_len_byte_array(4) fixed (DECIMAL(9,1)); required double x; required float f;",
        &[vec![
            Column::I64(vec![Some(-1), Some(1_500)]),
            Column::I32(vec![Some(-1), Some(0)]),
            Column::Boolean(vec![Some(true), None]),
            Column::I64(vec![Some(i64::MIN), Some(i64::MAX)]),
            Column::I64(vec![Some(-1), Some(0)]),
            Column::I32(vec![Some(-1), Some(1234)]),
            Column::I64(vec![Some(1), Some(999_999_999_999_999_999)]),
            Column::Fixed(vec![Some(vec![0xff, 0xff, 0xff, 0xfe]), Some(vec![0, 0, 0, 15])]),
            Column::Double(vec![Some(-1.5), Some(0.1)]),
            Column::Float(vec![Some(0.1), Some(0.5)]),
        ]],
    );
    let both = |min: Value, max: Value, nulls: u64| json!({"min": min, "max": max, "nullCount": nulls, "rowCount": 2});
    assert_eq!(
        told["t"],
        both(
            json!("1969-12-31T23:59:59.999999999Z"),
            json!("1970-01-01T00:00:00.000001500Z"),
            0
        )
    );
    assert_eq!(told["d"], both(json!("1969-12-31"), json!("1970-01-01"), 0));
    assert_eq!(told["b"], both(json!(true), json!(true), 1));
    assert_eq!(told["i"], both(json!(i64::MIN), json!(i64::MAX), 0));
    assert_eq!(told["u"], both(json!(0), json!(u64::MAX), 0));
    assert_eq!(told["small"], both(json!(-0.01), json!(12.34), 0));
    assert_eq!(told["big"], json!({"min": 0.01, "nullCount": 0, "rowCount": 2}));
    assert_eq!(told["fixed"], both(json!(-0.2), json!(1.5), 0));
    assert_eq!(told["x"], both(json!(-1.5), json!(0.1), 0));
    // Both 0.1 and what 32 bits make of it lie within.
    assert_eq!(told["f"], both(json!(0.1), json!(0.5), 0));
}

#[test]
fn text_is_kept_only_when_it_is_whole_short_and_no_date() {
    let long = "x".repeat(300);
    let told = statistics(
        "required binary s (STRING); required binary long (STRING); required binary nul (STRING);
         required binary date (STRING); required binary raw;",
        &[vec![
            texts(&["b", "é"]),
            texts(&["a", &long]),
            texts(&["a\0", "b"]),
            texts(&["2020-01-01", "2021-01-01T00:00:00+05:00"]),
            texts(&["a", "b"]),
        ]],
    );
    let bare = json!({"nullCount": 0, "rowCount": 2});
    assert_eq!(
        told["s"],
        json!({"min": "b", "max": "é", "nullCount": 0, "rowCount": 2})
    );
    // The writer cut the long one, and says so.
    assert_eq!(told["long"], json!({"min": "a", "nullCount": 0, "rowCount": 2}));
    assert_eq!(told["nul"], json!({"max": "b", "nullCount": 0, "rowCount": 2}));
    assert_eq!((&told["date"], &told["raw"]), (&bare, &bare));
}

#[test]
fn row_groups_are_merged_and_those_of_nulls_have_no_say() {
    let told = statistics(
        "optional int64 n; optional double nan; optional int64 none;",
        &[
            vec![
                Column::I64(vec![Some(3), None]),
                Column::Double(vec![Some(1.0), Some(2.0)]),
                Column::I64(vec![None, None]),
            ],
            vec![
                Column::I64(vec![None]),
                Column::Double(vec![Some(f64::NAN)]),
                Column::I64(vec![None]),
            ],
            vec![
                Column::I64(vec![Some(-4), Some(9)]),
                Column::Double(vec![Some(f64::NEG_INFINITY), Some(5.0)]),
                Column::I64(vec![None, None]),
            ],
        ],
    );
    assert_eq!(
        told["n"],
        json!({"min": -4, "max": 9, "nullCount": 2, "rowCount": 5})
    );
    assert_eq!(told["nan"], json!({"nullCount": 0, "rowCount": 5}));
    assert_eq!(told["none"], json!({"nullCount": 5, "rowCount": 5}));
}

#[test]
fn outdated_statistics_count_only_where_the_order_is_signed() {
    let outdated = |signed| {
        let statistics = Statistics::int64(Some(1), Some(2), None, Some(0), true);
        is_ordered(None, &statistics, Kind::Integer { signed })
    };
    assert!(outdated(true) && !outdated(false));
    let unknown = Statistics::int64(Some(1), Some(2), None, Some(0), false);
    assert!(!is_ordered(Some(&ColumnOrder::UNKNOWN), &unknown, Kind::Date));
    let reversed = Statistics::int64(Some(2), Some(1), None, Some(0), false);
    assert_eq!(ends(&reversed, Kind::Timestamp { nanos: 1 }, false), (None, None));
}
