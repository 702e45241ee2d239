use super::*;
use crate::register::testing::{Column, Scratch, parquet, texts};

const SCHEMA: &str =
    "message m { required int64 time (TIMESTAMP(MICROS,true)); optional binary name (STRING); }";

fn sample() -> Vec<u8> {
    let groups = [
        vec![Column::I64(vec![Some(5), Some(7)]), texts(&["a", "b"])],
        vec![Column::I64(vec![Some(2)]), texts(&["c"])],
    ];
    parquet(SCHEMA, &groups)
}

fn fault(name: &str, bytes: &[u8]) -> String {
    let scratch = Scratch::new();
    let path = scratch.write(name, bytes);
    let fault = read(&path, "time").expect_err("a fault").to_string();
    assert!(fault.contains(name), "{fault}");
    fault
}

#[test]
fn a_footer_tells_rows_size_fields_and_range() {
    let scratch = Scratch::new();
    let bytes = sample();
    let facts = read(&scratch.write("a.parquet", &bytes), "time").expect("facts");
    assert_eq!(
        (facts.bytes, facts.rows, facts.row_groups),
        (bytes.len() as u64, 3, 2)
    );
    assert_eq!(
        (facts.start.timestamp_micros(), facts.end.timestamp_micros()),
        (2, 7)
    );
    assert_eq!(facts.fields.len(), 2);
    assert!(
        facts
            .created_by
            .is_some_and(|writer| writer.starts_with("parquet-rs"))
    );
}

#[test]
fn a_file_without_rows_or_that_is_missing_is_refused() {
    assert!(fault("empty.parquet", &parquet(SCHEMA, &[])).contains("nothing to register: it has no rows"));
    let missing = read(Path::new("/nowhere/a.parquet"), "time").expect_err("a fault");
    assert!(missing.to_string().contains("/nowhere/a.parquet: cannot be read"));
}

#[test]
fn a_column_twice_is_refused() {
    let schema = "message m { required int64 time (TIMESTAMP(MICROS,true)); required int64 time; }";
    let bytes = parquet(
        schema,
        &[vec![Column::I64(vec![Some(1)]), Column::I64(vec![Some(1)])]],
    );
    assert!(fault("twice.parquet", &bytes).contains("expected each column once, found 'time' twice"));
}

#[test]
fn damaged_files_are_told_and_never_panic() {
    let whole = sample();
    let end = whole.len();
    assert!(fault("short.parquet", &whole[..7]).contains("at least 12 bytes, found 7"));
    assert!(fault("cut.parquet", &whole[..end - 1]).contains("to end in 'PAR1'"));
    let mut secret = whole.clone();
    secret[end - 4..].copy_from_slice(b"PARE");
    assert!(fault("secret.parquet", &secret).contains("encrypted footer"));
    let mut long = whole.clone();
    long[end - 8..end - 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(fault("long.parquet", &long).contains("found one of 4294967295"));

    let scratch = Scratch::new();
    for at in end - 200..end - 8 {
        for value in [0, 0x15, 0x7f, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            // The outcome may be either; it must be one.
            let _ = read(&scratch.write("flipped.parquet", &bytes), "time");
        }
    }
}
