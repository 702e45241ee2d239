//! A statement under construction: its text, and the values bound so far.

use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, ExecResult, FromQueryResult, QueryResult, Statement, Value,
};

use super::{ByPlace, Columns};

/// Binds values and runs the statement that names them.
#[derive(Clone, Debug)]
pub(in crate::store) struct Sql {
    backend: DbBackend,
    values: Vec<Value>,
}

impl Sql {
    /// For the database behind `connection`.
    pub(in crate::store) fn new(connection: &impl ConnectionTrait) -> Self {
        Self {
            backend: connection.get_database_backend(),
            values: Vec::new(),
        }
    }

    /// Whether the statement is for PostgreSQL.
    pub(in crate::store) fn is_postgres(&self) -> bool {
        self.backend == DbBackend::Postgres
    }

    /// Binds a value; returns how the text names it.
    pub(in crate::store) fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    /// Binds a value that the text takes up in order, before any that it names. SQLite only: it looks names up one by one, so
    /// that thousands of them take it seconds.
    pub(super) fn bind_next(&mut self, value: Value) -> &'static str {
        self.values.push(value);
        "?"
    }

    /// Runs `text` and reads its rows as `M`.
    pub(in crate::store) async fn all<M: FromQueryResult>(
        self,
        connection: &impl ConnectionTrait,
        text: String,
    ) -> Result<Vec<M>, DbErr> {
        self.rows(connection, text)
            .await?
            .iter()
            .map(|row| M::from_query_result(row, ""))
            .collect()
    }

    /// Runs `text` and reads its rows as `M`, of which `columns` come first.
    pub(in crate::store) async fn by_place<M: ByPlace>(
        self,
        connection: &impl ConnectionTrait,
        text: String,
        columns: Columns,
    ) -> Result<Vec<M>, DbErr> {
        let rows = self.rows(connection, text).await?;
        rows.iter().map(|row| M::read(row, 0, columns)).collect()
    }

    /// Runs `text` and reads its first row as `M`.
    pub(in crate::store) async fn one<M: FromQueryResult>(
        self,
        connection: &impl ConnectionTrait,
        text: String,
    ) -> Result<Option<M>, DbErr> {
        match connection.query_one_raw(self.statement(text)).await? {
            Some(row) => M::from_query_result(&row, "").map(Some),
            None => Ok(None),
        }
    }

    /// Runs `text` and returns its rows as they are.
    pub(in crate::store) async fn rows(
        self,
        connection: &impl ConnectionTrait,
        text: String,
    ) -> Result<Vec<QueryResult>, DbErr> {
        connection.query_all_raw(self.statement(text)).await
    }

    /// Runs `text`, which counts, and returns its one number.
    pub(in crate::store) async fn count(
        self,
        connection: &impl ConnectionTrait,
        text: String,
    ) -> Result<u64, DbErr> {
        let rows = self.rows(connection, text).await?;
        let count: i64 = rows.first().map_or(Ok(0), |row| row.try_get_by_index(0))?;
        Ok(count.unsigned_abs())
    }

    /// Runs `text`, which returns no rows.
    pub(in crate::store) async fn execute(
        self,
        connection: &impl ConnectionTrait,
        text: String,
    ) -> Result<ExecResult, DbErr> {
        connection.execute_raw(self.statement(text)).await
    }

    /// The statement, to be executed with others.
    pub(in crate::store) fn statement(self, text: String) -> Statement {
        Statement::from_sql_and_values(self.backend, text, self.values)
    }
}
