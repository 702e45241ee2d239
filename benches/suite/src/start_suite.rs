//! From the start of the process until it is ready on a filled database, and the memory that it takes while nobody asks anything.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;

use crate::contender::median;
use crate::cpu;
use crate::options::Options;
use crate::prepared::{Prepared, gateway};

/// How long nobody asks anything.
const IDLE: Duration = Duration::from_secs(2);

/// Prints a table of both databases.
pub fn run(options: &Options, prepared: &Prepared) -> Result<()> {
    if !options.runs("start") {
        return Ok(());
    }
    println!("### start\n\n| | ready after ms | idle MB | peak MB |\n|---|---|---|---|");
    let postgres = prepared.cluster.url(&prepared.database);
    let databases = [
        ("PostgreSQL", Some(&postgres)),
        ("SQLite", prepared.sqlite.as_ref()),
    ];
    for (name, url) in databases {
        let Some(url) = url else { continue };
        let mut starts = Vec::new();
        for _ in 0..options.rounds() {
            let gateway = gateway(options, url, "start", &[])?;
            starts.push(gateway.start.as_secs_f64() * 1_000.0);
        }
        let gateway = gateway(options, url, "start", &[])?;
        sleep(IDLE);
        let idle = cpu::megabytes(gateway.pid(), "VmRSS")?;
        let peak = cpu::megabytes(gateway.pid(), "VmHWM")?;
        println!(
            "| {name} | {:.0} | {idle:.0} | {peak:.0} |",
            median(starts.into_iter())
        );
    }
    println!();
    Ok(())
}
