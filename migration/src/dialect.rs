//! From the PostgreSQL spelling that steps are written in to the SQLite one.
//!
//! SQLite's tables are STRICT, so that it checks types as PostgreSQL does.

use sea_orm::DbBackend;

/// PostgreSQL's spelling, then SQLite's. Longer phrases come before the words that they contain.
const SPELLINGS: &[(&str, &str)] = &[
    (
        "bigint generated always as identity primary key",
        "integer primary key autoincrement",
    ),
    ("(pg_current_xact_id()::text::bigint)", "0"),
    ("jsonb_typeof(", "json_type("),
    ("jsonb_hash_extended(partition_key, 0)", "partition_key"),
    (" collate \"C\"", ""),
    (" jsonb", " text"),
    (" uuid", " blob"),
    (" timestamptz", " text"),
    (" bigint", " integer"),
    (" smallint", " integer"),
    (" boolean", " integer"),
    ("\n)", "\n) strict"),
];

/// The statements of a step, in the spelling of `backend`.
///
/// A statement that begins with `-- postgres` is left out on SQLite.
pub fn statements(backend: DbBackend, sql: &str) -> Vec<String> {
    sql.split(";\n")
        .map(str::trim)
        .filter(|statement| !statement.is_empty())
        .filter(|statement| backend == DbBackend::Postgres || !statement.starts_with("-- postgres"))
        .map(|statement| match backend {
            DbBackend::Sqlite => SPELLINGS
                .iter()
                .fold(statement.to_owned(), |sql, (postgres, sqlite)| {
                    sql.replace(postgres, sqlite)
                }),
            _ => statement.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_becomes_strict_and_its_types_are_translated() {
        let sql = "create table t (\n    id uuid primary key,\n    at timestamptz,\n    n bigint\n);\n";
        assert_eq!(
            statements(DbBackend::Postgres, sql),
            [sql.trim().trim_end_matches(';')]
        );
        assert_eq!(
            statements(DbBackend::Sqlite, sql),
            ["create table t (\n    id blob primary key,\n    at text,\n    n integer\n) strict"]
        );
    }

    #[test]
    fn what_only_postgres_understands_is_left_out_elsewhere() {
        let sql = "-- postgres\nalter table t set (fillfactor = 50);\ncreate index i on t (n);\n";
        assert_eq!(statements(DbBackend::Postgres, sql).len(), 2);
        assert_eq!(statements(DbBackend::Sqlite, sql), ["create index i on t (n)"]);
    }
}
