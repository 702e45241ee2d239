//! Rows whose columns are read by their place in the statement, which is known here, instead of by name: a page has thousands of
//! values.

use sea_orm::{DbErr, QueryResult};

/// A row whose columns are read in a known order.
pub(in crate::store) trait ByPlace: Sized {
    /// Its columns, in that order.
    const COLUMNS: &'static [&'static str];

    /// Reads it from a row that has its columns from `at` on.
    fn read(row: &QueryResult, at: usize) -> Result<Self, DbErr>;
}

/// The columns of `M`, to be selected from `alias`. An object of free metadata, which is empty more often than not, is null where it is.
pub(in crate::store) fn columns_of<M: ByPlace>(alias: &str) -> String {
    let mut columns = String::with_capacity(M::COLUMNS.len() * 24);
    for column in M::COLUMNS {
        if !columns.is_empty() {
            columns.push_str(", ");
        }
        let is_free = matches!(*column, "metadata" | "summary");
        columns.push_str(if is_free { "nullif(" } else { "" });
        columns.push_str(alias);
        columns.push('.');
        columns.push_str(column);
        columns.push_str(if is_free { ", '{}')" } else { "" });
    }
    columns
}

/// Has a row read by place: all its fields are columns.
macro_rules! by_place {
    ($row:ident { $($column:ident),+ $(,)? }) => {
        impl $crate::store::backend::ByPlace for $row {
            const COLUMNS: &'static [&'static str] = &[$(stringify!($column)),+];

            fn read(row: &sea_orm::QueryResult, at: usize) -> Result<Self, sea_orm::DbErr> {
                let mut places = at..;
                let mut next = || places.next().unwrap_or_default();
                Ok(Self { $($column: $crate::store::backend::value_at(row, next())?),+ })
            }
        }
    };
}
pub(in crate::store) use by_place;
