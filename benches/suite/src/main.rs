//! Measures a gateway, as a process spoken to over HTTP, beside hand-written SQL and a gateway in JavaScript on the same data.
//!
//! `scripts/benchmark` builds and starts what this needs; `docs/performance.md` says what is measured, and how it came out.

mod cluster;
mod contender;
mod copying;
mod cpu;
mod equality;
mod feed_suite;
mod field;
mod fill;
mod http;
mod instruction_suite;
mod load;
mod mixed_suite;
mod options;
mod pgbench;
mod prepared;
mod publish_suite;
mod read_suite;
mod reads;
mod scale;
mod server;
mod start_suite;
mod table;

use anyhow::Result;
use clap::Parser;

use options::Options;
use prepared::Prepared;

fn main() -> Result<()> {
    let options = Options::parse();
    let prepared = Prepared::new(&options)?;
    if options.instructions {
        return instruction_suite::run(&options, &prepared);
    }
    read_suite::run(&options, &prepared)?;
    publish_suite::run(&options, &prepared)?;
    mixed_suite::run(&options, &prepared)?;
    feed_suite::run(&options, &prepared)?;
    start_suite::run(&options, &prepared)
}
