//! Datasets and their heads: read and locked here; created, changed and deleted in a file each.
//!
//! Whoever locks more than one row of a dataset does so in this order: the dataset, its drafts by id, its head. What is found
//! and then locked may have been deleted in between, and is not found then.

mod create;
mod delete;
mod fields;
mod update;

use std::collections::HashMap;

use sea_orm::sea_query::LockType;
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect};
use timestore_entity::dataset::{Column, Entity, Model as Dataset};
use timestore_entity::dataset_head::{self, Model as DatasetHead};
use timestore_entity::enums::DatasetStatus;
use timestore_entity::ids::DatasetId;

pub use create::DatasetCreate;
pub use delete::{DatasetDelete, DatasetDeleted};
pub use update::DatasetUpdate;

use super::access::{check_writes, own_scopes, readable};
use super::backend::Sql;
use super::storage_target::storage_target_find_in_txn;
use super::{DatasetRef, Fault, Page, Result, Rows, StorageTargetRef, Store};
use crate::auth::Requester;
use crate::model::naming;

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
    /// The dataset that `dataset` names, if there is one.
    pub async fn dataset_find(&self, dataset: &DatasetRef) -> Result<Option<Dataset>> {
        dataset_find_in_txn(&self.reader, &self.viewer, dataset).await
    }

    /// The datasets with these ids.
    pub async fn datasets_by_id(&self, ids: &[DatasetId]) -> Result<HashMap<DatasetId, Dataset>> {
        let mut datasets = datasets_by_id_in_txn(&self.reader, ids).await?;
        datasets.retain(|_, dataset| self.viewer.may_read(own_scopes(dataset)));
        Ok(datasets)
    }

    /// The datasets with these slugs, in lower case.
    pub async fn datasets_by_slug(&self, slugs: &[String]) -> Result<HashMap<String, Dataset>> {
        let select = Entity::find().filter(Column::Slug.is_in(slugs));
        let datasets = select.all(&self.reader).await?.into_iter();
        let seen = datasets.filter(|dataset| self.viewer.may_read(own_scopes(dataset)));
        Ok(seen.map(|dataset| (dataset.slug.clone(), dataset)).collect())
    }

    /// The heads of these datasets.
    pub async fn dataset_heads(&self, ids: &[DatasetId]) -> Result<HashMap<DatasetId, DatasetHead>> {
        let select = dataset_head::Entity::find();
        let heads = select
            .filter(dataset_head::Column::DatasetId.is_in(ids.iter().copied()))
            .all(&self.reader)
            .await?;
        Ok(heads.into_iter().map(|head| (head.dataset_id, head)).collect())
    }

    /// A page of the datasets that `filter` lets through, by slug, ascending, or descending where asked.
    pub async fn dataset_page(
        &self,
        filter: &DatasetFilter,
        descending: bool,
        page: &Page<String>,
    ) -> Result<Rows<Dataset>> {
        let mut sql = Sql::new(&self.reader);
        let mut conditions = self.conditions(filter, &mut sql).await?;
        let keyset = page.keyset(&mut sql, "slug", descending);
        conditions.extend(keyset.conditions);
        let text = format!(
            "select * from timestore.datasets where {} {}",
            conditions.join(" and "),
            keyset.order
        );
        Ok(Rows::from_query(page, sql.all(&self.reader, text).await?))
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

/// The datasets with these ids, whoever may read them, as `connection` sees them.
pub(super) async fn datasets_by_id_in_txn(
    connection: &impl ConnectionTrait,
    ids: &[DatasetId],
) -> Result<HashMap<DatasetId, Dataset>> {
    let datasets = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .all(connection)
        .await?;
    Ok(datasets
        .into_iter()
        .map(|dataset| (dataset.id, dataset))
        .collect())
}

/// The dataset that `dataset` names, where there is one that `by` may read, as `connection` sees it.
pub(super) async fn dataset_find_in_txn(
    connection: &impl ConnectionTrait,
    by: &Requester,
    dataset: &DatasetRef,
) -> Result<Option<Dataset>> {
    let found = match dataset {
        DatasetRef::Id(id) => Entity::find_by_id(*id).one(connection).await?,
        DatasetRef::Slug(slug) => match naming::slug(slug) {
            Ok(slug) => {
                Entity::find()
                    .filter(Column::Slug.eq(slug))
                    .one(connection)
                    .await?
            }
            Err(_) => None,
        },
        DatasetRef::Unknown(_) => None,
    };
    Ok(found.filter(|found| by.may_read(own_scopes(found))))
}

/// The dataset that a mutation of `by` names, where there is one that they may read; refuses where they may not write it.
pub(super) async fn dataset_find_to_write_in_txn(
    connection: &impl ConnectionTrait,
    by: &Requester,
    dataset: &DatasetRef,
) -> Result<Option<Dataset>> {
    let found = dataset_find_in_txn(connection, by, dataset).await?;
    if let Some(found) = &found {
        check_writes(by, found)?;
    }
    Ok(found)
}

/// A condition on rows that outlive their datasets: they are of the one that is named, which may be gone when it is named by id.
pub(super) async fn of_dataset(
    connection: &impl ConnectionTrait,
    by: &Requester,
    dataset: &DatasetRef,
    sql: &mut Sql,
) -> Result<String> {
    let id = match dataset {
        DatasetRef::Id(id) => Some(*id),
        other => dataset_find_in_txn(connection, by, other)
            .await?
            .map(|found| found.id),
    };
    Ok(id.map_or("false".to_owned(), |id| format!("dataset_id = {}", sql.bind(id))))
}

/// The dataset that a mutation of `by` names at `dataset`, and must exist.
pub(super) async fn dataset_get_in_txn(
    connection: &impl ConnectionTrait,
    by: &Requester,
    dataset: &DatasetRef,
) -> Result<Dataset> {
    let found = dataset_find_to_write_in_txn(connection, by, dataset).await?;
    Ok(found.ok_or_else(|| dataset_not_found(dataset))?)
}

/// The dataset that a mutation of `by` names at `dataset`, and must exist, locked until the end of the transaction. No lock but
/// [`LockType::Update`] keeps publishers waiting.
pub(super) async fn dataset_lock_in_txn(
    transaction: &DatabaseTransaction,
    by: &Requester,
    dataset: &DatasetRef,
    lock: LockType,
) -> Result<Dataset> {
    let found = dataset_get_in_txn(transaction, by, dataset).await?;
    let locked = Entity::find_by_id(found.id).lock(lock).one(transaction).await?;
    Ok(locked.ok_or_else(|| dataset_not_found(dataset))?)
}

/// The fault of a mutation that names a dataset that is not there.
pub(super) fn dataset_not_found(dataset: &DatasetRef) -> Fault {
    match dataset {
        DatasetRef::Slug(slug) => {
            let message = format!(
                "no dataset has the slug {:?}",
                slug.chars().take(120).collect::<String>()
            );
            Fault::not_found(&["dataset", "slug"], message)
        }
        _ => Fault::not_found(&["dataset", "id"], "expected the id of an existing dataset"),
    }
}

/// The head of a dataset that was there a moment ago, as `connection` sees it; not found where it has been deleted since.
pub(super) async fn head_get(connection: &impl ConnectionTrait, id: DatasetId) -> Result<DatasetHead> {
    let head = dataset_head::Entity::find_by_id(id).one(connection).await?;
    Ok(head.ok_or_else(|| dataset_not_found(&DatasetRef::Id(id)))?)
}

/// The head of a dataset, locked until the end of the transaction: publishers of the dataset queue here. None where the dataset
/// was deleted while they did.
pub(super) async fn head_lock_in_txn(
    transaction: &DatabaseTransaction,
    id: DatasetId,
) -> Result<Option<DatasetHead>> {
    let select = dataset_head::Entity::find_by_id(id).lock_exclusive();
    Ok(select.one(transaction).await?)
}

/// The dataset that a mutation of `by` names at `dataset`, and must exist, and its head, which is locked until the end of the
/// transaction.
pub(super) async fn dataset_get_with_head_lock_in_txn(
    transaction: &DatabaseTransaction,
    by: &Requester,
    dataset: &DatasetRef,
) -> Result<(Dataset, DatasetHead)> {
    let found = dataset_get_in_txn(transaction, by, dataset).await?;
    let head = head_lock_in_txn(transaction, found.id).await?;
    Ok((found, head.ok_or_else(|| dataset_not_found(dataset))?))
}

fn escape_like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
