//! `timestore register` as a process, and copies of the sample data for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use uuid::Uuid;

/// A copy of the sample data that goes when the test ends.
pub struct Sample(PathBuf);

impl Sample {
    /// A copy of `examples/data`.
    pub fn copy() -> Self {
        let directory = std::env::temp_dir().join(format!("timestore-sample-{}", Uuid::now_v7().simple()));
        copy(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data"),
            &directory,
        );
        // Messages name files by their real paths.
        Self(fs::canonicalize(directory).unwrap())
    }

    /// A path in it.
    pub fn path(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    /// The files of the daily weather of these years.
    pub fn years(&self, years: std::ops::RangeInclusive<u32>) -> Vec<PathBuf> {
        let months = years.flat_map(|year| (1..=12).map(move |month| (year, month)));
        months
            .map(|(year, month)| self.path(&format!("daily-weather/{year}-{month:02}.parquet")))
            .collect()
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Runs `timestore register`: what it says, as standard output where it succeeds and as standard error where it fails.
pub fn register(
    catalog: [&str; 2],
    dataset: &str,
    paths: &[PathBuf],
    more: &[&str],
) -> Result<String, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_timestore"))
        .arg("register")
        .args(paths)
        .args(["--dataset", dataset])
        .args(catalog)
        .args(more)
        .env_remove("DATABASE_URL")
        .env_remove("TIMESTORE_DATABASE_URL")
        .env_remove("TIMESTORE_DATA_DIR")
        .env_remove("TIMESTORE_TOKEN")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if output.status.success() {
        Ok(text(output.stdout))
    } else {
        Err(text(output.stderr))
    }
}
