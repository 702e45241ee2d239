//! The layers of the house, kept by reading the sources.

use std::path::{Path, PathBuf};

fn sources(directory: &str) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut directories = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(directory)];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                files.push((path, text));
            }
        }
    }
    assert!(!files.is_empty(), "{directory} has sources");
    files
}

/// Lines outside comments that contain one of `words`.
fn lines_with(directory: &str, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources(directory) {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let guilty = code.filter(|line| words.iter().any(|word| line.contains(word)));
        found.extend(guilty.map(|line| format!("{}: {}", path.display(), line.trim())));
    }
    found
}

#[test]
fn the_store_knows_nothing_of_graphql_or_http() {
    assert_eq!(
        lines_with(
            "src/store",
            &["async_graphql", "crate::graphql", "crate::http", "axum"]
        ),
        [""; 0]
    );
}

#[test]
fn only_the_store_holds_sql_and_queries() {
    let words = [
        "sea_orm::Entity",
        "sea_orm::{",
        "ConnectionTrait",
        "sea_query",
        "sqlx::",
        "timestore.datasets",
        "EntityTrait",
        "QueryFilter",
    ];
    for layer in ["src/graphql", "src/http", "src/lifecycle", "src/doctor"] {
        assert_eq!(lines_with(layer, &words), [""; 0]);
    }
}

#[test]
fn entities_hold_no_query() {
    assert_eq!(
        lines_with("entity/src", &["find()", ".filter(", "async fn", ".await"]),
        [""; 0]
    );
}

#[test]
fn rules_do_no_io() {
    assert_eq!(
        lines_with(
            "src/model",
            &[
                "async fn",
                ".await",
                "std::fs",
                "TcpStream",
                "tokio",
                "sea_orm",
                "crate::store"
            ]
        ),
        [""; 0]
    );
}

#[test]
fn storage_knows_neither_catalog_nor_api() {
    let words = [
        "crate::store",
        "crate::graphql",
        "crate::http",
        "sea_orm",
        "async_graphql",
    ];
    assert_eq!(lines_with("src/storage", &words), [""; 0]);
    for elsewhere in ["src/store", "src/graphql", "src/http", "src/model", "src/doctor"] {
        assert_eq!(lines_with(elsewhere, &["object_store"]), [""; 0]);
    }
}

#[test]
fn registering_goes_through_the_api() {
    assert_eq!(lines_with("src/register", &["crate::store", "sea_orm"]), [""; 0]);
}

#[test]
fn what_only_one_database_understands_stays_in_one_place() {
    let words = ["DbBackend", "is_postgres", "unnest", "lateral", "pg_"];
    let elsewhere = lines_with("src/store", &words);
    let elsewhere: Vec<_> = elsewhere
        .iter()
        .filter(|line| !line.contains("/store/backend/"))
        .collect();
    assert!(elsewhere.is_empty(), "{elsewhere:#?}");
}
