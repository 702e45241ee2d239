//! Reads: everybody answers the same, then everybody has a turn in each round.

use anyhow::Result;
use serde_json::json;

use crate::contender::{CONNECTIONS, Turn, gateway_turn, of};
use crate::cpu;
use crate::equality;
use crate::options::Options;
use crate::pgbench::{self, Length, Script};
use crate::prepared::{Prepared, gateway, peer};
use crate::reads::{self, Read};
use crate::server::Server;
use crate::table::{self, Row};

/// The flag that switches the cache of versions off, where the gateway has one.
const COLD: [&str; 2] = ["--version-cache-bytes", "0"];

/// Who takes part, beside the statements.
struct Field {
    names: Vec<&'static str>,
    servers: Vec<Server>,
}

/// Compares and measures all reads, and prints a table for each.
pub fn run(options: &Options, prepared: &Prepared) -> Result<()> {
    let field = Field::new(options, prepared)?;
    for read in reads::all(&field.servers[0], options.scale())? {
        if options.runs(read.name) {
            println!("{}", measure(options, prepared, &field, &read)?);
        }
    }
    Ok(())
}

impl Field {
    fn new(options: &Options, prepared: &Prepared) -> Result<Self> {
        let url = prepared.cluster.url(&prepared.database);
        let mut field = Self {
            names: Vec::new(),
            servers: Vec::new(),
        };
        if has_cache(options)? {
            field.add("gateway, cold", gateway(options, &url, "cold", &COLD)?);
            field.add("gateway, warm", gateway(options, &url, "warm", &[])?);
        } else {
            field.add("gateway", gateway(options, &url, "gateway", &[])?);
        }
        if let Some(peer) = peer(options, &url)? {
            field.add("JavaScript", peer);
        }
        Ok(field)
    }

    fn add(&mut self, name: &'static str, server: Server) {
        self.names.push(name);
        self.servers.push(server);
    }

    fn all(&self) -> Vec<(&'static str, &Server)> {
        self.names.iter().copied().zip(&self.servers).collect()
    }
}

fn has_cache(options: &Options) -> Result<bool> {
    let help = options.gateway().args(["serve", "--help"]).output()?;
    Ok(String::from_utf8_lossy(&help.stdout).contains(COLD[0]))
}

fn measure(options: &Options, prepared: &Prepared, field: &Field, read: &Read) -> Result<String> {
    let bytes = equality::check(read, &prepared.cluster, &prepared.database, &field.all())?;
    let bodies: Vec<Vec<u8>> = read
        .variables
        .iter()
        .map(|variables| {
            json!({ "query": read.document, "variables": variables })
                .to_string()
                .into_bytes()
        })
        .collect();
    let mut rows = vec![Row::new("SQL")];
    for (name, server) in field.all() {
        warm_up(server, &bodies)?;
        rows.push(Row::new(name));
    }
    for round in 0..options.rounds() {
        rows[0]
            .turns
            .push(statement_turn(options, prepared, read, bytes)?);
        for (row, (_, server)) in rows[1..].iter_mut().zip(field.all()) {
            row.turns.push(gateway_turn(
                server,
                Some(&prepared.cluster),
                options.turn(),
                round,
                &bodies,
            )?);
        }
    }
    for (row, (_, server)) in rows[1..].iter_mut().zip(field.all()) {
        row.peak = Some(cpu::megabytes(server.pid(), "VmHWM")?);
    }
    Ok(table::compared(read.name, &rows))
}

fn statement_turn(options: &Options, prepared: &Prepared, read: &Read, bytes: f64) -> Result<Turn> {
    let script = Script {
        sql: &read.sql,
        parameters: read.variables.len(),
        weight: 1,
    };
    let before = prepared.cluster.cpu();
    let work = &options.work;
    let (load, own) = pgbench::run(
        &prepared.cluster,
        &prepared.database,
        &[script],
        CONNECTIONS,
        Length::Time(options.turn()),
        work,
    )?;
    let database = prepared.cluster.cpu() - before;
    Ok(Turn {
        bytes,
        statements: Some(1.0),
        ..of(&load, [0.0, database, own], None)
    })
}

/// Asks for everything once, so that all that can be cached is.
fn warm_up(server: &Server, bodies: &[Vec<u8>]) -> Result<()> {
    let mut connection = crate::http::Connection::open(server.address)?;
    let mut answer = Vec::new();
    for body in bodies {
        connection.post("/graphql", body, &mut answer)?;
    }
    Ok(())
}
