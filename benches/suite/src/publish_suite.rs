//! Publishes, on a copy of the filled database: of one file, beside one hand-written statement that leaves the same rows; of many,
//! beside COPY of their rows into the same indexed table; and by sixteen publishers at once.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use crate::contender::{Turn, measured, of};
use crate::copying::Copying;
use crate::fill::PUBLISH;
use crate::load;
use crate::options::Options;
use crate::pgbench::{self, Script};
use crate::prepared::{Prepared, gateway, peer};
use crate::scale::{MINUTE, file, series};
use crate::server::Server;
use crate::table::{self, Row};

/// The copy.
const DATABASE: &str = "publishing";

/// Publishers at once.
const PUBLISHERS: usize = 16;

/// The minute at which new files begin: behind all that was filled in.
const LATER: u64 = 13_000_000;

/// How long it takes until a process of the server that nobody needs any more has ended.
const GONE: Duration = Duration::from_millis(300);

/// A workload.
struct Publish {
    name: &'static str,
    /// Where each publisher publishes to.
    slugs: Vec<String>,
    /// Files of a publish.
    files: u64,
    /// Publishes of a turn, by each publisher.
    publishes: u64,
}

/// The copy, and who publishes into it.
struct Suite<'a> {
    options: &'a Options,
    prepared: &'a Prepared,
    servers: Vec<(&'static str, Server)>,
    /// How many files have been made up, so that no two have the same path.
    made: u64,
}

/// Measures all publishes, and prints a table for each.
pub fn run(options: &Options, prepared: &Prepared) -> Result<()> {
    let mut wanted = workloads(options);
    wanted.retain(|publish| options.runs(publish.name));
    if wanted.is_empty() {
        return Ok(());
    }
    prepared.cluster.copy(&prepared.database, DATABASE)?;
    let url = prepared.cluster.url(DATABASE);
    let mut servers = vec![("gateway", gateway(options, &url, "publish", &[])?)];
    servers.extend(peer(options, &url)?.map(|peer| ("JavaScript", peer)));
    let mut suite = Suite {
        options,
        prepared,
        servers,
        made: 0,
    };
    for publish in wanted {
        println!("{}", suite.measure(&publish)?);
    }
    drop(suite);
    prepared.cluster.drop(DATABASE)
}

fn workloads(options: &Options) -> Vec<Publish> {
    let one = |slug: &str| vec![slug.to_owned()];
    let few = |n: u64| if options.quick { n.div_ceil(10) } else { n };
    let publish = |name, slugs, files, publishes| Publish {
        name,
        slugs,
        files,
        publishes: few(publishes),
    };
    let spread = (0..PUBLISHERS as u64).map(series).collect();
    vec![
        publish("publish 1 file, 100 there before", one("window-100"), 1, 200),
        publish("publish 1 file, many there before", one("window-many"), 1, 200),
        publish("publish 100 files", one("window-many"), 100, 40),
        publish("publish 10,000 files", one("window-many"), 10_000, 3),
        publish("publish 1 file, 16 publishers on 16 datasets", spread, 1, 60),
        publish(
            "publish 1 file, 16 publishers on 1 dataset",
            vec![series(20); PUBLISHERS],
            1,
            30,
        ),
    ]
}

impl Suite<'_> {
    fn measure(&mut self, publish: &Publish) -> Result<String> {
        let base = if publish.files == 1 { "SQL" } else { "COPY" };
        let names = [base]
            .into_iter()
            .chain(self.servers.iter().map(|(name, _)| *name));
        let mut rows: Vec<Row> = names.map(Row::new).collect();
        for _ in 0..self.options.rounds() {
            rows[0].turns.push(if publish.files == 1 {
                self.statement_turn(publish)?
            } else {
                self.copy_turn(publish)?
            });
            for (n, row) in rows[1..].iter_mut().enumerate() {
                let bodies = self.bodies(publish);
                let server = &self.servers[n].1;
                let load = || load::queues(server.address, &bodies);
                row.turns
                    .push(measured(server, Some(&self.prepared.cluster), load)?);
            }
        }
        Ok(table::compared(publish.name, &rows))
    }

    /// One statement a publish, through pgbench.
    fn statement_turn(&self, publish: &Publish) -> Result<Turn> {
        let slug = if publish.slugs.len() > 1 && publish.slugs[0] != publish.slugs[1] {
            "'series-' || (1000 + :client_id)".to_owned()
        } else {
            format!("'{}'", publish.slugs[0])
        };
        let sql = include_str!("../../sql/publish.sql").replace(":slug", &slug);
        let script = Script {
            sql: &sql,
            parameters: 0,
            weight: 1,
        };
        let (cluster, clients) = (&self.prepared.cluster, publish.slugs.len());
        let (time, work) = (self.options.turn(), &self.options.work);
        pgbench::turn(cluster, DATABASE, &[script], clients, time, work)
    }

    /// The rows of the files alone, through psql.
    fn copy_turn(&mut self, publish: &Publish) -> Result<Turn> {
        let cluster = &self.prepared.cluster;
        let copying = Copying::new(cluster, DATABASE, &publish.slugs[0])?;
        let batches: Vec<Vec<Value>> = (0..publish.publishes).map(|_| self.files(publish)).collect();
        let before = self.prepared.cluster.cpu();
        let (load, own) = copying.run(&self.prepared.cluster, DATABASE, &batches, &self.options.work)?;
        // The server accounts for psql's process a moment after psql has gone.
        sleep(GONE);
        let database = self.prepared.cluster.cpu() - before;
        Ok(of(&load, [0.0, database, own], Some(load.requests() as f64)))
    }

    fn bodies(&mut self, publish: &Publish) -> Vec<Vec<Vec<u8>>> {
        let mut body = |slug: &String| {
            let input = json!({ "dataset": { "slug": slug }, "add": self.files(publish) });
            json!({ "query": PUBLISH, "variables": { "input": input } })
                .to_string()
                .into_bytes()
        };
        let of_publisher = |slug| (0..publish.publishes).map(|_| body(slug)).collect();
        publish.slugs.iter().map(of_publisher).collect()
    }

    fn files(&mut self, publish: &Publish) -> Vec<Value> {
        let from = self.made;
        self.made += publish.files;
        (from..self.made)
            .map(|n| {
                let start = (LATER + n) * MINUTE;
                file(
                    format!("later/{n:09}.parquet"),
                    start,
                    MINUTE,
                    json!({ "region": "eu" }),
                )
            })
            .collect()
    }
}
