//! Instructions of a request, counted by callgrind: they do not depend on what else the machine does.
//!
//! The whole gateway runs under it, on SQLite, which is in the process: HTTP, GraphQL and the database are counted. Two runs differ in
//! nothing but the number of requests, so that the difference is what requests take.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::field::{COLD, WARM, has_cache};
use crate::http::Connection;
use crate::options::Options;
use crate::prepared::Prepared;
use crate::reads::{self, Read};
use crate::server::Server;

/// Requests of the shorter and of the longer run. Both begin with as many that are not counted as differ.
const REQUESTS: (usize, usize) = (20, 60);

/// Prints a table of the reads that are wanted.
pub fn run(options: &Options, prepared: &Prepared) -> Result<()> {
    let url = prepared.sqlite.as_deref().context("no SQLite file")?;
    let asked = valgrind(options, url, &[], "callgrind.out")?;
    let reads = reads::all(&asked, options.scale())?;
    drop(asked);
    let mut kinds: Vec<(&str, &[&str])> = vec![("cold", if has_cache(options)? { &COLD } else { &[] })];
    if has_cache(options)? {
        kinds.push(("warm", &WARM));
    }
    println!("### instructions of a request, on SQLite\n\n| | cache | million instructions |\n|---|---|---|");
    let wanted = |read: &&Read| ["nested", "list", "window"].contains(&read.name) && options.runs(read.name);
    for read in reads.iter().filter(wanted) {
        for (name, more) in &kinds {
            let short = count(options, url, more, read, REQUESTS.0)?;
            let long = count(options, url, more, read, REQUESTS.1)?;
            let each = (long - short) / (REQUESTS.1 - REQUESTS.0) as f64 / 1e6;
            println!("| {} | {name} | {each:.2} |", read.name);
        }
    }
    Ok(())
}

/// The instructions of a gateway from its start to its end, with so many requests between.
fn count(options: &Options, url: &str, more: &[&str], read: &Read, requests: usize) -> Result<f64> {
    let output = "callgrind.out";
    let gateway = valgrind(options, url, more, output)?;
    let bodies = read.bodies();
    let mut connection = Connection::open(gateway.address)?;
    let mut answer = Vec::new();
    // The same few again and again, so that all but the first come from the cache, where there is one.
    let first = bodies.iter().take(REQUESTS.0).collect::<Vec<_>>();
    for body in first.iter().cycle().take(REQUESTS.0 + requests) {
        connection.post("/graphql", body, &mut answer)?;
    }
    drop(connection);
    gateway.stop()?;
    total(&options.work.join(output))
}

fn valgrind(options: &Options, url: &str, more: &[&str], output: &str) -> Result<Server> {
    let log = options.work.join("callgrind.log");
    Server::start(&log, |port| {
        let gateway = options.gateway();
        let mut valgrind = Command::new("valgrind");
        for (name, value) in gateway.get_envs() {
            match value {
                Some(value) => valgrind.env(name, value),
                None => valgrind.env_remove(name),
            };
        }
        valgrind
            .arg("--tool=callgrind")
            .arg(format!("--callgrind-out-file={}", options.work.join(output).display()))
            .arg(gateway.get_program())
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--database-url", url])
            .args(more)
            .env("TIMESTORE_LOG", "warn")
            // One thread that works, as far as that can be told from outside: threads that look for work count too.
            .env("TOKIO_WORKER_THREADS", "1");
        valgrind
    })
}

/// The total at the end of callgrind's output.
fn total(output: &Path) -> Result<f64> {
    let text = fs::read_to_string(output)?;
    let line = text.lines().rev().find_map(|line| {
        line.strip_prefix("totals: ")
            .or_else(|| line.strip_prefix("summary: "))
    });
    line.and_then(|numbers| numbers.split(' ').next()?.parse().ok())
        .with_context(|| format!("no totals in {}", output.display()))
}
