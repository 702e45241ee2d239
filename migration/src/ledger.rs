//! Which steps a database has.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use crate::MigrateError;
use crate::steps::STEPS;

/// The table that records which steps were applied.
pub(crate) const LEDGER: &str = "seaql_migrations";

/// A step, and whether the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepStatus {
    /// Its name.
    pub name: String,
    /// Whether it was applied.
    pub applied: bool,
}

/// Fails unless the database has exactly the steps of this binary. For connections on which the tables are called
/// `timestore.…`, as those of a gateway.
pub async fn check(connection: &impl ConnectionTrait) -> Result<(), MigrateError> {
    let ledger = format!("timestore.{LEDGER}");
    complete(&compared(&recorded(connection, &ledger).await?)?)
}

/// Fails where a step is pending.
pub(crate) fn complete(statuses: &[StepStatus]) -> Result<(), MigrateError> {
    match statuses.iter().filter(|step| !step.applied).count() {
        0 => Ok(()),
        pending => Err(MigrateError::Pending(pending)),
    }
}

/// Every step, and whether the database has it; for the migrator's connection.
pub(crate) async fn statuses(connection: &impl ConnectionTrait) -> Result<Vec<StepStatus>, MigrateError> {
    let exists = match connection.get_database_backend() {
        DbBackend::Postgres => format!("select to_regclass('timestore.{LEDGER}') is not null"),
        _ => {
            format!("select exists (select 1 from sqlite_master where type = 'table' and name = '{LEDGER}')")
        }
    };
    if !query_bool(connection, &exists).await? {
        return compared(&[]);
    }
    compared(&recorded(connection, LEDGER).await?)
}

/// The names of the applied steps.
async fn recorded(connection: &impl ConnectionTrait, ledger: &str) -> Result<Vec<String>, DbErr> {
    let sql = format!("select version from {ledger} order by version");
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    connection
        .query_all_raw(statement)
        .await?
        .iter()
        .map(|row| row.try_get_by_index(0))
        .collect()
}

/// The steps of this binary against those that were applied.
fn compared(applied: &[String]) -> Result<Vec<StepStatus>, MigrateError> {
    if let Some(unknown) = applied
        .iter()
        .find(|name| !STEPS.iter().any(|step| step.name == *name))
    {
        return Err(MigrateError::TooNew(unknown.clone()));
    }
    let status = |name: &str| StepStatus {
        name: name.to_owned(),
        applied: applied.iter().any(|applied| applied == name),
    };
    Ok(STEPS.iter().map(|step| status(step.name)).collect())
}

pub(crate) async fn query_bool(connection: &impl ConnectionTrait, sql: &str) -> Result<bool, DbErr> {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    match connection.query_one_raw(statement).await? {
        Some(row) => row.try_get_by_index(0),
        None => Ok(false),
    }
}
