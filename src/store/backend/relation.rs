//! Relations made of values, to select from or to join: on PostgreSQL `unnest` of one array a column, whatever the number of
//! rows; on SQLite `values`, in as many relations as its limit of parameters asks for.

use sea_orm::sea_query::ArrayType;
use sea_orm::{ConnectionTrait, Value};
use timestore_entity::Timestamp;
use uuid::Uuid;

use super::Sql;

/// SQLite takes 32,766 parameters a statement; some are left for the rest of it.
const SQLITE_PARAMETERS: usize = 32_000;

/// The values of one column. Neither database is handed nulls this way: an empty text, or a zero, stands
/// for none.
#[derive(Clone, Debug)]
pub(in crate::store) enum Column {
    /// Ids.
    Uuid(Vec<Uuid>),
    /// Texts.
    Text(Vec<String>),
    /// Texts, or none.
    OptionalText(Vec<Option<String>>),
    /// JSON documents.
    Json(Vec<serde_json::Value>),
    /// JSON documents, or none.
    OptionalJson(Vec<Option<serde_json::Value>>),
    /// Numbers of 16 bits.
    SmallInt(Vec<i16>),
    /// Numbers of 32 bits.
    Int(Vec<i32>),
    /// Numbers of 32 bits other than 0, or none.
    OptionalInt(Vec<Option<i32>>),
    /// Numbers of 64 bits.
    BigInt(Vec<i64>),
    /// Instants.
    Time(Vec<Timestamp>),
}

/// A relation called `given`, and the statement that its values are bound to. The text may name it once.
pub(in crate::store) struct Relation {
    /// What to write after `from` or `join`.
    pub(in crate::store) from: String,
    /// The one column as an array, where the database has arrays.
    array: Option<String>,
    /// The statement, to bind more to and to run.
    pub(in crate::store) sql: Sql,
}

/// Relations with the columns named `columns`, which have equally many values, in chunks that a statement can hold; none where they
/// have none.
pub(in crate::store) fn relations(
    connection: &impl ConnectionTrait,
    columns: Vec<(&'static str, Column)>,
) -> Vec<Relation> {
    let rows = columns.first().map_or(0, |(_, column)| column.len());
    if rows == 0 {
        return Vec::new();
    }
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let mut sql = Sql::new(connection);
    if sql.is_postgres() {
        let selected: Vec<String> = columns
            .iter()
            .map(|(name, column)| column.selected(name))
            .collect();
        let arrays: Vec<String> = columns
            .into_iter()
            .map(|(_, column)| {
                let sql_type = column.array_sql_type();
                format!("{}::{sql_type}[]", sql.bind(column.into_array()))
            })
            .collect();
        let from = format!(
            "(select {} from unnest({}) as arrays ({})) as given",
            selected.join(", "),
            arrays.join(", "),
            names.join(", ")
        );
        let array = (arrays.len() == 1).then(|| arrays.concat());
        return vec![Relation { from, array, sql }];
    }
    let selected: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(n, (name, column))| column.selected_as(&format!("column{}", n + 1), name))
        .collect();
    let columns: Vec<Vec<Value>> = columns
        .into_iter()
        .map(|(_, column)| column.into_values())
        .collect();
    let size = SQLITE_PARAMETERS / names.len().max(1);
    (0..rows)
        .step_by(size)
        .map(|start| {
            let mut sql = Sql::new(connection);
            let tuples: Vec<String> = (start..rows.min(start + size))
                .map(|row| {
                    let tuple: Vec<_> = columns
                        .iter()
                        .map(|column| sql.bind_next(column[row].clone()))
                        .collect();
                    format!("({})", tuple.join(", "))
                })
                .collect();
            let from = format!(
                "(select {} from (values {})) as given",
                selected.join(", "),
                tuples.join(", ")
            );
            Relation {
                from,
                array: None,
                sql,
            }
        })
        .collect()
}

/// A condition: `left`, a column or a tuple of columns, is among the rows of the relation.
pub(in crate::store) fn in_relation(left: &str, relation: &Relation) -> String {
    match &relation.array {
        Some(array) => format!("{left} = any({array})"),
        None => format!("{left} in (select * from {})", relation.from),
    }
}

/// What to select from to have the rows of `table`, as `alias`, that the relation `from` names by `keys`, its columns, each once; and a
/// condition. Other tables can be joined.
pub(in crate::store) fn named(
    sql: &Sql,
    from: &str,
    table: &str,
    alias: &str,
    keys: &[&str],
) -> (String, String) {
    if sql.is_postgres() {
        let given = format!("(select distinct * from {from}) as given");
        return (
            format!("{given} cross join lateral {}", looked_up(table, alias, keys)),
            "true".to_owned(),
        );
    }
    let keys: Vec<String> = keys.iter().map(|key| format!("{alias}.{key}")).collect();
    let given = format!("({}) in (select * from {from})", keys.join(", "));
    (format!("{table} as {alias}"), given)
}

/// What to select from to have the rows of `given`, each with the row of `table`, as `alias`, that it names by `keys`, a whole key; with
/// nulls where there is none.
pub(in crate::store) fn each_with(sql: &Sql, given: &str, table: &str, alias: &str, keys: &[&str]) -> String {
    match sql.is_postgres() {
        true => format!(
            "{given} left join lateral {} on true",
            looked_up(table, alias, keys)
        ),
        false => format!(
            "{given} left join {table} as {alias} on {}",
            is_given(alias, keys)
        ),
    }
}

/// The row that `given` names. What has an offset is executed as it is written: looked up by its whole key, and not joined with all
/// that a dataset has.
fn looked_up(table: &str, alias: &str, keys: &[&str]) -> String {
    let is_given = is_given(alias, keys);
    format!("(select * from {table} as {alias} where {is_given} offset 0) as {alias}")
}

fn is_given(alias: &str, keys: &[&str]) -> String {
    let same = keys.iter().map(|key| format!("{alias}.{key} = given.{key}"));
    same.collect::<Vec<_>>().join(" and ")
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Self::Uuid(values) => values.len(),
            Self::Text(values) => values.len(),
            Self::OptionalText(values) => values.len(),
            Self::Json(values) => values.len(),
            Self::OptionalJson(values) => values.len(),
            Self::SmallInt(values) => values.len(),
            Self::Int(values) => values.len(),
            Self::OptionalInt(values) => values.len(),
            Self::BigInt(values) => values.len(),
            Self::Time(values) => values.len(),
        }
    }

    fn array_sql_type(&self) -> &'static str {
        match self {
            Self::Uuid(_) => "uuid",
            Self::Text(_) | Self::OptionalText(_) | Self::Json(_) | Self::OptionalJson(_) => "text",
            Self::SmallInt(_) => "smallint",
            Self::Int(_) | Self::OptionalInt(_) => "integer",
            Self::BigInt(_) => "bigint",
            Self::Time(_) => "timestamptz",
        }
    }

    /// How PostgreSQL turns the array's element into the column's value.
    fn selected(&self, name: &str) -> String {
        match self {
            Self::Json(_) => format!("{name}::jsonb as {name}"),
            Self::OptionalJson(_) => format!("nullif({name}, '')::jsonb as {name}"),
            _ => self.selected_as(name, name),
        }
    }

    fn selected_as(&self, from: &str, name: &str) -> String {
        match self {
            Self::OptionalText(_) | Self::OptionalJson(_) => format!("nullif({from}, '') as {name}"),
            Self::OptionalInt(_) => format!("nullif({from}, 0) as {name}"),
            _ => format!("{from} as {name}"),
        }
    }

    fn into_array(self) -> Value {
        let array_type = match self {
            Self::Uuid(_) => ArrayType::Uuid,
            Self::Text(_) | Self::OptionalText(_) | Self::Json(_) | Self::OptionalJson(_) => {
                ArrayType::String
            }
            Self::SmallInt(_) => ArrayType::SmallInt,
            Self::Int(_) | Self::OptionalInt(_) => ArrayType::Int,
            Self::BigInt(_) => ArrayType::BigInt,
            Self::Time(_) => ArrayType::ChronoDateTimeUtc,
        };
        Value::Array(array_type, Some(Box::new(self.into_values())))
    }

    fn into_values(self) -> Vec<Value> {
        fn all<T: Into<Value>>(values: Vec<T>) -> Vec<Value> {
            values.into_iter().map(Into::into).collect()
        }
        match self {
            Self::Uuid(values) => all(values),
            Self::Text(values) => all(values),
            Self::OptionalText(values) => values.into_iter().map(|v| v.unwrap_or_default().into()).collect(),
            Self::Json(values) => values.into_iter().map(|v| v.to_string().into()).collect(),
            Self::OptionalJson(values) => values
                .into_iter()
                .map(|v| v.map_or_else(String::new, |v| v.to_string()).into())
                .collect(),
            Self::SmallInt(values) => all(values),
            Self::Int(values) => all(values),
            Self::OptionalInt(values) => values.into_iter().map(|v| v.unwrap_or_default().into()).collect(),
            Self::BigInt(values) => all(values),
            Self::Time(values) => all(values),
        }
    }
}
