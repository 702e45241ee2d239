//! Measures a gateway, as a process spoken to over HTTP, beside hand-written SQL and a gateway in JavaScript on the same data.
//!
//! `scripts/benchmark` builds and starts what this needs; `docs/performance.md` says what is measured, and how it came out.

mod cluster;
mod contender;
mod copying;
mod cpu;
mod equality;
mod fill;
mod http;
mod load;
mod options;
mod pgbench;
mod prepared;
mod publish_suite;
mod read_suite;
mod reads;
mod scale;
mod server;
mod table;

use anyhow::Result;
use clap::Parser;

use options::Options;
use prepared::Prepared;

fn main() -> Result<()> {
    let options = Options::parse();
    let prepared = Prepared::new(&options)?;
    read_suite::run(&options, &prepared)?;
    publish_suite::run(&options, &prepared)
}
