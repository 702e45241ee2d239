//! Reads: everybody answers the same, then everybody has a turn in each round.

use anyhow::Result;

use crate::contender::{CONNECTIONS, Turn, gateway_turn};
use crate::cpu;
use crate::equality;
use crate::field::{self, Contestant};
use crate::options::Options;
use crate::pgbench::{self, Script};
use crate::prepared::Prepared;
use crate::reads::{self, Read};
use crate::server::Server;
use crate::table::{self, Row};

/// Compares and measures all reads, and prints a table for each.
pub fn run(options: &Options, prepared: &Prepared) -> Result<()> {
    let wanted = |name: &str| options.runs(name);
    if !reads::NAMES.into_iter().any(wanted) {
        return Ok(());
    }
    let field = field::start(options, prepared, &prepared.database)?;
    for read in reads::all(&field[0].server, options.scale())? {
        if wanted(read.name) {
            println!("{}", measure(options, prepared, &field, &read)?);
        }
    }
    Ok(())
}

fn measure(options: &Options, prepared: &Prepared, field: &[Contestant], read: &Read) -> Result<String> {
    let bytes = equality::check(read, &prepared.cluster, &prepared.database, field)?;
    let bodies = read.bodies();
    let mut rows = vec![Row::new("SQL")];
    for contestant in field {
        warm_up(&contestant.server, &bodies)?;
        rows.push(Row::new(contestant.name));
    }
    for round in 0..options.rounds() {
        rows[0]
            .turns
            .push(statement_turn(options, prepared, read, bytes)?);
        for (row, Contestant { server, .. }) in rows[1..].iter_mut().zip(field) {
            row.turns.push(gateway_turn(
                server,
                Some(&prepared.cluster),
                options.turn(),
                round,
                &bodies,
            )?);
        }
    }
    for (row, Contestant { server, .. }) in rows[1..].iter_mut().zip(field) {
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
    let turn = pgbench::turn(
        &prepared.cluster,
        &prepared.database,
        &[script],
        CONNECTIONS,
        options.turn(),
        &options.work,
    )?;
    Ok(Turn { bytes, ..turn })
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
