//! Statements that write, executed together: on PostgreSQL as one, since each costs a round trip and work on both sides that a
//! small one is not worth; on SQLite, which is called and not sent to, one after the other.

use std::fmt::Write;

use sea_orm::{ConnectionTrait, DbBackend, QueryTrait, Statement, Value};

use super::constraint::is_refusal;
use super::source::Source;
use crate::store::{Result, StoreError};

/// What the server logs of a statement that found something else than was remembered.
const STALE: &str = "timestore remembered something else, and publishes with a look at it";

/// Statements, each of which inserts, updates or deletes rows that no other of them touches. They see what was there before all
/// of them; foreign keys between their rows hold once all are done.
pub(in crate::store) struct Batch {
    backend: DbBackend,
    parts: Vec<Part>,
}

/// Statements that together change so many rows.
struct Part {
    what: &'static str,
    rows: u64,
    statements: Vec<Statement>,
}

impl Batch {
    /// For the database behind `connection`.
    pub(in crate::store) fn new(connection: &impl ConnectionTrait) -> Self {
        Self {
            backend: connection.get_database_backend(),
            parts: Vec::new(),
        }
    }

    /// Adds a statement that changes one row, which `what` names.
    pub(in crate::store) fn one(&mut self, what: &'static str, statement: &impl QueryTrait) {
        let statement = statement.build(self.backend);
        self.add(what, 1, vec![statement]);
    }

    /// Adds statements that together change `rows` rows.
    pub(in crate::store) fn add(&mut self, what: &'static str, rows: u64, statements: Vec<Statement>) {
        self.parts.push(Part {
            what,
            rows,
            statements,
        });
    }

    /// Executes everything as one statement that is a transaction of its own, where [`Source::takes_batches`]. Whether it did: where the database has
    /// refused it, or other rows would have been changed than expected, nothing was. What was added first is executed first, and what
    /// comes after it only if it has changed what it should.
    pub(in crate::store) async fn run_alone(self, source: &Source) -> Result<bool> {
        let mut counted = Counted::default();
        let mut cases = String::new();
        for part in self.parts {
            for statement in part.statements {
                let count = counted.add(statement);
                let expected = counted.bind(part.rows.cast_signed().into());
                let what = part.what.replace('\'', "''");
                // A number that cannot be read fails the statement, and its text is in the server's log.
                cases.push_str(&format!(
                    " when {count} <> {expected} then ('{what}: {STALE}; rows changed: ' || {count})::integer"
                ));
            }
        }
        match source
            .all(counted.statement(&format!("case{cases} else 0 end")))
            .await
        {
            Ok(_) => Ok(true),
            Err(error) if is_refusal(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Executes what was added so far, after which there is nothing. Fails where other rows were changed than expected.
    pub(in crate::store) async fn run(&mut self, transaction: &impl ConnectionTrait) -> Result<()> {
        let (mut expectations, mut statements) = (Vec::new(), Vec::new());
        for part in std::mem::take(&mut self.parts) {
            expectations.push((part.what, part.rows, part.statements.len()));
            statements.extend(part.statements);
        }
        let changed = match self.backend {
            DbBackend::Postgres => together(transaction, statements).await?,
            _ => in_turn(transaction, statements).await?,
        };
        let mut changed = changed.into_iter();
        for (what, rows, statements) in expectations {
            let changed: u64 = changed.by_ref().take(statements).sum();
            if changed != rows {
                let message = format!("{what}: expected {rows}, changed {changed}");
                return Err(StoreError::Inconsistent(message));
            }
        }
        Ok(())
    }
}

/// Executes statements one after the other; returns how many rows each has changed.
async fn in_turn(connection: &impl ConnectionTrait, statements: Vec<Statement>) -> Result<Vec<u64>> {
    let mut changed = Vec::with_capacity(statements.len());
    for statement in statements {
        changed.push(connection.execute_raw(statement).await?.rows_affected());
    }
    Ok(changed)
}

/// Executes statements as the parts of one; returns how many rows each has changed.
async fn together(connection: &impl ConnectionTrait, statements: Vec<Statement>) -> Result<Vec<u64>> {
    if statements.len() < 2 {
        return in_turn(connection, statements).await;
    }
    let mut counted = Counted::default();
    let counts: Vec<String> = statements
        .into_iter()
        .map(|statement| counted.add(statement))
        .collect();
    let statement = counted.statement(&counts.join(", "));
    let row = connection.query_one_raw(statement).await?;
    let mut changed = Vec::with_capacity(counts.len());
    for n in 0..counts.len() {
        let count: Option<i64> = row.as_ref().map(|row| row.try_get_by_index(n)).transpose()?;
        changed.push(count.unwrap_or_default().unsigned_abs());
    }
    Ok(changed)
}

/// Statements that become the parts of one, which counts the rows that each has changed.
#[derive(Default)]
struct Counted {
    parts: Vec<String>,
    values: Vec<Value>,
}

impl Counted {
    /// Adds a statement; returns what to select to have the number of rows that it has changed.
    fn add(&mut self, statement: Statement) -> String {
        let n = self.parts.len();
        let text = renumbered(&statement.sql, self.values.len());
        self.parts.push(format!("part_{n} as ({text} returning 1)"));
        self.values
            .extend(statement.values.into_iter().flat_map(|values| values.0));
        format!("(select count(*) from part_{n})")
    }

    fn bind(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    fn statement(self, selected: &str) -> Statement {
        let text = format!("with {} select {selected}", self.parts.join(", "));
        Statement::from_sql_and_values(DbBackend::Postgres, text, self.values)
    }
}

/// A statement with the numbers of its parameters `by` higher. Its text has no other dollar signs: values are bound.
fn renumbered(text: &str, by: usize) -> String {
    let mut parts = text.split('$');
    let mut renumbered = String::with_capacity(text.len() + 64);
    renumbered.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit);
        let (end, number) = digits.fold((0, 0), |(end, number), digit| {
            (end + 1, 10 * number + usize::from(digit - b'0'))
        });
        // Texts take whatever is written.
        let _ = write!(renumbered, "${}{}", number + by, &part[end..]);
    }
    renumbered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_renumbered() {
        assert_eq!(
            renumbered("insert into t values ($1, $12), ($2::int[])", 9),
            "insert into t values ($10, $21), ($11::int[])"
        );
        assert_eq!(renumbered("delete from t", 9), "delete from t");
    }
}
