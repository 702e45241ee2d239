//! Datasets, read together with their heads and policies.

use std::collections::HashMap;

use sea_orm::{DatabaseTransaction, DbErr, QueryResult};
use timestore_entity::dataset::Model as Dataset;
use timestore_entity::dataset_head::Model as DatasetHead;
use timestore_entity::enums::DatasetStatus;
use timestore_entity::ids::DatasetId;
use timestore_entity::retention_policy::Model as RetentionPolicy;

use crate::model::naming;
use crate::store::access::{own_scopes, readable};
use crate::store::backend::{
    ByPlace, Column, Others, Sql, columns_of, for_update, in_relation, relations, value_at,
};
use crate::store::keyed::rows_by;
use crate::store::storage_target::storage_target_find_in_txn;
use crate::store::{Fault, Page, Result, Rows, StorageTargetRef, Store};

/// A dataset, and what it was read together with.
#[derive(Clone, Debug, PartialEq)]
pub struct DatasetState {
    /// The dataset.
    pub dataset: Dataset,
    /// Its head; none where the catalog has lost it.
    pub head: Option<DatasetHead>,
    /// Its retention policy, if it has one of its own.
    pub policy: Option<RetentionPolicy>,
}

/// The dataset for which `condition` holds, and its head, which is locked until the end of the transaction.
pub(super) async fn state_lock_in_txn(
    transaction: &DatabaseTransaction,
    sql: Sql,
    condition: &str,
) -> Result<Option<(Dataset, DatasetHead)>> {
    let lock = match for_update(&sql, Others::Wait) {
        "" => String::new(),
        lock => format!("{lock} of head"),
    };
    let text = format!(
        "select {}, {} from timestore.datasets as dataset \
         join timestore.dataset_heads as head on head.dataset_id = dataset.id where {condition}{lock}",
        columns_of::<Dataset>("dataset"),
        columns_of::<DatasetHead>("head")
    );
    let rows = sql.rows(transaction, text).await?;
    let read = |row| {
        Ok((
            Dataset::read(row, 0)?,
            DatasetHead::read(row, Dataset::COLUMNS.len())?,
        ))
    };
    rows.first().map(read).transpose()
}

/// A row of an outer join, whose first column is the id of the dataset; none where it was not joined.
fn joined<M: ByPlace>(row: &QueryResult, at: usize) -> Result<Option<M>, DbErr> {
    let is_there = value_at::<Option<DatasetId>>(row, at)?.is_some();
    is_there.then(|| M::read(row, at)).transpose()
}

/// Which datasets a list holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DatasetFilter {
    /// Only those with this status.
    pub status: Option<DatasetStatus>,
    /// Archived ones too, where no status is named.
    pub include_archived: bool,
    /// Only those whose slug, name or description contains this, in any case, as far as the database folds letters.
    pub search: Option<String>,
    /// Only those whose default target this is.
    pub storage_target: Option<StorageTargetRef>,
}

impl Store {
    /// The datasets with these ids.
    pub async fn datasets_by_id(&self, ids: &[DatasetId]) -> Result<HashMap<DatasetId, DatasetState>> {
        let ids = Column::Uuid(ids.iter().map(|id| id.0).collect());
        let found = self.dataset_states("id", ids).await?.into_iter();
        Ok(found.map(|found| (found.dataset.id, found)).collect())
    }

    /// The datasets with these slugs, in lower case.
    pub async fn datasets_by_slug(&self, slugs: &[String]) -> Result<HashMap<String, DatasetState>> {
        let slugs = Column::Text(slugs.to_vec());
        let found = self.dataset_states("slug", slugs).await?.into_iter();
        Ok(found.map(|found| (found.dataset.slug.clone(), found)).collect())
    }

    /// The datasets that have one of these values in `column`.
    async fn dataset_states(&self, column: &'static str, values: Column) -> Result<Vec<DatasetState>> {
        let mut found: Vec<DatasetState> = Vec::new();
        for relation in relations(&self.reader, vec![(column, values)]) {
            let of = in_relation(&format!("dataset.{column}"), &relation);
            found.extend(self.states(relation.sql, select(&of)).await?);
        }
        found.retain(|found| self.viewer.may_read(own_scopes(&found.dataset)));
        Ok(found)
    }

    /// Runs what [`select`] says.
    async fn states(&self, sql: Sql, text: String) -> Result<Vec<DatasetState>> {
        let head_at = Dataset::COLUMNS.len();
        let policy_at = head_at + DatasetHead::COLUMNS.len();
        let revision_at = policy_at + RetentionPolicy::COLUMNS.len();
        let state = |row: &QueryResult| {
            Ok(DatasetState {
                dataset: Dataset::read(row, 0)?,
                head: joined(row, head_at)?,
                policy: joined(row, policy_at)?,
            })
        };
        let rows = sql.rows(&self.reader, text).await?;
        if let Some(row) = rows.first() {
            self.targets.see(value_at(row, revision_at)?);
        }
        rows.iter().map(state).collect()
    }

    /// The heads of these datasets.
    pub async fn dataset_heads(&self, ids: &[DatasetId]) -> Result<HashMap<DatasetId, DatasetHead>> {
        let ids = ids.iter().map(|id| id.0);
        let heads: Vec<DatasetHead> = rows_by(&self.reader, "dataset_heads", "dataset_id", ids).await?;
        Ok(heads.into_iter().map(|head| (head.dataset_id, head)).collect())
    }

    /// A page of the datasets that `filter` lets through, by slug, ascending, or descending where asked.
    pub async fn dataset_page(
        &self,
        filter: &DatasetFilter,
        descending: bool,
        page: &Page<String>,
    ) -> Result<Rows<DatasetState>> {
        let mut sql = Sql::new(&self.reader);
        let mut conditions = self.conditions(filter, &mut sql).await?;
        let keyset = page.keyset(&mut sql, "slug", descending);
        conditions.extend(keyset.conditions);
        let text = format!("{} {}", select(&conditions.join(" and ")), keyset.order);
        Ok(Rows::from_query(page, self.states(sql, text).await?))
    }

    /// How many datasets `filter` lets through.
    pub async fn dataset_count(&self, filter: &DatasetFilter) -> Result<u64> {
        let mut sql = Sql::new(&self.reader);
        let conditions = self.conditions(filter, &mut sql).await?;
        let text = format!(
            "select count(*) from timestore.datasets where {}",
            conditions.join(" and ")
        );
        Ok(sql.count(&self.reader, text).await?)
    }

    async fn conditions(&self, filter: &DatasetFilter, sql: &mut Sql) -> Result<Vec<String>> {
        let mut conditions = vec!["true".to_owned()];
        conditions.extend(readable(sql, &self.viewer, "read_scopes", "write_scopes"));
        let status = filter
            .status
            .or((!filter.include_archived).then_some(DatasetStatus::Active));
        if let Some(status) = status {
            conditions.push(format!("status = {}", sql.bind(status.as_str())));
        }
        if let Some(search) = filter.search.as_deref().filter(|search| !search.is_empty()) {
            naming::description(search).map_err(|message| Fault::invalid(&["filter", "search"], message))?;
            let pattern = sql.bind(format!("%{}%", escape_like(search)));
            let matches = |column| format!("lower({column}) like lower({pattern}) escape '\\'");
            let columns = ["slug", "name", "coalesce(description, '')"].map(matches);
            conditions.push(format!("({})", columns.join(" or ")));
        }
        if let Some(target) = &filter.storage_target {
            let target = storage_target_find_in_txn(&self.reader, target).await?;
            conditions.push(match target {
                Some(target) => format!("default_storage_target_id = {}", sql.bind(target.id)),
                None => "false".to_owned(),
            });
        }
        Ok(conditions)
    }
}

/// Datasets with their heads and policies, where `condition` holds, and the revision of the storage targets.
fn select(condition: &str) -> String {
    format!(
        "select {}, {}, {}, storage.revision from timestore.datasets as dataset \
         left join timestore.dataset_heads as head on head.dataset_id = dataset.id \
         left join timestore.retention_policies as policy on policy.dataset_id = dataset.id \
         cross join (select (select revision from timestore.storage_revisions) as revision) as storage where {condition}",
        columns_of::<Dataset>("dataset"),
        columns_of::<DatasetHead>("head"),
        columns_of::<RetentionPolicy>("policy")
    )
}

fn escape_like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
