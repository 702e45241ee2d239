//! Partitions: which files a version has, and which of them cover a window.

pub(super) mod columns;
pub(super) mod pages;

use std::collections::HashMap;
use std::sync::Arc;

use timestore_entity::Timestamp;
use timestore_entity::ids::{DatasetId, PartitionId};
use timestore_entity::partition::Model as Partition;

use self::columns::FEWEST;
use super::backend::{Columns, Relation};
use super::keyed::rows_by_id;
use super::manifest::ManifestKey;
use super::visible::{ByManifest, Scope, parents};
use super::{Page, Result, Rows, Store};
use crate::model::bloom::blooms_may_match;
use crate::model::predicate::{ColumnPredicate, KeyPredicate, columns_may_match, key_may_match};

/// A partition, by its key: the dataset and the id.
pub type PartitionKey = (DatasetId, PartitionId);

/// Where a partition stands in a list of files: its start time, then its id.
pub type PartitionPosition = (Timestamp, PartitionId);

/// How many files are read at a time while predicates are applied, at first and at most.
const BATCH: (u32, u32) = (256, 8_192);

/// Which files of a version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PartitionFilter {
    /// Only files that could hold a row in this window, closed on both sides.
    pub window: Option<(Timestamp, Timestamp)>,
    /// Only files whose partition key could match all of these.
    pub keys: Vec<KeyPredicate>,
    /// Only files whose column statistics could match all of these.
    pub columns: Vec<ColumnPredicate>,
}

/// A page of files.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PartitionQuery {
    /// Which files.
    pub filter: PartitionFilter,
    /// Which of those.
    pub page: Page<PartitionPosition>,
    /// Which columns of the files to read.
    pub columns: Columns,
}

/// How many files a filter left out, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruning {
    /// Files in the window.
    pub considered: u64,
    /// Files that no predicate rules out.
    pub selected: u64,
    /// Files ruled out by their partition key.
    pub pruned_by_key: u64,
    /// Files that the key let through and the column statistics rule out.
    pub pruned_by_columns: u64,
}

/// Why a file is left out.
enum Ruled {
    In,
    OutByKey,
    OutByColumns,
}

impl PartitionFilter {
    fn has_predicates(&self) -> bool {
        !(self.keys.is_empty() && self.columns.is_empty())
    }

    /// The columns that the predicates need.
    fn needed_columns(&self) -> Columns {
        let mut columns = FEWEST;
        if !self.keys.is_empty() {
            columns = columns.or(Columns::named::<Partition>(&["partition_key"]));
        }
        if !self.columns.is_empty() {
            columns = columns.or(Columns::named::<Partition>(&[
                "column_statistics",
                "bloom_filters",
            ]));
        }
        columns
    }

    fn rule(&self, file: &Partition) -> Ruled {
        if !self
            .keys
            .iter()
            .all(|predicate| key_may_match(predicate, &file.partition_key))
        {
            return Ruled::OutByKey;
        }
        let statistics = file.column_statistics.as_ref();
        let filters = file.bloom_filters.as_ref();
        let may_match =
            |predicate| columns_may_match(predicate, statistics) && blooms_may_match(predicate, filters);
        if !self.columns.iter().all(may_match) {
            return Ruled::OutByColumns;
        }
        Ruled::In
    }
}

impl Store {
    /// The partitions with these keys.
    pub async fn partitions_by_key(&self, keys: &[PartitionKey]) -> Result<HashMap<PartitionKey, Partition>> {
        let keys = keys.iter().map(|(dataset, id)| (*dataset, id.0));
        let rows: Vec<Partition> = rows_by_id(&self.reader, "partitions", keys).await?;
        Ok(rows
            .into_iter()
            .map(|row| ((row.dataset_id, row.id), row))
            .collect())
    }

    /// The same page of the files of each version, by start time, then id. Fails where a version has expired. Versions of a dataset
    /// whose pages are the same share one.
    ///
    /// One statement for all versions, or two where a dataset has begun to use files of another length; with predicates, which are
    /// applied here, one more for each batch of files read.
    pub async fn partition_pages(
        &self,
        keys: &[ManifestKey],
        query: &PartitionQuery,
    ) -> Result<ByManifest<Arc<Rows<Partition>>>> {
        let PartitionQuery {
            filter,
            page,
            columns,
        } = query;
        if !filter.has_predicates() {
            return self.pages(keys, filter, page, *columns).await;
        }
        let columns = filter.needed_columns().or(*columns);
        let wanted = page.limit as usize + 1;
        let mut pages = HashMap::with_capacity(keys.len());
        for &key in keys {
            let mut rows = Vec::new();
            self.scan(key, filter, page.after, columns, |file| {
                if matches!(filter.rule(&file), Ruled::In) {
                    rows.push(file);
                }
                rows.len() < wanted
            })
            .await?;
            pages.insert(key, Arc::new(Rows::from_query(page, rows)));
        }
        Ok(pages)
    }

    /// How many files of each version a filter lets through, and why it leaves the others out.
    pub async fn partition_prunings(
        &self,
        keys: &[ManifestKey],
        filter: &PartitionFilter,
    ) -> Result<ByManifest<Pruning>> {
        if !filter.has_predicates() {
            let scope = Scope::find(&self.reader, keys).await?;
            return self.scope_counts(&scope, filter.window).await;
        }
        // What is left out is counted too.
        let all = PartitionFilter {
            window: filter.window,
            ..PartitionFilter::default()
        };
        let columns = filter.needed_columns();
        let mut prunings = HashMap::new();
        for &key in keys {
            let mut pruning = Pruning::default();
            self.scan(key, &all, None, columns, |file| {
                pruning.considered += 1;
                match filter.rule(&file) {
                    Ruled::In => pruning.selected += 1,
                    Ruled::OutByKey => pruning.pruned_by_key += 1,
                    Ruled::OutByColumns => pruning.pruned_by_columns += 1,
                }
                true
            })
            .await?;
            prunings.insert(key, pruning);
        }
        Ok(prunings)
    }

    /// Shows `each` the files in the filter's window, in order, until it has enough. Those that the filter leaves out may be among them.
    /// Memory is bounded by the batch.
    async fn scan(
        &self,
        key: ManifestKey,
        filter: &PartitionFilter,
        after: Option<PartitionPosition>,
        columns: Columns,
        mut each: impl FnMut(Partition) -> bool,
    ) -> Result<()> {
        let mut page = Page::first(BATCH.0, after);
        loop {
            let batch = self.page(key, filter, &page, columns).await?;
            page.after = batch.rows.last().map(|file| (file.start_time, file.id));
            page.limit = (page.limit * 2).min(BATCH.1);
            for file in batch.rows {
                if !each(file) {
                    return Ok(());
                }
            }
            if !batch.has_more {
                return Ok(());
            }
        }
    }

    /// How many files of each version overlap a window, in one statement.
    async fn scope_counts(
        &self,
        scope: &Scope,
        window: Option<(Timestamp, Timestamp)>,
    ) -> Result<ByManifest<Pruning>> {
        let mut counts = HashMap::new();
        for Relation { from, mut sql, .. } in scope.relations(&self.reader) {
            let count =
                |branch| format!("(select count(*) from timestore.partitions as child where {branch})");
            let mut terms: Vec<String> = scope
                .branches(&mut sql, window, &[], &[])
                .into_iter()
                .map(count)
                .collect();
            terms.push("0".to_owned());
            let (parents, given) = parents(&sql, &from);
            let text = format!(
                "select parent.dataset_id, parent.version, {} as n from {parents} where {given}",
                terms.join(" + ")
            );
            for row in sql.rows(&self.reader, text).await? {
                let n = row
                    .try_get::<i64>("", "n")
                    .or_else(|_| row.try_get::<i32>("", "n").map(i64::from))?;
                let pruning = Pruning {
                    considered: n.unsigned_abs(),
                    selected: n.unsigned_abs(),
                    ..Pruning::default()
                };
                counts.insert(
                    (row.try_get("", "dataset_id")?, row.try_get("", "version")?),
                    pruning,
                );
            }
        }
        Ok(counts)
    }
}
