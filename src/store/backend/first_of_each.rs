//! "The first n rows of each parent" in one statement: on PostgreSQL a lateral join driven by the parent's table, which a
//! database distributed by dataset pushes down; on SQLite, which has no lateral joins, a correlated list of row ids.

use super::Sql;

/// What to select. `parent` and `child` are the aliases that the conditions use.
pub(in crate::store) struct FirstOfEach<'a> {
    /// The columns of the result.
    pub(in crate::store) columns: &'a str,
    /// The columns of `child` that those and the order are made of, or `*`.
    pub(in crate::store) of_child: &'a [&'a str],
    /// The parents' table, or a join, with `parent` among its aliases.
    pub(in crate::store) parents: &'a str,
    /// Which parents.
    pub(in crate::store) of: &'a str,
    /// The children's table.
    pub(in crate::store) children: &'a str,
    /// Conditions on `child`, each served in order by an index. A row fulfils at most one of them.
    pub(in crate::store) branches: &'a [String],
    /// The columns of the order, each with its direction.
    pub(in crate::store) order: &'a [(&'a str, &'a str)],
    /// The largest number of children of a parent.
    pub(in crate::store) limit: u64,
    /// Whether a parent that has none is there, with nulls for a child.
    pub(in crate::store) keeps_childless: bool,
}

/// The text of the statement. Rows of one parent come in no particular order.
pub(in crate::store) fn first_of_each(sql: &Sql, select: &FirstOfEach<'_>) -> String {
    let FirstOfEach {
        columns,
        of_child,
        parents,
        of,
        children,
        branches,
        order,
        limit,
        keeps_childless,
    } = select;
    let ordered = |alias: &str| {
        let columns: Vec<String> = order
            .iter()
            .map(|(column, direction)| format!("{alias}{column} {direction}"))
            .collect();
        format!("order by {} limit {limit}", columns.join(", "))
    };
    let keys: Vec<String> = order
        .iter()
        .map(|(column, _)| format!("child.{column}"))
        .collect();
    // SQLite needs only the row ids, and what merges the branches in order.
    let selected = if sql.is_postgres() {
        format!("child.{}", of_child.join(", child."))
    } else {
        format!("child.rowid as rid, {}", keys.join(", "))
    };
    let branch = |condition: &String| {
        format!(
            "select {selected} from {children} as child where {condition} {}",
            ordered("child.")
        )
    };
    let first = match branches {
        [] => format!("select {selected} from {children} as child where false"),
        [only] => branch(only),
        many => {
            let many: Vec<String> = many
                .iter()
                .map(|c| format!("select * from ({}) as branch", branch(c)))
                .collect();
            format!(
                "select * from ({}) as branches {}",
                many.join(" union all "),
                ordered("")
            )
        }
    };
    if sql.is_postgres() {
        let join = match keeps_childless {
            true => "left join lateral",
            false => "join lateral",
        };
        format!("select {columns} from {parents} {join} ({first}) as child on true where {of}")
    } else {
        let join = if *keeps_childless { "left join" } else { "join" };
        format!(
            "select {columns} from {parents} {join} {children} as child \
             on child.rowid in (select rid from ({first}) as chosen) where {of}"
        )
    }
}
