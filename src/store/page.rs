//! Keyset pages: so many rows after, or before, a key.

use timestore_entity::Timestamp;

use super::backend::Sql;

/// Which rows of an ordered list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Page<K> {
    /// At most so many.
    pub limit: u32,
    /// Only rows after this key.
    pub after: Option<K>,
    /// Only rows before this key.
    pub before: Option<K>,
    /// Take the last ones, not the first. The rows come in the list's order all the same.
    pub backwards: bool,
}

impl<K> Page<K> {
    /// The first rows, after `after`.
    pub const fn first(limit: u32, after: Option<K>) -> Self {
        Self {
            limit,
            after,
            before: None,
            backwards: false,
        }
    }

    /// How many rows to ask the database for: one more tells whether there are more. It is written into the text and not bound,
    /// since a plan that is made for any number of rows may be the wrong one for a few.
    pub(super) fn limit_in_sql(&self) -> u64 {
        u64::from(self.limit) + 1
    }
}

/// The rows of a page, in the list's order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rows<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Whether the list goes on in the direction of reading.
    pub has_more: bool,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            has_more: false,
        }
    }
}

impl<T> Rows<T> {
    /// From the rows of a query that asked for one more than `page` takes, in the direction of reading.
    pub fn from_query<K>(page: &Page<K>, mut rows: Vec<T>) -> Self {
        let has_more = rows.len() > page.limit as usize;
        rows.truncate(page.limit as usize);
        if page.backwards {
            rows.reverse();
        }
        Self { rows, has_more }
    }

    /// The same page, of something else.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Rows<U> {
        Rows {
            rows: self.rows.into_iter().map(f).collect(),
            has_more: self.has_more,
        }
    }
}

/// A page of an ordered list in SQL.
pub(super) struct Keyset {
    /// Conditions on the key.
    pub(super) conditions: Vec<String>,
    /// The order and the limit, one row more than the page takes.
    pub(super) order: String,
    /// The direction in which rows come.
    pub(super) direction: &'static str,
    /// The limit.
    pub(super) limit: u64,
}

impl<K: Clone + Into<sea_orm::Value>> Page<K> {
    /// This page of a list ordered by the unique column `key`.
    pub(super) fn keyset(&self, sql: &mut Sql, key: &str, descending: bool) -> Keyset {
        let (beyond, behind) = if descending { ("<", ">") } else { (">", "<") };
        let mut conditions = Vec::new();
        if let Some(after) = &self.after {
            conditions.push(format!("{key} {beyond} {}", sql.bind(after.clone())));
        }
        if let Some(before) = &self.before {
            conditions.push(format!("{key} {behind} {}", sql.bind(before.clone())));
        }
        let direction = if descending == self.backwards {
            "asc"
        } else {
            "desc"
        };
        let limit = self.limit_in_sql();
        Keyset {
            conditions,
            order: format!("order by {key} {direction} limit {limit}"),
            direction,
            limit,
        }
    }
}

impl<I: Copy + Into<sea_orm::Value>> Page<(Timestamp, I)> {
    /// This page of a list ordered by the column `time`, newest first, then by `id`.
    pub(super) fn newest_first(&self, sql: &mut Sql, time: &str) -> Keyset {
        let mut conditions = Vec::new();
        for (position, comparison) in [(&self.after, "<"), (&self.before, ">")] {
            if let Some((at, id)) = position {
                let position = format!("({}, {})", sql.bind(*at), sql.bind(*id));
                conditions.push(format!("({time}, id) {comparison} {position}"));
            }
        }
        let direction = if self.backwards { "asc" } else { "desc" };
        let limit = self.limit_in_sql();
        Keyset {
            conditions,
            order: format!("order by {time} {direction}, id {direction} limit {limit}"),
            direction,
            limit,
        }
    }
}
