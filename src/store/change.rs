//! The change feed, in commit order.

use timestore_entity::change::Model as Change;

use super::{Page, Result, Rows, Store};

/// Where a change stands in the feed: its transaction, then its sequence.
pub type ChangePosition = (i64, i64);

impl Store {
    /// A page of the feed, in commit order. Holds back what a transaction still under way could come before.
    pub async fn change_page(&self, page: &Page<ChangePosition>) -> Result<Rows<Change>> { todo!() }
    /// How many changes the feed holds.
    pub async fn change_count(&self) -> Result<u64> { todo!() }
    /// The position after the newest change that the feed shows.
    pub async fn change_head(&self) -> Result<Option<ChangePosition>> { todo!() }
}
