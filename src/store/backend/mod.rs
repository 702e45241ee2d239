//! All that differs between PostgreSQL and SQLite, as plain functions: connections, transactions that write, relations made
//! of values, lists in columns, "the first n of each parent", the horizon of the change feed, and which transactions have ended.
//!
//! Everything else is SQL that both understand, with `$1` for the first parameter.

mod abandoned;
mod at_hand;
mod batch;
mod by_place;
mod connect;
mod constraint;
mod copy;
mod first_of_each;
mod interrupt;
mod json;
mod place;
mod pools;
mod reader;
mod relation;
mod replica;
mod settings;
mod source;
mod sql;
mod transaction;
mod under_way;

pub(super) use batch::Batch;
pub use by_place::{ByPlace, Columns};
pub(super) use by_place::{Places, by_place};
pub use connect::{Database, connect, connect_replica, migration_url, probe};
pub(super) use constraint::{DATASET_SLUG, LIVE_PATH, LIVE_SIGNATURE, STORAGE_TARGET_NAME, violates};
pub(super) use copy::CopiedRow;
pub(super) use first_of_each::{FirstOfEach, first_of_each};
pub(super) use json::{has_any, is_key, text_among, text_names};
pub(super) use place::{Place, is_null_at, value_at};
pub(super) use pools::pool_states;
pub use pools::{Connections, PoolState};
pub(super) use reader::Reader;
pub(super) use relation::{Column, Relation, each_with, in_relation, named, relations};
pub use replica::Position;
pub(super) use replica::Replicas;
pub(super) use sql::Sql;
pub(super) use transaction::Transaction;
pub(super) use under_way::{UNDER_WAY, none_under_way};

use source::Source;
use transaction::Begun;

use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, IsolationLevel, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};

/// Begins a transaction that writes, on `primary`, or by `writer` where that is another. On SQLite it takes the write lock at once, so that
/// it cannot fail halfway for want of it.
pub(super) async fn begin(primary: &Source, writer: &DatabaseConnection) -> Result<Transaction, DbErr> {
    if let Some(at_hand) = primary.postgres() {
        return Begun::new(at_hand).await.map(Transaction::AtHand);
    }
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    writer.begin_with_options(options).await.map(Transaction::OfPool)
}

/// Begins a transaction that only reads, and sees the same state of the catalog however long it lasts. It keeps nobody from
/// writing, and nobody's claim or feed waits for it.
pub(super) async fn begin_snapshot(reader: &DatabaseConnection) -> Result<Transaction, DbErr> {
    let options = match reader.get_database_backend() {
        DbBackend::Postgres => TransactionOptions {
            isolation_level: Some(IsolationLevel::RepeatableRead),
            access_mode: Some(AccessMode::ReadOnly),
            ..TransactionOptions::default()
        },
        // What a deferred transaction sees is settled by its first statement.
        _ => TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Deferred),
            ..TransactionOptions::default()
        },
    };
    reader.begin_with_options(options).await.map(Transaction::OfPool)
}

/// A condition on `changes` that holds for the rows that no transaction still under way can come before.
pub(super) fn change_horizon(sql: &Sql) -> &'static str {
    if sql.is_postgres() {
        "transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
    } else {
        "true"
    }
}

/// What a `select` ends with to lock its rows. SQLite has one
/// writer, which has locked everything.
pub(super) fn for_update(sql: &Sql, others: Others) -> &'static str {
    match (sql.is_postgres(), others) {
        (false, _) => "",
        (true, Others::Wait) => " for update",
        (true, Others::Skip) => " for update skip locked",
    }
}

/// What to do about rows that another transaction has locked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Others {
    /// Wait for it to end.
    Wait,
    /// Leave them out.
    Skip,
}

/// A transaction number that all transactions under way are below; none on SQLite, where nothing else writes meanwhile.
pub(super) async fn begun_by_now(writer: &DatabaseConnection) -> Result<Option<i64>, DbErr> {
    let sql = Sql::new(writer);
    if !sql.is_postgres() {
        return Ok(None);
    }
    let text = "select pg_snapshot_xmax(pg_current_snapshot())::text::bigint";
    let rows = sql.rows(writer, text.to_owned()).await?;
    rows.first().map(|row| row.try_get_by_index(0)).transpose()
}

/// Whether all transactions below `horizon` have ended.
pub(super) async fn have_ended(writer: &impl ConnectionTrait, horizon: i64) -> Result<bool, DbErr> {
    let mut sql = Sql::new(writer);
    let text = format!(
        "select pg_snapshot_xmin(pg_current_snapshot())::text::bigint >= {}",
        sql.bind(horizon)
    );
    let rows = sql.rows(writer, text).await?;
    rows.first().map_or(Ok(false), |row| row.try_get_by_index(0))
}
