//! Hand-written statements under load, through pgbench, which prepares them once a connection.
//!
//! What connections cost when they are new, the planning of their first statements above all, is over before anything is
//! measured: the connections of gateways are not new either.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};

use crate::cluster::Cluster;
use crate::contender::{Turn, of};
use crate::cpu;
use crate::load::Load;

/// How long pgbench runs before and after what is measured.
const MARGIN: Duration = Duration::from_secs(1);

/// A script and how often it is chosen among others.
pub struct Script<'a> {
    /// What pgbench runs.
    pub sql: &'a str,
    /// How many values `:n` has.
    pub parameters: usize,
    /// Its weight.
    pub weight: u32,
}

/// One turn of scripts. The bytes that come back are not counted.
pub fn turn(
    cluster: &Cluster,
    database: &str,
    scripts: &[Script<'_>],
    clients: usize,
    time: Duration,
    work: &Path,
) -> Result<Turn> {
    let directory = work.join("pgbench");
    drop(fs::remove_dir_all(&directory));
    fs::create_dir_all(&directory)?;
    let mut pgbench = cluster.program("pgbench");
    let seconds = (time + 2 * MARGIN).as_secs();
    pgbench.args(["-n", "-M", "prepared", "-j", "1", "-l"]);
    pgbench.args(["-c", &clients.to_string(), "-T", &seconds.to_string()]);
    for (n, script) in scripts.iter().enumerate() {
        let file = format!("{n}.sql");
        let sql = script.sql.replace(":parameters", &script.parameters.to_string());
        fs::write(directory.join(&file), sql)?;
        pgbench.args(["-f", &format!("{file}@{}", script.weight)]);
    }
    pgbench.arg(cluster.url(database)).current_dir(&directory);
    pgbench.stdout(Stdio::null()).stderr(Stdio::piped());
    let child = pgbench.spawn().context("pgbench cannot be started")?;
    let counters = || (now(), cluster.cpu(), cpu::of_process(child.id()));
    sleep(MARGIN);
    let before = counters();
    sleep(time);
    let after = counters();
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "pgbench: {said}");
    let load = read(&directory, before.0, after.0)?;
    let statements = load.requests() as f64;
    let seconds = [0.0, after.1 - before.1, after.2 - before.2];
    Ok(of(&load, seconds, Some(statements)))
}

/// What was finished between two instants, in microseconds since 1970.
fn read(directory: &Path, from: u128, to: u128) -> Result<Load> {
    let mut load = Load {
        seconds: (to - from) as f64 / 1e6,
        ..Load::default()
    };
    for log in logs(directory)? {
        for line in fs::read_to_string(&log)?.lines() {
            // Client, transaction, microseconds, script; then when it was finished, in seconds and microseconds.
            let fields: Vec<u64> = line.split(' ').map_while(|field| field.parse().ok()).collect();
            let [_, _, micros, _, seconds, rest] = fields[..] else {
                continue;
            };
            if (from..to).contains(&(u128::from(seconds) * 1_000_000 + u128::from(rest))) {
                load.latencies.push(u32::try_from(micros)?);
            }
        }
    }
    load.latencies.sort_unstable();
    ensure!(load.requests() > 0, "pgbench finished nothing in time");
    Ok(load)
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

/// The time that pgbench writes into its log, in microseconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "compared with what another program took from the same clock"
)]
fn now() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_micros())
}
