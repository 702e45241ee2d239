//! Programs in `tests/npm`, which use packages from npm.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// What `node tests/npm/PROGRAM ARGUMENTS` prints, as JSON.
pub fn node(program: &str, arguments: &[&str]) -> Value {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/npm");
    assert!(
        directory.join("node_modules").exists(),
        "the packages from npm are missing: run scripts/test, or `npm ci` in tests/npm"
    );
    let output = Command::new("node")
        .arg(program)
        .args(arguments)
        .current_dir(directory)
        .stderr(Stdio::inherit())
        .output()
        .expect("node");
    assert!(output.status.success(), "{program} failed: {}", output.status);
    serde_json::from_slice(&output.stdout).expect("JSON")
}
