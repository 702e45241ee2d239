//! The change feed, in commit order: read here, cleared in `forget`.

mod forget;

use std::collections::BTreeSet;

use sea_orm::{DbErr, FromQueryResult, QueryResult};
use timestore_entity::change::Model as Change;
use timestore_entity::enums::ChangeKind;

use super::access::readable;
use super::backend::{Sql, change_horizon};
use super::dataset::of_dataset;
use super::{DatasetRef, Page, Result, Rows, Store, StoreError};

/// Where a change stands in the feed: its transaction, then its sequence.
pub type ChangePosition = (i64, i64);

/// Which changes a reader wants. Everything stated must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ChangeFilter {
    /// Only those of this dataset. By id, it may be gone.
    pub dataset: Option<DatasetRef>,
    /// Only those of one of these kinds.
    pub kinds: Option<Vec<ChangeKind>>,
}

/// A page of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangePage {
    /// The changes.
    pub rows: Rows<Change>,
    /// How far they reach: between the last of them and this position there was none that the filter lets through.
    pub end: ChangePosition,
}

impl Store {
    /// The first `limit` changes after `after`, in commit order; from the oldest one that there is where that is none. Holds
    /// back what a transaction still under way could come before.
    ///
    /// Fails with [`StoreError::ChangesCleared`] where changes after `after` have been cleared away.
    pub async fn change_page(
        &self,
        filter: &ChangeFilter,
        after: Option<ChangePosition>,
        limit: u32,
    ) -> Result<ChangePage> {
        let mut sql = Sql::new(self.reader.primary());
        let (from, mut conditions) = self.change_selection(filter, &mut sql).await?;
        if let Some((transaction, sequence)) = after {
            let position = format!("({}, {})", sql.bind(transaction), sql.bind(sequence));
            conditions.push(format!("(transaction_id, sequence) > {position}"));
        }
        // One statement, and so one state of the feed: what is cleared or comes meanwhile is in all parts of it or in none.
        let text = format!(
            "select page.*, cleared.transaction_id as cleared_transaction_id, cleared.sequence as cleared_sequence, \
             head.transaction_id as head_transaction_id, head.sequence as head_sequence \
             from timestore.cleared_changes as cleared \
             left join (select transaction_id, sequence from timestore.changes where {} \
             order by transaction_id desc, sequence desc limit 1) as head on true \
             left join (select changes.* from {from} where {} \
             order by transaction_id, sequence limit {}) as page on true \
             order by page.transaction_id, page.sequence",
            change_horizon(&sql),
            conditions.join(" and "),
            u64::from(limit) + 1
        );
        let read = sql.rows(self.reader.primary(), text).await?;
        let Some(first) = read.first() else {
            return Err(StoreError::Inconsistent("cleared_changes has no row".to_owned()));
        };
        let cleared = position(first, "cleared")?.unwrap_or_default();
        if after.is_some_and(|after| after < cleared) {
            return Err(StoreError::ChangesCleared);
        }
        let end = [position(first, "head")?, after]
            .into_iter()
            .flatten()
            .fold(cleared, Ord::max);
        let changes = read.iter().filter_map(|row| change(row).transpose());
        let rows = Rows::from_query(&Page::first(limit, after), changes.collect::<Result<_, DbErr>>()?);
        let end = match rows.rows.last() {
            Some(last) if rows.has_more => (last.transaction_id, last.sequence),
            _ => end,
        };
        Ok(ChangePage { rows, end })
    }

    /// How many changes the feed holds that `filter` lets through.
    pub async fn change_count(&self, filter: &ChangeFilter) -> Result<u64> {
        let mut sql = Sql::new(self.reader.primary());
        let (from, conditions) = self.change_selection(filter, &mut sql).await?;
        let text = format!("select count(*) from {from} where {}", conditions.join(" and "));
        Ok(sql.count(self.reader.primary(), text).await?)
    }

    /// Where the changes that the viewer may see are selected from, and on which conditions. What happened to no dataset is for
    /// holders of the global scope. A dataset that is gone has the scopes that its deletion tells; once that is cleared away, nothing
    /// more of it is told.
    fn visible_changes(&self, sql: &mut Sql, conditions: &mut Vec<String>) -> &'static str {
        let scopes = |column: &str| {
            format!("(case when dataset.id is null then gone.gone_{column} else dataset.{column} end)")
        };
        match readable(sql, &self.viewer, &scopes("read_scopes"), &scopes("write_scopes")) {
            Some(condition) => {
                conditions.push(condition);
                conditions.push(
                    "(changes.dataset_id is null or dataset.id is not null or gone.gone_id is not null)"
                        .to_owned(),
                );
                "timestore.changes as changes \
                 left join timestore.datasets as dataset on dataset.id = changes.dataset_id \
                 left join (select dataset_id as gone_id, read_scopes as gone_read_scopes, write_scopes as gone_write_scopes \
                 from timestore.changes where kind = 'dataset_deleted') as gone \
                 on dataset.id is null and gone.gone_id = changes.dataset_id"
            }
            None => "timestore.changes as changes",
        }
    }

    /// How far the feed reaches now.
    pub async fn change_end(&self) -> Result<ChangePosition> {
        // A page of none reaches over all that there is.
        let none = ChangeFilter {
            dataset: None,
            kinds: Some(Vec::new()),
        };
        Ok(self.change_page(&none, None, 0).await?.end)
    }

    /// Where the changes that the viewer may see and `filter` lets through are selected from, and on which conditions.
    async fn change_selection(
        &self,
        filter: &ChangeFilter,
        sql: &mut Sql,
    ) -> Result<(&'static str, Vec<String>)> {
        let mut conditions = vec![change_horizon(sql).to_owned()];
        let from = self.visible_changes(sql, &mut conditions);
        if let Some(dataset) = &filter.dataset {
            conditions.push(of_dataset(self.reader.primary(), &self.viewer, dataset, sql).await?);
        }
        if let Some(kinds) = &filter.kinds {
            let kinds: BTreeSet<_> = kinds.iter().map(|kind| kind.as_str()).collect();
            let kinds: Vec<_> = kinds.into_iter().map(|kind| sql.bind(kind)).collect();
            conditions.push(match &kinds[..] {
                [] => "false".to_owned(),
                kinds => format!("kind in ({})", kinds.join(", ")),
            });
        }
        Ok((from, conditions))
    }
}

/// The change of a row; none in the row of a page that has none.
fn change(row: &QueryResult) -> Result<Option<Change>, DbErr> {
    match row.try_get::<Option<i64>>("", "sequence")? {
        Some(_) => Change::from_query_result(row, "").map(Some),
        None => Ok(None),
    }
}

fn position(row: &QueryResult, of: &str) -> Result<Option<ChangePosition>, DbErr> {
    let transaction: Option<i64> = row.try_get(of, "_transaction_id")?;
    let sequence: Option<i64> = row.try_get(of, "_sequence")?;
    Ok(transaction.zip(sequence))
}
