use std::path::{Path, PathBuf};

use super::*;
use crate::register::discover::discover;
use crate::register::testing::{Column, Scratch, duckdb, parquet};

const NARROW: &str = "message m { required int64 time (TIMESTAMP(MICROS,true)); required double x; }";
const TURNED: &str = "message m { optional double x; required int64 time (TIMESTAMP(MICROS,true)); }";
const WIDE: &str =
    "message m { required int64 time (TIMESTAMP(MICROS,true)); required double x; required double y; }";

fn gathered(path: &Path, options: &Options) -> Result<Vec<SchemaGroup>, Faults> {
    let found = discover(&[PathBuf::from(path)], None)?;
    let mut seen = 0;
    let groups = gather(&found.files, options, |progress| {
        seen += 1;
        assert_eq!((progress.done, progress.total), (seen, found.files.len()));
    });
    assert_eq!(seen, found.files.len());
    groups
}

fn options() -> Options {
    Options {
        target_name: "weather".to_owned(),
        time_column: Some("time".to_owned()),
        ..Options::default()
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(seconds, 0).expect("a time")
}

#[test]
fn files_are_grouped_by_fields_in_the_order_of_time() {
    let scratch = Scratch::new();
    let time = |value| Column::I64(vec![Some(value)]);
    let x = || Column::Double(vec![Some(0.5)]);
    scratch.write("year=3/a.parquet", &parquet(NARROW, &[vec![time(3), x()]]));
    scratch.write("year=1/b.parquet", &parquet(TURNED, &[vec![x(), time(1)]]));
    scratch.write("year=2/c.parquet", &parquet(WIDE, &[vec![time(2), x(), x()]]));
    let groups = gathered(scratch.path(), &options()).expect("groups");
    let told = groups
        .iter()
        .map(|group| {
            group
                .files
                .iter()
                .map(|file| file.relative.as_str())
                .collect::<Vec<_>>()
        })
        .collect::<Vec<_>>();
    assert_eq!(
        told,
        [
            vec!["year=1/b.parquet", "year=3/a.parquet"],
            vec!["year=2/c.parquet"]
        ]
    );
    let file = &groups[0].files[0];
    assert_eq!(Value::Object(file.partition_key.clone()), json!({"year": 1}));
    assert_eq!(
        file.signature,
        digest::signature("weather", &file.relative, &file.checksum)
    );
    assert!(file.checksum.starts_with("sha256:"));
    assert_eq!(file.metadata["rowGroups"], 1);

    // Nullable in one file is nullable in the group.
    let fields = |group: usize| groups[group].fields.as_deref().expect("fields");
    let evolved = evolve(fields(0), fields(1));
    let nullable = evolved
        .iter()
        .filter(|field| field.nullable)
        .map(|field| field.name.as_str());
    assert_eq!(nullable.collect::<Vec<_>>(), ["x", "y"]);
    assert!(fields(0).iter().any(|field| field.name == "x" && field.nullable));
    assert_eq!(evolve(fields(1), fields(1)), fields(1));
}

#[test]
fn the_faults_of_all_files_are_told() {
    let scratch = Scratch::new();
    scratch.write("a.parquet", b"PAR1");
    scratch.write("b.parquet", &parquet(NARROW, &[]));
    scratch.write("k=1/k=2/c.parquet", b"PAR1");
    scratch.write("d.duckdb", &duckdb(67, "v1.4.2", 1, 0));
    let faults = gathered(scratch.path(), &options()).expect_err("faults");
    assert_eq!(faults.0.len(), 4);
    let told = faults.to_string();
    for expected in [
        "a.parquet: ",
        "it has no rows",
        "found 'k' twice",
        "pass --rows, --start and --end",
    ] {
        assert!(told.contains(expected), "{expected} in {told}");
    }
    let whole = parquet(
        NARROW,
        &[vec![Column::I64(vec![Some(1)]), Column::Double(vec![Some(0.5)])]],
    );
    let path = scratch.write("alone/e.parquet", &whole);
    let untold = gathered(&path, &Options::default()).expect_err("a fault");
    assert!(untold.to_string().contains("--time-column"));
}

#[test]
fn a_duckdb_file_is_what_the_caller_says_of_it() {
    let scratch = Scratch::new();
    scratch.write("a.duckdb", &duckdb(67, "v1.4.2", 1, 0));
    let told = Options {
        rows: Some(7),
        start: Some(at(1)),
        end: Some(at(2)),
        ..options()
    };
    let groups = gathered(scratch.path(), &told).expect("groups");
    let file = &groups[0].files[0];
    assert_eq!((file.rows, file.start, file.end), (7, at(1), at(2)));
    assert_eq!(
        (&groups[0].fields, &file.fields, &file.statistics),
        (&None, &None, &None)
    );
    assert_eq!(file.metadata["libraryVersion"], "v1.4.2");
    assert_eq!(file.metadata["unknown"], json!(["fields", "statistics"]));

    let fault = |options: &Options| {
        gathered(scratch.path(), options)
            .expect_err("a fault")
            .to_string()
    };
    assert!(
        fault(&Options {
            start: Some(at(3)),
            ..told.clone()
        })
        .contains("expected --start before --end")
    );
    assert!(
        fault(&Options {
            rows: Some(0),
            ..told.clone()
        })
        .contains("expected --rows of at least 1")
    );
    scratch.write("b.duckdb", &duckdb(67, "v1.4.2", 1, 0));
    assert!(fault(&told).contains("for one duckdb file"));
}
