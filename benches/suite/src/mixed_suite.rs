//! A mixture of reads and publishes, as a planner, a console and a publisher make it together: of a hundred requests seventy look
//! up a window, twenty read nested, nine list, one publishes.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use serde_json::json;

use crate::contender::{CONNECTIONS, Turn, measured};
use crate::field;
use crate::fill::PUBLISH;
use crate::load::{closed_loop, spread};
use crate::options::Options;
use crate::pgbench::{self, Script};
use crate::prepared::Prepared;
use crate::reads::{self, Read};
use crate::scale::{MINUTE, file};
use crate::server::Server;
use crate::table::{self, Row};

/// The copy of the filled database.
const DATABASE: &str = "mixing";

/// Reads by name, and their shares of a hundred requests; publishes are the rest.
const SHARES: [(&str, u32); 3] = [("window", 70), ("nested", 20), ("list", 9)];

/// Where publishes go to.
const SLUG: &str = "window-many";

/// The minute at which new files begin: behind all that is published elsewhere.
const LATER: u64 = 20_000_000;

/// What everybody is asked.
struct Mixture {
    reads: Vec<Read>,
    bodies: Vec<Vec<Vec<u8>>>,
    /// How many files have been made up, so that no two have the same path.
    made: AtomicU64,
}

/// Measures the mixture, and prints a table.
pub fn run(options: &Options, prepared: &Prepared) -> Result<()> {
    if !options.runs("mixed") {
        return Ok(());
    }
    prepared.cluster.copy(&prepared.database, DATABASE)?;
    let field = field::start(options, prepared, DATABASE)?;
    let mut mixture = Mixture::new(&field[0].server, options)?;
    // What is published on SQLite would stay in the file that is kept.
    let field: Vec<_> = field.into_iter().filter(|one| one.same_fill).collect();
    let mut rows = vec![Row::new("SQL")];
    rows.extend(field.iter().map(|one| Row::new(one.name)));
    for round in 0..options.rounds() {
        rows[0].turns.push(mixture.statement_turn(options, prepared)?);
        for (row, one) in rows[1..].iter_mut().zip(&field) {
            let turn = mixture.turn(&one.server, options, prepared, round)?;
            row.turns.push(turn);
        }
    }
    println!("{}", table::compared("mixed", &rows));
    drop(field);
    prepared.cluster.drop(DATABASE)
}

impl Mixture {
    fn new(gateway: &Server, options: &Options) -> Result<Self> {
        let mut all = reads::all(gateway, options.scale())?;
        let mut reads = Vec::new();
        for (name, _) in SHARES {
            let at = all.iter().position(|read| read.name == name);
            reads.push(all.swap_remove(at.context("a read")?));
        }
        Ok(Self {
            bodies: reads.iter().map(Read::bodies).collect(),
            reads,
            made: AtomicU64::new(0),
        })
    }

    fn turn(&mut self, server: &Server, options: &Options, prepared: &Prepared, round: u64) -> Result<Turn> {
        let expected = options.turn().as_secs() * 100;
        let publishes: Vec<Vec<u8>> = (0..expected).map(|_| self.publish()).collect();
        let published = AtomicU64::new(0);
        let next = |connection, request| {
            let n = spread(connection, round << 32 | request, u64::MAX);
            let mut share = u32::try_from(n % 100).unwrap_or_default();
            for ((_, of_read), bodies) in SHARES.iter().zip(&self.bodies) {
                if share < *of_read {
                    return &bodies[usize::try_from(n / 100 % bodies.len() as u64).unwrap_or_default()];
                }
                share -= of_read;
            }
            let n = published.fetch_add(1, Ordering::Relaxed);
            publishes
                .get(usize::try_from(n).unwrap_or_default())
                .unwrap_or(&self.bodies[0][0])
        };
        measured(server, Some(&prepared.cluster), || {
            closed_loop(
                server.address,
                CONNECTIONS,
                options.turn(),
                |connection, request| next(connection, request).as_slice(),
            )
        })
    }

    fn publish(&self) -> Vec<u8> {
        let n = self.made.fetch_add(1, Ordering::Relaxed);
        let add = file(
            format!("mixed/{n:09}.parquet"),
            (LATER + n) * MINUTE,
            MINUTE,
            json!({ "region": "eu" }),
        );
        let input = json!({ "dataset": { "slug": SLUG }, "add": [add] });
        json!({ "query": PUBLISH, "variables": { "input": input } })
            .to_string()
            .into_bytes()
    }

    fn statement_turn(&self, options: &Options, prepared: &Prepared) -> Result<Turn> {
        let publish = include_str!("../../sql/publish.sql").replace(":slug", &format!("'{SLUG}'"));
        let of_reads = self.reads.iter().zip(SHARES);
        let mut scripts: Vec<Script<'_>> = of_reads
            .map(|(read, (_, weight))| Script {
                sql: &read.sql,
                parameters: read.variables.len(),
                weight,
            })
            .collect();
        scripts.push(Script {
            sql: &publish,
            parameters: 0,
            weight: 1,
        });
        let (cluster, work) = (&prepared.cluster, &options.work);
        pgbench::turn(cluster, DATABASE, &scripts, CONNECTIONS, options.turn(), work)
    }
}
