//! COPY of the rows of files, through psql.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::cpu;
use crate::load::Load;

/// What the rows of a dataset refer to.
pub struct Copying {
    dataset: String,
    target: String,
    archive: String,
    version: String,
}

const COLUMNS: &str = "dataset_id, id, storage_target_id, file_path, file_format, file_size_bytes, row_count, start_time, \
    end_time, span_class, partition_key, checksum, column_statistics, metadata, added_version";

impl Copying {
    /// Looks up what the rows of a dataset refer to.
    pub fn new(cluster: &Cluster, database: &str, slug: &str) -> Result<Self> {
        let row = cluster.run(
            database,
            &format!(
                "select d.id, d.default_storage_target_id, a.id, h.latest_version from timestore.datasets d \
                 join timestore.dataset_heads h on h.dataset_id = d.id \
                 join timestore.storage_targets a on a.name = 'archive' where d.slug = '{slug}'"
            ),
        )?;
        let mut parts = row.split('|').map(str::to_owned);
        let mut part = || parts.next().context("no such dataset");
        Ok(Self {
            dataset: part()?,
            target: part()?,
            archive: part()?,
            version: part()?,
        })
    }

    /// Copies each batch by a statement of its own. Also says how many seconds psql itself has used.
    pub fn run(
        &self,
        cluster: &Cluster,
        database: &str,
        batches: &[Vec<Value>],
        work: &Path,
    ) -> Result<(Load, f64)> {
        let mut script = "\\timing on\n".to_owned();
        for (n, batch) in batches.iter().enumerate() {
            let file = work.join(format!("copy-{n}.tsv"));
            fs::write(&file, self.rows(batch)?)?;
            writeln!(
                script,
                "\\copy timestore.partitions ({COLUMNS}) from '{}'",
                file.display()
            )?;
        }
        let path = work.join("copy.sql");
        fs::write(&path, script)?;
        let mut psql = cluster.program("psql");
        psql.args([
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            &cluster.url(database),
            "-f",
        ])
        .arg(&path);
        let (before, began) = (cpu::of_family(std::process::id()), Instant::now());
        let output = psql.output().context("psql cannot be started")?;
        ensure!(
            output.status.success(),
            "psql: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let mut load = Load {
            seconds: began.elapsed().as_secs_f64(),
            ..Load::default()
        };
        for line in String::from_utf8(output.stdout)?.lines() {
            let time = line
                .strip_prefix("Time: ")
                .and_then(|time| time.split(' ').next());
            load.latencies
                .push((time.context("no time")?.parse::<f64>()? * 1_000.0) as u32);
        }
        load.latencies.sort_unstable();
        ensure!(
            load.requests() == batches.len(),
            "psql copied {} batches",
            load.requests()
        );
        Ok((load, cpu::of_family(std::process::id()) - before))
    }

    fn rows(&self, files: &[Value]) -> Result<String> {
        let mut rows = String::new();
        for file in files {
            let path = file["filePath"].as_str().context("a path")?;
            let number = path.trim_matches(|c: char| !c.is_ascii_digit());
            let target = if file["storageTarget"].is_null() {
                &self.target
            } else {
                &self.archive
            };
            let text = |name: &str| file[name].as_str().unwrap_or_default();
            writeln!(
                rows,
                "{}\t01a30000-0000-7000-8000-{number:0>12}\t{target}\t{path}\tparquet\t{}\t{}\t{}\t{}\t6\t{}\t{}\t{}\t{{}}\t{}",
                self.dataset,
                text("fileSizeBytes"),
                text("rowCount"),
                text("startTime"),
                text("endTime"),
                file["partitionKey"],
                text("checksum"),
                file["columnStatistics"],
                self.version,
            )?;
        }
        Ok(rows)
    }
}
