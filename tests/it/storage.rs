//! The files of storage targets, on disk and on a server that speaks S3.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use serde_json::json;
use timestore_entity::enums::StorageKind;
use timestore_gateway::storage::{Deleted, Environment, StorageError, StoredFile, TargetFiles};

use crate::support::on_disk_and_s3;
use crate::support::storage::{TestStorage, target};

on_disk_and_s3! {
    a_deleted_file_is_gone_and_others_stay,
    a_file_that_is_not_there_is_no_error,
    odd_paths_name_exactly_one_file,
    files_are_listed_with_their_sizes_and_times,
    an_empty_base_lists_nothing,
    many_are_deleted_with_a_result_for_each,
    paths_that_the_catalog_would_not_hold_are_refused,
}

/// Long enough for a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(60);

async fn a_deleted_file_is_gone_and_others_stay(storage: TestStorage) {
    storage.put("day=1/a.parquet", b"a").await;
    storage.put("day=1/b.parquet", b"b").await;
    let files = storage.files();
    assert_eq!(files.delete("day=1/a.parquet", SOON).await, Ok(Deleted::Gone));
    assert_eq!(storage.list().await, ["day=1/b.parquet"]);
    assert!(storage.exists("day=1/b.parquet").await);
}

async fn a_file_that_is_not_there_is_no_error(storage: TestStorage) {
    storage.put("a", b"a").await;
    let files = storage.files();
    // S3 does not tell.
    let missing = match storage.kind() {
        StorageKind::S3 => Deleted::Gone,
        _ => Deleted::Missing,
    };
    for path in ["b", "no/such/directory/b", "a/below-a-file"] {
        assert_eq!(files.delete(path, SOON).await, Ok(missing), "{path}");
        assert_eq!(files.head(path, SOON).await, Ok(None), "{path}");
    }
    assert_eq!(storage.list().await, ["a"]);
}

async fn odd_paths_name_exactly_one_file(storage: TestStorage) {
    let mut left = vec![
        "a b",
        "a%20b",
        "a+b",
        "a%2Bb",
        "100%",
        "%zz",
        "k=v/x=y",
        "#1",
        "part#12",
        "what?x=1",
        "ü/日本.parquet",
        "u\u{308}",
        "a&b<c>\"d'",
        "&amp;",
        "~*[]{}|^`",
        " lead",
        "trail ",
        "t=10:00:00/@,;!$()",
        "...",
        ".hidden",
        "a..b",
    ];
    left.sort_unstable();
    for path in &left {
        storage.put(path, path.as_bytes()).await;
    }
    let files = storage.files();
    while let Some(path) = left.pop() {
        let found = files.head(path, SOON).await.unwrap().unwrap();
        assert_eq!((found.path.as_str(), found.bytes), (path, path.len() as u64));
        assert_eq!(files.delete(path, SOON).await, Ok(Deleted::Gone), "{path}");
        assert_eq!(storage.list().await, left, "without {path}");
        assert_eq!(paths(listed(&files).await), left, "without {path}");
    }
}

async fn files_are_listed_with_their_sizes_and_times(storage: TestStorage) {
    // More than the server puts on a page, and some that are not below the base.
    let mut expected = Vec::new();
    for number in 0..12_usize {
        let path = format!("hour={}/{number:02}.parquet", number % 3);
        storage.put(&path, &vec![0; number]).await;
        expected.push((path, number as u64));
    }
    storage.put_beside("base2/a", b"a").await;
    storage.put_beside("other", b"a").await;
    expected.sort_unstable();

    let files = storage.files();
    let listed = listed(&files).await;
    let found: Vec<_> = listed
        .iter()
        .map(|file| (file.path.clone(), file.bytes))
        .collect();
    assert_eq!(found, expected);
    let now = chrono::Utc::now();
    for file in &listed {
        assert!((now - file.modified).num_minutes().abs() < 5, "{file:?}");
        let seen = files.head(&file.path, SOON).await.unwrap().unwrap();
        assert_eq!((&seen.path, seen.bytes), (&file.path, file.bytes));
    }
}

async fn an_empty_base_lists_nothing(storage: TestStorage) {
    assert_eq!(listed(&storage.files()).await, []);
}

async fn many_are_deleted_with_a_result_for_each(storage: TestStorage) {
    let mut paths: Vec<String> = (0..20).map(|number| format!("{number:02}")).collect();
    for path in &paths {
        storage.put(path, b"a").await;
    }
    storage.put("kept", b"a").await;
    paths.push("../kept".to_owned());
    let mut results: Vec<_> = storage.files().delete_all(paths, 4, SOON).collect().await;
    results.sort_by(|one, other| one.0.cmp(&other.0));
    let (path, refused) = results.remove(0);
    assert_eq!(path, "../kept");
    assert!(matches!(refused, Err(StorageError::Path(_))));
    assert_eq!(results.len(), 20);
    assert!(results.iter().all(|(_, result)| *result == Ok(Deleted::Gone)));
    assert_eq!(storage.list().await, ["kept"]);
}

async fn paths_that_the_catalog_would_not_hold_are_refused(storage: TestStorage) {
    storage.put_beside("outside", b"a").await;
    let files = storage.files();
    for path in [
        "",
        "../outside",
        "a/../../outside",
        "%2e%2e/outside",
        "/outside",
        "a//b",
        "a/",
        ".",
    ] {
        let error = files.delete(path, SOON).await.unwrap_err();
        assert!(matches!(error, StorageError::Path(_)), "{path}: {error}");
        assert!(files.head(path, SOON).await.is_err(), "{path}");
    }
}

async fn listed(files: &TargetFiles) -> Vec<StoredFile> {
    let mut files: Vec<_> = files.list(SOON).try_collect().await.unwrap();
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files
}

fn paths(files: Vec<StoredFile>) -> Vec<String> {
    files.into_iter().map(|file| file.path).collect()
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_not_a_file_that_is_not_there() {
    let storage = TestStorage::s3().await;
    let elsewhere = target(StorageKind::S3, "s3://no-such-bucket/base", storage.config());
    let files = TargetFiles::open(&elsewhere, &storage.environment()).unwrap();
    for error in [
        files.delete("a", SOON).await.unwrap_err(),
        files.list(SOON).try_collect::<Vec<_>>().await.unwrap_err(),
    ] {
        assert!(error.to_string().contains("NoSuchBucket"), "{error}");
        assert!(!error.is_transient());
    }
}

#[tokio::test]
async fn a_bucket_can_be_a_base() {
    let storage = TestStorage::s3().await;
    storage.put("a b", b"a").await;
    let bucket = storage.base_uri().replace("/base", "");
    let files = TargetFiles::open(
        &target(StorageKind::S3, &bucket, storage.config()),
        &storage.environment(),
    )
    .unwrap();
    assert_eq!(paths(listed(&files).await), ["base/a b"]);
    assert_eq!(files.delete("base/a b", SOON).await, Ok(Deleted::Gone));
    assert_eq!(storage.list().await, [""; 0]);
}

#[tokio::test]
async fn a_base_that_is_a_uri_is_decoded_once() {
    let storage = TestStorage::s3().await;
    storage.put_beside("a b%/x", b"a").await;
    let base = storage.base_uri().replace("/base", "/a%20b%25");
    let at = target(StorageKind::S3, &base, storage.config());
    let files = TargetFiles::open(&at, &storage.environment()).unwrap();
    assert_eq!(paths(listed(&files).await), ["x"]);

    let storage = TestStorage::disk();
    storage.put("a b%/x", b"a").await;
    let base = format!("file://{}/a%20b%25", storage.base_uri());
    let at = target(StorageKind::Local, &base, json!({}));
    let files = TargetFiles::open(&at, &Environment::from_iter([])).unwrap();
    assert_eq!(paths(listed(&files).await), ["x"]);
    assert_eq!(files.delete("x", SOON).await, Ok(Deleted::Gone));
}
