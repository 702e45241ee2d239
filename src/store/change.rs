//! The change feed, in commit order.

use timestore_entity::change::Model as Change;

use super::backend::{Sql, change_horizon};
use super::{Page, Result, Rows, Store};

/// Where a change stands in the feed: its transaction, then its sequence.
pub type ChangePosition = (i64, i64);

impl Store {
    /// A page of the feed, in commit order. Holds back what a transaction still under way could come before.
    pub async fn change_page(&self, page: &Page<ChangePosition>) -> Result<Rows<Change>> {
        let mut sql = Sql::new(&self.reader);
        let mut conditions = vec![change_horizon(&sql).to_owned()];
        for (position, comparison) in [(page.after, ">"), (page.before, "<")] {
            if let Some((transaction, sequence)) = position {
                let position = format!("({}, {})", sql.bind(transaction), sql.bind(sequence));
                conditions.push(format!("(transaction_id, sequence) {comparison} {position}"));
            }
        }
        let direction = if page.backwards { "desc" } else { "asc" };
        let text = format!(
            "select * from timestore.changes where {} order by transaction_id {direction}, sequence {direction} limit {}",
            conditions.join(" and "),
            sql.bind(i64::from(page.limit) + 1)
        );
        Ok(Rows::from_query(page, sql.all(&self.reader, text).await?))
    }

    /// How many changes the feed holds.
    pub async fn change_count(&self) -> Result<u64> {
        let sql = Sql::new(&self.reader);
        let text = format!(
            "select count(*) from timestore.changes where {}",
            change_horizon(&sql)
        );
        Ok(sql.count(&self.reader, text).await?)
    }

    /// The position of the newest change that the feed shows.
    pub async fn change_head(&self) -> Result<Option<ChangePosition>> {
        let page = Page {
            limit: 1,
            after: None,
            before: None,
            backwards: true,
        };
        let newest = self.change_page(&page).await?.rows.pop();
        Ok(newest.map(|change| (change.transaction_id, change.sequence)))
    }
}
