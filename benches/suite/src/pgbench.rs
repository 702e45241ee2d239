//! Hand-written statements under load, through pgbench, which prepares them once a connection.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::cluster::Cluster;
use crate::load::Load;

/// A script and how often it is chosen among others.
pub struct Script<'a> {
    /// What pgbench runs.
    pub sql: &'a str,
    /// How many values `:n` has.
    pub parameters: usize,
    /// Its weight.
    pub weight: u32,
}

/// How long pgbench runs.
#[derive(Clone, Copy)]
pub enum Length {
    /// For so long.
    Time(Duration),
    /// Until each client has done so many transactions.
    Each(u64),
}

/// Runs scripts. Also says how many seconds pgbench itself has used.
pub fn run(
    cluster: &Cluster,
    database: &str,
    scripts: &[Script<'_>],
    clients: usize,
    length: Length,
    work: &Path,
) -> Result<(Load, f64)> {
    let directory = work.join("pgbench");
    drop(fs::remove_dir_all(&directory));
    fs::create_dir_all(&directory)?;
    let mut pgbench = cluster.program("pgbench");
    let (flag, of_each) = match length {
        Length::Time(time) => ("-T", time.as_secs().max(1)),
        Length::Each(transactions) => ("-t", transactions),
    };
    pgbench.args(["-n", "-M", "prepared", "-j", "1", "-l"]);
    pgbench.args(["-c", &clients.to_string(), flag, &of_each.to_string()]);
    for (n, script) in scripts.iter().enumerate() {
        let file = format!("{n}.sql");
        let sql = script.sql.replace(":parameters", &script.parameters.to_string());
        fs::write(directory.join(&file), sql)?;
        pgbench.args(["-f", &format!("{file}@{}", script.weight)]);
    }
    let before = crate::cpu::of_family(std::process::id());
    let began = Instant::now();
    let output = pgbench
        .arg(cluster.url(database))
        .current_dir(&directory)
        .output()
        .context("pgbench cannot be started")?;
    ensure!(
        output.status.success(),
        "pgbench: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let seconds = match length {
        Length::Time(_) => of_each as f64,
        Length::Each(_) => began.elapsed().as_secs_f64(),
    };
    let mut load = Load {
        seconds,
        ..Load::default()
    };
    for log in logs(&directory)? {
        // client, transaction, microseconds, script, seconds, microseconds
        let text = fs::read_to_string(&log)?;
        let micros = text
            .lines()
            .filter_map(|line| line.split(' ').nth(2)?.parse().ok());
        load.latencies.extend(micros.collect::<Vec<u32>>());
    }
    load.latencies.sort_unstable();
    ensure!(load.requests() > 0, "pgbench ran nothing");
    Ok((load, crate::cpu::of_family(std::process::id()) - before))
}

fn logs(directory: &Path) -> Result<Vec<PathBuf>> {
    let paths = fs::read_dir(directory)?.map(|entry| Ok(entry?.path()));
    let paths: Vec<PathBuf> = paths.collect::<Result<_>>()?;
    let is_log = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("pgbench_log"))
    };
    Ok(paths.into_iter().filter(is_log).collect())
}
