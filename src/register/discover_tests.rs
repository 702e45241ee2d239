use super::*;
use crate::register::testing::Scratch;

const PARQUET: &[u8] = b"PAR1........PAR1";
const DUCKDB: &[u8] = b"........DUCK";

fn relatives(discovery: &Discovery) -> Vec<&str> {
    discovery
        .files
        .iter()
        .map(|file| file.relative.as_str())
        .collect()
}

fn faults(paths: &[PathBuf]) -> String {
    discover(paths, None).expect_err("a fault").to_string()
}

#[test]
fn a_directory_is_walked_in_order_and_other_files_are_counted() {
    let scratch = Scratch::new();
    for name in [
        "b/2.parquet",
        "a/3.PQ",
        "a/1.parq",
        ".hidden/x.parquet",
        "_temporary/x.parquet",
    ] {
        scratch.write(name, PARQUET);
    }
    scratch.write("a/z.db", DUCKDB);
    for name in ["_SUCCESS", "_metadata", "readme.md", "noext", "sqlite.db"] {
        scratch.write(name, b"SQLite format 3");
    }
    let found = discover(&[scratch.path().to_owned()], None).expect("files");
    assert_eq!(relatives(&found), ["a/1.parq", "a/3.PQ", "a/z.db", "b/2.parquet"]);
    assert_eq!(found.files[2].format, FileFormat::Duckdb);
    assert_eq!(found.ignored, 7);
}

#[test]
fn what_is_missing_empty_or_of_another_kind_is_told_all_at_once() {
    let scratch = Scratch::new();
    let text = scratch.write("notes.txt", b"x");
    let wrong = scratch.write("d/wrong.parquet", DUCKDB);
    scratch.write("d/empty.duckdb", b"");
    scratch.write("d/secret.parquet", b"PARE");
    let missing = scratch.path().join("missing");
    assert!(faults(std::slice::from_ref(&missing)).contains("missing: cannot be read: No such file"));
    let empty = scratch.directory("empty");
    let told = faults(&[text, wrong.parent().expect("a directory").to_owned(), empty]);
    for expected in [
        "notes.txt: expected a file named .parquet",
        "wrong.parquet: expected a parquet file by its name, found a duckdb file",
        "empty.duckdb: expected a duckdb file by its name, found an empty file",
        "secret.parquet: expected a readable parquet file, found one with an encrypted footer",
        "empty: no parquet or duckdb file in this directory (0 other files ignored)",
    ] {
        assert!(told.contains(expected), "{expected} in {told}");
    }
    assert!(faults(&[]).contains("no path given"));
}

#[test]
fn the_root_is_what_all_paths_share_above_key_folders() {
    let scratch = Scratch::new();
    let one = scratch.write("t/city=a/month=1/p.parquet", PARQUET);
    let two = scratch.write("t/city=b/month=1/p.parquet", PARQUET);
    let top = fs::canonicalize(scratch.path()).expect("a path").join("t");
    assert_eq!(root(&[one.clone(), two.clone()], None).expect("a root"), top);
    let found = discover(std::slice::from_ref(&one), None).expect("a file");
    assert_eq!(
        (relatives(&found), &found.root),
        (vec!["city=a/month=1/p.parquet"], &top)
    );
    let above = discover(&[one.clone(), one.clone()], Some(scratch.path())).expect("a file");
    assert_eq!(relatives(&above), ["t/city=a/month=1/p.parquet"]);
    let outside = discover(&[one], two.parent()).expect_err("outside");
    assert!(outside.to_string().contains("lies outside the root"), "{outside}");
    assert!(faults(&[two, PathBuf::from("/dev/null")]).contains("--root"));
}

#[cfg(unix)]
#[test]
fn links_neither_loop_nor_lead_out_of_the_root() {
    use std::os::unix::fs::symlink;
    let scratch = Scratch::new();
    scratch.write("in/a.parquet", PARQUET);
    let inside = scratch.path().join("in");
    symlink(&inside, inside.join("loop")).expect("a link");
    symlink(inside.join("a.parquet"), inside.join("again.parquet")).expect("a link");
    let found = discover(std::slice::from_ref(&inside), None).expect("files");
    assert_eq!(relatives(&found), ["a.parquet"]);
    let outside = scratch.write("out/b.parquet", PARQUET);
    symlink(outside, inside.join("b.parquet")).expect("a link");
    assert!(faults(std::slice::from_ref(&inside)).contains("lies outside the root"));
    symlink("nowhere", inside.join("c.parquet")).expect("a link");
    assert!(faults(&[inside]).contains("c.parquet: cannot be read"));
}
