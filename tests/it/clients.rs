//! Clients that are generated from `schema.graphql`, built, and used against a gateway; and the code that the docs show.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::database::TestDatabase;
use crate::support::process::{Process, post};

/// A directory of `tests/clients`.
fn directory(client: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients")
        .join(client)
}

/// What a program prints that runs in a client's directory.
fn run(client: &str, program: impl AsRef<OsStr>, arguments: &[&str]) -> Vec<u8> {
    let program = program.as_ref();
    let output = Command::new(program)
        .args(arguments)
        .current_dir(directory(client))
        .stderr(Stdio::inherit())
        .output()
        .unwrap_or_else(|error| {
            panic!(
                "{}: {error}: run scripts/test, which installs it",
                program.display()
            )
        });
    assert!(output.status.success(), "{} failed", program.display());
    output.stdout
}

/// What an application sees that sets up a catalog, publishes the second of two files twice, and looks at what came of it.
fn expected() -> Value {
    let published = |version: i32, replayed: bool| json!({ "manifest": { "version": version }, "replayed": replayed, "userErrors": [] });
    let file = |day: &str| format!("s3://lake/series/day={day}/part-0.parquet 86400");
    json!({
        "target": { "name": "lake", "kind": "S3" },
        "refused": [{ "code": "ALREADY_EXISTS", "path": ["input", "slug"] }],
        "published": [published(1, false), published(2, false), published(2, true)],
        "found": [file("2026-01-01"), file("2026-01-02")],
        "before": [],
        "followed": [1, 2],
    })
}

#[tokio::test]
async fn a_generated_typescript_client_publishes_and_finds_and_follows() {
    run("typescript", "npm", &["run", "--silent", "build"]);
    let database = TestDatabase::sqlite().await;
    let gateway = Process::start(&database);
    let seen = run("typescript", "node", &["build/use.js", gateway.address()]);
    assert_eq!(serde_json::from_slice::<Value>(&seen).unwrap(), expected());
}

#[tokio::test]
async fn a_generated_python_client_publishes_and_finds_and_follows() {
    let programs = directory("python").join(".venv/bin");
    run("python", programs.join("ariadne-codegen"), &[]);
    let database = TestDatabase::sqlite().await;
    let gateway = Process::start(&database);
    let seen = run("python", programs.join("python"), &["use.py", gateway.address()]);
    assert_eq!(serde_json::from_slice::<Value>(&seen).unwrap(), expected());
}

#[tokio::test]
async fn curl_publishes() {
    let database = TestDatabase::sqlite().await;
    let gateway = Process::start(&database);
    let url = format!("http://{}/graphql", gateway.address());
    let create = "mutation { upsertStorageTarget(input: {name: \"lake\", kind: S3, baseUri: \"s3://lake\"}) { userErrors { code } }
        createDataset(input: {slug: \"weather\", name: \"w\", defaultStorageTarget: {name: \"lake\"}}) { userErrors { code } } }";
    post(gateway.address(), create, &json!({})).unwrap();
    for replayed in [false, true] {
        let answer = run("curl", "./publish.sh", &[&url, "weather", "2026-01-01"]);
        let expected = json!({ "manifest": { "version": 1 }, "replayed": replayed, "userErrors": [] });
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer["data"], json!({ "publishManifest": expected }));
    }
}

#[test]
fn the_docs_show_what_is_tested() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/clients.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    for file in [
        "typescript/codegen.yml",
        "typescript/gateway.ts",
        "typescript/publish.ts",
        "python/pyproject.toml",
        "python/publish.py",
        "curl/publish.sh",
    ] {
        let shown = std::fs::read_to_string(directory(file)).unwrap();
        assert!(
            docs.contains(&shown),
            "docs/clients.md does not show tests/clients/{file} as it is"
        );
    }
}
