//! How many files a filter left out of a list, and why.

use async_graphql::SimpleObject;

use super::connection::to_int;
use crate::store::partition as store;

/// How many files were left out, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SimpleObject)]
pub struct Pruning {
    /// The files in the window, before any predicate.
    pub considered: i32,
    /// The files that no predicate rules out: the whole list.
    pub selected: i32,
    /// The files ruled out by their partition key.
    pub pruned_by_key: i32,
    /// The files that their partition key let through and their column statistics rule out.
    pub pruned_by_columns: i32,
}

impl Pruning {
    /// Nothing left out of so many.
    pub fn none(count: i32) -> Self {
        Self {
            considered: count,
            selected: count,
            pruned_by_key: 0,
            pruned_by_columns: 0,
        }
    }
}

impl From<store::Pruning> for Pruning {
    fn from(pruning: store::Pruning) -> Self {
        Self {
            considered: to_int(pruning.considered),
            selected: to_int(pruning.selected),
            pruned_by_key: to_int(pruning.pruned_by_key),
            pruned_by_columns: to_int(pruning.pruned_by_columns),
        }
    }
}
