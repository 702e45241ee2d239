//! Rows of a dataset's tables, by key, and pages of them by dataset: what many nouns read in the same way.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, Value};
use timestore_entity::ids::DatasetId;
use uuid::Uuid;

use super::backend::{
    ByPlace, Column, Columns, FirstOfEach, Relation, first_of_each, in_relation, relations,
};
use super::{Page, Result, Rows};

/// The rows of `table` whose `column` is among `ids`.
pub(super) async fn rows_by<M: ByPlace>(
    connection: &impl ConnectionTrait,
    table: &str,
    column: &'static str,
    ids: impl Iterator<Item = Uuid>,
) -> Result<Vec<M>> {
    rows_in(
        connection,
        table,
        column,
        vec![(column, Column::Uuid(ids.collect()))],
    )
    .await
}

/// The rows of `table` whose `(dataset_id, {number})` is among `keys`.
pub(super) async fn rows_by_number<M: ByPlace>(
    connection: &impl ConnectionTrait,
    table: &str,
    number: &str,
    keys: &[(DatasetId, i32)],
) -> Result<Vec<M>> {
    let columns = vec![
        (
            "dataset_id",
            Column::Uuid(keys.iter().map(|(dataset, _)| dataset.0).collect()),
        ),
        (
            "number",
            Column::Int(keys.iter().map(|(_, number)| *number).collect()),
        ),
    ];
    rows_in(connection, table, &format!("(dataset_id, {number})"), columns).await
}

/// The rows of `table` whose `(dataset_id, id)` is among `keys`.
pub(super) async fn rows_by_id<M: ByPlace>(
    connection: &impl ConnectionTrait,
    table: &str,
    keys: impl Iterator<Item = (DatasetId, Uuid)>,
) -> Result<Vec<M>> {
    let (datasets, ids) = keys.map(|(dataset, id)| (dataset.0, id)).unzip();
    let columns = vec![("dataset_id", Column::Uuid(datasets)), ("id", Column::Uuid(ids))];
    rows_in(connection, table, "(dataset_id, id)", columns).await
}

async fn rows_in<M: ByPlace>(
    connection: &impl ConnectionTrait,
    table: &str,
    key: &str,
    columns: Vec<(&'static str, Column)>,
) -> Result<Vec<M>> {
    let mut rows = Vec::new();
    for relation in relations(connection, columns) {
        let text = format!(
            "select {} from timestore.{table} as own where {}",
            Columns::ALL.select::<M>("own"),
            in_relation(key, &relation)
        );
        rows.extend(relation.sql.by_place(connection, text, Columns::ALL).await?);
    }
    Ok(rows)
}

/// A list of rows for each dataset, ordered by a column that is unique within the dataset.
pub(super) struct DatasetList {
    /// The table.
    pub(super) table: &'static str,
    /// The column of the order.
    pub(super) key: &'static str,
    /// Whether the order is descending.
    pub(super) descending: bool,
}

/// The same page of each dataset's list, with `columns`, in one statement.
pub(super) async fn pages_by_dataset<M: ByPlace, K: Clone + Ord + Into<Value>>(
    connection: &impl ConnectionTrait,
    list: &DatasetList,
    ids: &[DatasetId],
    page: &Page<K>,
    columns: Columns,
    key_of: impl Fn(&M) -> (DatasetId, K),
) -> Result<HashMap<DatasetId, Rows<M>>> {
    let mut found: Vec<M> = Vec::new();
    let ids = Column::Uuid(ids.iter().map(|id| id.0).collect());
    for Relation { from, mut sql, .. } in relations(connection, vec![("id", ids)]) {
        let keyset = page.keyset(&mut sql, &format!("child.{}", list.key), list.descending);
        let mut branch = vec!["child.dataset_id = parent.id".to_owned()];
        branch.extend(keyset.conditions);
        let select = FirstOfEach {
            columns: &columns.select::<M>("child"),
            of_child: &["*"],
            parents: "timestore.datasets as parent",
            of: &format!("parent.id in (select given.id from {from})"),
            children: &format!("timestore.{}", list.table),
            branches: &[branch.join(" and ")],
            order: &[(list.key, keyset.direction)],
            limit: keyset.limit,
            keeps_childless: false,
        };
        let text = first_of_each(&sql, &select);
        found.extend(sql.by_place(connection, text, columns).await?);
    }
    Ok(group(page, found, key_of, list.descending))
}

/// Sorts rows by parent into pages, each in the list's order.
pub(super) fn group<M, P: std::hash::Hash + Eq, K: Ord, C>(
    page: &Page<C>,
    rows: Vec<M>,
    key_of: impl Fn(&M) -> (P, K),
    descending: bool,
) -> HashMap<P, Rows<M>> {
    let mut lists: HashMap<P, Vec<M>> = HashMap::new();
    for row in rows {
        lists.entry(key_of(&row).0).or_default().push(row);
    }
    lists
        .into_iter()
        .map(|(parent, rows)| (parent, in_order(page, rows, |row| key_of(row).1, descending)))
        .collect()
}

/// The page that rows of one list make, in whatever order they come.
pub(super) fn in_order<M, K: Ord, C>(
    page: &Page<C>,
    mut rows: Vec<M>,
    key_of: impl Fn(&M) -> K,
    descending: bool,
) -> Rows<M> {
    // `Rows` takes them in the direction of reading. Databases find them so, but need not.
    let is_reversed = descending != page.backwards;
    let is_sorted = match is_reversed {
        true => rows.is_sorted_by(|one, next| key_of(one) >= key_of(next)),
        false => rows.is_sorted_by_key(&key_of),
    };
    if !is_sorted {
        rows.sort_by_cached_key(&key_of);
        if is_reversed {
            rows.reverse();
        }
    }
    Rows::from_query(page, rows)
}

/// How many rows of `table` each dataset has; datasets without any are left out.
pub(super) async fn counts_by_dataset(
    connection: &impl ConnectionTrait,
    table: &str,
    ids: &[DatasetId],
) -> Result<HashMap<DatasetId, u64>> {
    let ids = Column::Uuid(ids.iter().map(|id| id.0).collect());
    let mut counts = HashMap::new();
    for relation in relations(connection, vec![("id", ids)]) {
        let of = in_relation("dataset_id", &relation);
        let text =
            format!("select dataset_id, count(*) as n from timestore.{table} where {of} group by dataset_id");
        for row in relation.sql.rows(connection, text).await? {
            counts.insert(
                row.try_get("", "dataset_id")?,
                row.try_get::<i64>("", "n")?.unsigned_abs(),
            );
        }
    }
    Ok(counts)
}
