//! The change feed, in commit order.

use timestore_entity::change::Model as Change;

use super::access::readable;
use super::backend::{Sql, change_horizon};
use super::{Page, Result, Rows, Store};

/// Where a change stands in the feed: its transaction, then its sequence.
pub type ChangePosition = (i64, i64);

impl Store {
    /// A page of the feed, in commit order. Holds back what a transaction still under way could come before.
    pub async fn change_page(&self, page: &Page<ChangePosition>) -> Result<Rows<Change>> {
        let mut sql = Sql::new(self.reader.primary());
        let mut conditions = vec![change_horizon(&sql).to_owned()];
        let from = self.visible_changes(&mut sql, &mut conditions);
        for (position, comparison) in [(page.after, ">"), (page.before, "<")] {
            if let Some((transaction, sequence)) = position {
                let position = format!("({}, {})", sql.bind(transaction), sql.bind(sequence));
                conditions.push(format!("(transaction_id, sequence) {comparison} {position}"));
            }
        }
        let direction = if page.backwards { "desc" } else { "asc" };
        let text = format!(
            "select changes.* from {from} where {} order by transaction_id {direction}, sequence {direction} limit {}",
            conditions.join(" and "),
            sql.bind(i64::from(page.limit) + 1)
        );
        Ok(Rows::from_query(
            page,
            sql.all(self.reader.primary(), text).await?,
        ))
    }

    /// How many changes the feed holds.
    pub async fn change_count(&self) -> Result<u64> {
        let mut sql = Sql::new(self.reader.primary());
        let mut conditions = vec![change_horizon(&sql).to_owned()];
        let from = self.visible_changes(&mut sql, &mut conditions);
        let text = format!("select count(*) from {from} where {}", conditions.join(" and "));
        Ok(sql.count(self.reader.primary(), text).await?)
    }

    /// Where the changes that the viewer may see are selected from, and on which conditions. What happened to no dataset is for
    /// holders of the global scope. A dataset that is gone has the scopes that its deletion tells.
    fn visible_changes(&self, sql: &mut Sql, conditions: &mut Vec<String>) -> &'static str {
        let scopes = |column: &str| {
            format!(
                "(case when changes.dataset_id is null or dataset.id is not null then dataset.{column} else \
                 (select gone.{column} from timestore.changes as gone where gone.dataset_id = changes.dataset_id \
                 and gone.kind = 'dataset_deleted') end)"
            )
        };
        match readable(sql, &self.viewer, &scopes("read_scopes"), &scopes("write_scopes")) {
            Some(condition) => {
                conditions.push(condition);
                "timestore.changes as changes left join timestore.datasets as dataset on dataset.id = changes.dataset_id"
            }
            None => "timestore.changes as changes",
        }
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
