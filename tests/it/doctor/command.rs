//! The command itself: what it prints, and what it exits with.

use std::process::Command;

use serde_json::{Value, json};

use super::Patient;
use crate::support::database::TestDatabase;

/// What `timestore doctor` exits with, and prints to standard output and standard error.
fn doctor(database: &str, args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_timestore"))
        .args(["doctor", "--database-url", database])
        .args(args)
        .env_remove("TIMESTORE_LOG")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_what_it_finds_and_how_to_mend_it() {
    let database = TestDatabase::sqlite().await;
    let patient = Patient::new(&database).await;
    // The patient lives in the past: by now, what waits there is overdue.
    patient
        .harm("delete from timestore.file_removals where done_at is null")
        .await;
    patient
        .harm("update timestore.manifest_drafts set expires_at = '2100-01-01T00:00:00+00:00'")
        .await;
    let (code, said, _) = doctor(database.url(), &[]);
    assert_eq!(
        (code, said.as_str()),
        (Some(0), "2 dataset(s) looked at, 0 thing(s) found, 0 mended\n")
    );
    patient
        .harm("update timestore.manifest_drafts set expires_at = '2020-01-01T00:00:00+00:00' where dataset_id = {weather}")
        .await;
    patient
        .harm("update timestore.manifests set total_rows = 1000 where dataset_id = {weather} and version = 2")
        .await;
    let (code, said, _) = doctor(database.url(), &[]);
    assert_eq!(code, Some(1));
    let expected = [
        "totals, dataset weather",
        "  version 2 says 2 files, 1000 rows, 200 bytes, and has 2 files, 2 rows, 200 bytes",
        "  to mend: ",
        "draft-overdue",
        "  weather: a draft of 1 files",
        "  to mend: ",
        "2 dataset(s) looked at, 2 thing(s) found, 0 mended",
    ];
    for (line, expected) in said.lines().zip(expected) {
        assert!(line.starts_with(expected), "{said}");
    }
    let (code, said, _) = doctor(database.url(), &["--fix", "--format", "json"]);
    assert_eq!(code, Some(1), "totals are not mended");
    let lines: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mended: Vec<Value> = lines
        .iter()
        .map(|line| json!([line["check"], line["dataset"], line["count"], line["mended"]]))
        .collect();
    assert_eq!(
        mended,
        [
            json!(["totals", "weather", 1, false]),
            json!(["draft-overdue", null, 1, true])
        ]
    );
    let (code, ..) = doctor(database.url(), &["--dataset", "other"]);
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn it_says_when_it_could_not_look() {
    let nowhere = std::env::temp_dir().join("timestore-no-such-file.db");
    let (code, said, error) = doctor(&format!("sqlite:{}", nowhere.display()), &[]);
    assert_eq!((code, said.as_str()), (Some(2), ""));
    assert!(error.contains("is not there"), "{error}");
    assert!(!nowhere.exists());
    let (code, ..) = doctor("sqlite:a", &["--storage-target", "x"]);
    assert_eq!(code, Some(2), "it asks for --storage");
    let database = TestDatabase::sqlite().await;
    let (code, _, error) = doctor(database.url(), &["--dataset", "nobody"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("--dataset: expected"), "{error}");
}
