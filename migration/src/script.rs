//! The steps as a script, for teams whose own pipeline applies SQL.

use sea_orm::DbBackend;

use crate::dialect;
use crate::ledger::LEDGER;
use crate::steps::STEPS;

/// Which way a script goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Apply all steps.
    Up,
    /// Take all steps back.
    Down,
}

/// The whole script, one transaction a step, for a database that has none of the steps (or, going down, all of them).
///
/// It keeps the ledger as [`crate::Migrator`] does, so that either may go on where the other stopped.
pub fn script(backend: DbBackend, direction: Direction) -> String {
    let mut out = format!("-- timestore: {} steps, {backend:?}\n", STEPS.len());
    if direction == Direction::Up {
        begin(&mut out, backend);
        if backend == DbBackend::Postgres {
            out.push_str("create schema if not exists timestore;\n");
        }
        let integer = if backend == DbBackend::Postgres {
            "bigint"
        } else {
            "integer"
        };
        out.push_str(&format!(
            "create table if not exists {LEDGER} (version varchar not null primary key, applied_at {integer} not null);\ncommit;\n"
        ));
    }
    let steps: Box<dyn Iterator<Item = _>> = match direction {
        Direction::Up => Box::new(STEPS.iter()),
        Direction::Down => Box::new(STEPS.iter().rev()),
    };
    for step in steps {
        out.push_str(&format!("\n-- {}\n", step.name));
        begin(&mut out, backend);
        let sql = if direction == Direction::Up {
            step.up.concat()
        } else {
            step.down.concat()
        };
        for statement in dialect::statements(backend, &sql) {
            out.push_str(&statement);
            out.push_str(";\n");
        }
        out.push_str(&record(backend, direction, step.name));
        out.push_str("commit;\n");
    }
    out
}

fn begin(out: &mut String, backend: DbBackend) {
    out.push_str("begin;\n");
    if backend == DbBackend::Postgres {
        out.push_str("set local search_path to timestore;\nset local lock_timeout to '5s';\n");
    }
}

fn record(backend: DbBackend, direction: Direction, name: &str) -> String {
    let now = match backend {
        DbBackend::Postgres => "extract(epoch from now())::bigint",
        _ => "unixepoch()",
    };
    match direction {
        Direction::Up => format!("insert into {LEDGER} (version, applied_at) values ('{name}', {now});\n"),
        Direction::Down => format!("delete from {LEDGER} where version = '{name}';\n"),
    }
}
