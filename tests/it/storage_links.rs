//! What a delete on disk leaves alone: whatever lies outside the base, directories, and files of a base that is not there.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use futures_util::TryStreamExt;
use serde_json::json;
use timestore_entity::enums::StorageKind;
use timestore_gateway::storage::{Deleted, Environment, StorageError, TargetFiles};

use crate::support::storage::{TestStorage, target};

const SOON: Duration = Duration::from_secs(60);

async fn listed(files: &TargetFiles) -> Vec<String> {
    let mut found: Vec<_> = files
        .list(SOON)
        .map_ok(|file| file.path)
        .try_collect()
        .await
        .unwrap();
    found.sort();
    found
}

#[tokio::test]
async fn links_out_of_the_base_lead_to_nothing_that_can_be_deleted() {
    let storage = TestStorage::disk();
    storage.put("inside", b"a").await;
    storage.put_beside("outside/file", b"a").await;
    let base = storage.directory().join("base");
    symlink(storage.directory().join("outside"), base.join("out")).unwrap();
    symlink("../outside", base.join("relative")).unwrap();
    symlink("out", base.join("twice")).unwrap();

    let files = storage.files();
    for link in ["out", "relative", "twice"] {
        let path = format!("{link}/file");
        assert_eq!(
            files.delete(&path, SOON).await,
            Err(StorageError::Outside(path.clone()))
        );
        assert_eq!(files.head(&path, SOON).await, Err(StorageError::Outside(path)));
    }
    assert!(storage.directory().join("outside/file").exists());
    assert_eq!(listed(&files).await, ["inside"]);
}

#[tokio::test]
async fn a_base_beside_another_with_a_longer_name_ends_at_its_name() {
    let storage = TestStorage::disk();
    storage.put_beside("base2/file", b"a").await;
    symlink("../base2", storage.directory().join("base/out")).unwrap();
    let error = storage.files().delete("out/file", SOON).await.unwrap_err();
    assert_eq!(error, StorageError::Outside("out/file".to_owned()));
    assert!(!error.is_transient());
}

#[tokio::test]
async fn a_link_that_stays_within_the_base_is_followed() {
    let storage = TestStorage::disk();
    storage.put("day=1/a", b"a").await;
    symlink("day=1", storage.directory().join("base/today")).unwrap();
    let files = storage.files();
    // Listed once, under its own name.
    assert_eq!(listed(&files).await, ["day=1/a"]);
    assert_eq!(files.delete("today/a", SOON).await, Ok(Deleted::Gone));
    assert_eq!(listed(&files).await, [""; 0]);
}

#[tokio::test]
async fn a_link_is_deleted_itself_and_not_what_it_points_at() {
    let storage = TestStorage::disk();
    storage.put_beside("outside", b"abc").await;
    let base = storage.directory().join("base");
    symlink("../outside", base.join("link")).unwrap();
    symlink("nowhere", base.join("broken")).unwrap();
    let files = storage.files();
    assert_eq!(files.head("link", SOON).await.unwrap().unwrap().bytes, 3);
    assert_eq!(files.head("broken", SOON).await, Ok(None));
    assert_eq!(listed(&files).await, ["link"]);
    for link in ["link", "broken"] {
        assert_eq!(files.delete(link, SOON).await, Ok(Deleted::Gone));
        assert!(fs::symlink_metadata(base.join(link)).is_err());
    }
    assert!(storage.directory().join("outside").exists());
}

#[tokio::test]
async fn a_base_that_is_a_link_is_where_it_points() {
    let storage = TestStorage::disk();
    storage.put("a", b"a").await;
    let link = storage.directory().join("link");
    symlink("base", &link).unwrap();
    let at = target(StorageKind::Local, link.to_str().unwrap(), json!({}));
    let files = TargetFiles::open(&at, &Environment::from_iter([])).unwrap();
    assert_eq!(files.delete("a", SOON).await, Ok(Deleted::Gone));
}

#[tokio::test]
async fn directories_stay_even_when_they_are_empty() {
    let storage = TestStorage::disk();
    storage.put("day=1/hour=2/a", b"a").await;
    let files = storage.files();
    let error = files.delete("day=1/hour=2", SOON).await.unwrap_err();
    assert_eq!(error.to_string(), "\"day=1/hour=2\" is a directory");
    assert!(!error.is_transient());
    assert_eq!(files.delete("day=1/hour=2/a", SOON).await, Ok(Deleted::Gone));
    assert!(storage.directory().join("base/day=1/hour=2").is_dir());
    assert_eq!(files.head("day=1", SOON).await, Ok(None));
}

#[tokio::test]
async fn a_base_that_is_not_there_says_nothing_about_its_files() {
    let storage = TestStorage::disk();
    let files = storage.files();
    fs::remove_dir(storage.directory().join("base")).unwrap();
    for error in [
        files.delete("a", SOON).await.unwrap_err(),
        files.head("a", SOON).await.unwrap_err(),
        files.list(SOON).try_collect::<Vec<_>>().await.unwrap_err(),
    ] {
        assert!(
            error.to_string().contains("is its file system mounted?"),
            "{error}"
        );
        assert!(error.is_transient());
    }
    storage.put_beside("base", b"a file").await;
    let error = files.delete("a", SOON).await.unwrap_err();
    assert!(error.to_string().ends_with("is not a directory"), "{error}");
}

#[tokio::test]
async fn nothing_is_deleted_after_the_time_is_up() {
    let storage = TestStorage::disk();
    storage.put("a", b"a").await;
    let late = storage.files().delete("a", Duration::ZERO).await;
    assert_eq!(late, Err(StorageError::Timeout(Duration::ZERO)));
    assert!(storage.exists("a").await);
}

#[tokio::test]
async fn names_that_are_not_text_are_left_out_of_lists() {
    use std::os::unix::ffi::OsStrExt;
    let storage = TestStorage::disk();
    storage.put("a", b"a").await;
    let odd = std::ffi::OsStr::from_bytes(b"\xff");
    if fs::write(storage.directory().join("base").join(odd), b"a").is_ok() {
        assert_eq!(listed(&storage.files()).await, ["a"]);
    }
}
