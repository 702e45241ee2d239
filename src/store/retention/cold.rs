//! Which live files should move to the cold target of a policy.
//!
//! Both questions go by the start of the files, through the window index, with a branch for each span class. A file that ends
//! before the limit starts before it; what lies there already is passed over, so that a question costs what is old, moved or not.

use timestore_entity::Timestamp;
use timestore_entity::dataset_head::Model as DatasetHead;
use timestore_entity::ids::{DatasetId, StorageTargetId};
use timestore_entity::partition::Model as Partition;

use super::preview::Tally;
use crate::model::span;
use crate::store::backend::Sql;
use crate::store::partition::PartitionPosition;
use crate::store::retention_policy::EffectivePolicy;
use crate::store::visible::position;
use crate::store::{Page, Result, Rows, Store};

/// The files of a dataset that should move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColdStorageDue {
    /// The dataset.
    pub dataset_id: DatasetId,
    /// Where they should go.
    pub storage_target_id: StorageTargetId,
    /// As of when.
    pub at: Timestamp,
    /// Those should move whose latest row is older; none where that is before all time.
    limit: Option<Timestamp>,
    span_classes: i64,
}

impl Store {
    /// The files of the dataset with this head that should move by `policy` at `at`, or now; none where it has no such rule.
    /// Reads nothing.
    pub fn cold_storage_due(
        &self,
        policy: &EffectivePolicy,
        head: &DatasetHead,
        at: Option<Timestamp>,
    ) -> Option<ColdStorageDue> {
        let (after, target) = policy.cold_storage_after.zip(policy.cold_storage_target_id)?;
        let at = at.unwrap_or_else(|| self.clock.now());
        Some(ColdStorageDue {
            dataset_id: head.dataset_id,
            storage_target_id: target,
            at,
            limit: after.before(at),
            span_classes: head.span_classes,
        })
    }

    /// What they amount to.
    pub async fn cold_storage_tally(&self, due: &ColdStorageDue) -> Result<Tally> {
        let mut sql = Sql::new(&self.reader);
        let Some(files) = due.branches(&mut sql, "row_count, file_size_bytes", &[], "") else {
            return Ok(Tally::default());
        };
        let text = format!(
            "select count(*) as files, cast(coalesce(sum(row_count), 0) as bigint) as rows, \
             cast(coalesce(sum(file_size_bytes), 0) as bigint) as bytes from ({files}) as files"
        );
        Ok(sql.one(&self.reader, text).await?.unwrap_or_default())
    }

    /// A page of them, by start, then id.
    pub async fn cold_storage_page(
        &self,
        due: &ColdStorageDue,
        page: &Page<PartitionPosition>,
    ) -> Result<Rows<Partition>> {
        let mut sql = Sql::new(&self.reader);
        let (conditions, direction) = position(&mut sql, page);
        let limit = page.limit_in_sql();
        let order = format!("order by start_time {direction}, id {direction} limit {limit}");
        let Some(files) = due.branches(&mut sql, "child.*", &conditions, &order) else {
            return Ok(Rows::default());
        };
        let text = format!("select * from ({files}) as files {order}");
        Ok(Rows::from_query(page, sql.all(&self.reader, text).await?))
    }
}

impl ColdStorageDue {
    /// A select of `columns` for each span class, as one; none where no file can be due.
    fn branches(&self, sql: &mut Sql, columns: &str, more: &[String], order: &str) -> Option<String> {
        let limit = sql.bind(self.limit?);
        let mut conditions = vec![format!(
            "child.dataset_id = {} and child.removed_version is null and child.start_time < {limit} \
             and child.end_time < {limit} and child.storage_target_id <> {}",
            sql.bind(self.dataset_id),
            sql.bind(self.storage_target_id)
        )];
        conditions.extend_from_slice(more);
        let conditions = conditions.join(" and ");
        let branch = |class: i16| {
            format!(
                "select * from (select {columns} from timestore.partitions as child \
                 where {conditions} and child.span_class = {class} {order}) as branch"
            )
        };
        let branches: Vec<String> = span::classes(self.span_classes).map(branch).collect();
        (!branches.is_empty()).then(|| branches.join(" union all "))
    }
}
