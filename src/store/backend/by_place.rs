//! Rows whose columns are read by their place in the statement, which is known here, instead of by name: a page has thousands of
//! values. Where only some columns are asked for, no more are read: each value costs the database as much as the gateway.

use sea_orm::{DbErr, QueryResult};

use super::place::{Place, value_at};

/// A row whose columns are read in a known order.
pub trait ByPlace: Sized {
    /// Its columns, in that order.
    const COLUMNS: &'static [&'static str];

    /// Those that are always read.
    const ALWAYS: &'static [&'static str];

    /// Reads it from a row that has `columns` of it from `at` on. What is not among them means nothing.
    fn read(row: &QueryResult, at: usize, columns: Columns) -> Result<Self, DbErr>;

    /// One of which nothing is read.
    fn unread() -> Self;
}

/// Some columns of a kind of row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Columns(u32);

impl Columns {
    /// All columns.
    pub const ALL: Self = Self(u32::MAX);

    /// The first one.
    pub(in crate::store) const FIRST: Self = Self(1);

    /// The columns of `M` with these names, and those that are always read.
    ///
    /// # Panics
    ///
    /// Where `M` has no such column; when the project is built, in a constant.
    #[must_use]
    pub const fn named<M: ByPlace>(names: &[&str]) -> Self {
        Self(bits(M::COLUMNS, names) | bits(M::COLUMNS, M::ALWAYS))
    }

    /// Those that one or the other has.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those that the other does not have.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether it has all of these.
    #[must_use]
    pub const fn has(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Their names.
    pub(in crate::store) fn names<M: ByPlace>(self) -> impl Iterator<Item = &'static str> {
        let all = M::COLUMNS.iter().enumerate();
        all.filter_map(move |(at, name)| (self.0 >> at & 1 == 1).then_some(*name))
    }

    /// How many columns of `M` they are.
    pub(in crate::store) const fn count<M: ByPlace>(self) -> usize {
        (self.0 & ((1 << M::COLUMNS.len()) - 1)).count_ones() as usize
    }

    /// The columns, to be selected from `alias`. An object of free metadata, which is empty more often than not, is null where it is.
    pub(in crate::store) fn select<M: ByPlace>(self, alias: &str) -> String {
        let mut columns = String::with_capacity(M::COLUMNS.len() * 24);
        for column in self.names::<M>() {
            if !columns.is_empty() {
                columns.push_str(", ");
            }
            let is_free = matches!(column, "metadata" | "summary");
            columns.push_str(if is_free { "nullif(" } else { "" });
            columns.push_str(alias);
            columns.push('.');
            columns.push_str(column);
            columns.push_str(if is_free { ", '{}')" } else { "" });
        }
        columns
    }
}

const fn bits(all: &[&str], names: &[&str]) -> u32 {
    let mut bits = 0;
    let mut name = 0;
    while name < names.len() {
        let mut at = 0;
        while !are_same(all[at].as_bytes(), names[name].as_bytes()) {
            at += 1;
        }
        bits |= 1 << at;
        name += 1;
    }
    bits
}

const fn are_same(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

/// Reads columns one after the other.
pub(in crate::store) struct Places<'a> {
    row: &'a QueryResult,
    next: usize,
    columns: u32,
}

impl<'a> Places<'a> {
    /// Of a row that has `columns` from `at` on.
    pub(in crate::store) fn new(row: &'a QueryResult, at: usize, columns: Columns) -> Self {
        Self {
            row,
            next: at,
            columns: columns.0,
        }
    }

    /// The next column, or what stands for one that is not read.
    pub(in crate::store) fn next<T: Place>(&mut self) -> Result<T, DbErr> {
        let is_read = self.columns & 1 == 1;
        self.columns >>= 1;
        if !is_read {
            return Ok(T::unread());
        }
        self.next += 1;
        value_at(self.row, self.next - 1)
    }
}

/// Has a row read by place: all its fields are columns. Those after `always` are read whatever is asked for.
macro_rules! by_place {
    ($row:ident { $($column:ident),+ $(,)? } $(always $($always:ident),+)?) => {
        impl $crate::store::backend::ByPlace for $row {
            const COLUMNS: &'static [&'static str] = &[$(stringify!($column)),+];
            const ALWAYS: &'static [&'static str] = &[$($(stringify!($always)),+)?];

            fn read(
                row: &sea_orm::QueryResult,
                at: usize,
                columns: $crate::store::backend::Columns,
            ) -> Result<Self, sea_orm::DbErr> {
                let mut places = $crate::store::backend::Places::new(row, at, columns);
                Ok(Self { $($column: places.next()?),+ })
            }

            fn unread() -> Self {
                use $crate::store::backend::Place;
                Self { $($column: Place::unread()),+ }
            }
        }
    };
}
pub(in crate::store) use by_place;

#[cfg(test)]
mod tests {
    use timestore_entity::dataset::Model as Dataset;
    use timestore_entity::manifest::Model as Manifest;

    use super::*;

    #[test]
    fn columns_are_named_and_come_in_their_order() {
        let columns = Columns::named::<Dataset>(&["updated_at", "name"]);
        let names: Vec<_> = columns.names::<Dataset>().collect();
        assert_eq!(
            names,
            ["id", "slug", "name", "read_scopes", "write_scopes", "updated_at"]
        );
        assert_eq!(columns.count::<Dataset>(), names.len());
        assert_eq!(Columns::ALL.count::<Manifest>(), Manifest::COLUMNS.len());
        let name = Columns::named::<Dataset>(&["name"]);
        assert!(columns.has(name) && !name.has(columns) && Columns::ALL.has(columns));
        assert_eq!(columns.without(name).or(name), columns);
    }

    #[test]
    fn empty_metadata_is_selected_as_null() {
        let columns = Columns::named::<Manifest>(&["summary"]);
        let selected = columns.select::<Manifest>("own");
        assert!(selected.contains(", nullif(own.summary, '{}')"), "{selected}");
        assert!(selected.starts_with("own.version, "), "{selected}");
    }
}
