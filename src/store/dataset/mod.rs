//! Datasets and their heads: found and locked here; read, created, changed and deleted in a file each.
//!
//! Whoever locks more than one row of a dataset does so in this order: the dataset, its drafts by id, its head. What is found
//! and then locked may have been deleted in between, and is not found then.

mod create;
mod delete;
mod fields;
mod read;
pub(super) mod together;
mod update;

use std::collections::HashMap;

use sea_orm::sea_query::LockType;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use timestore_entity::dataset::{Column, Entity, Model as Dataset};
use timestore_entity::dataset_head::{self, Model as DatasetHead};
use timestore_entity::ids::DatasetId;

pub use create::DatasetCreate;
pub use delete::{DatasetDelete, DatasetDeleted};
pub use read::{DatasetFilter, DatasetParts, DatasetState};
pub use update::DatasetUpdate;

use read::state_lock_in_txn;

use super::access::{check_writes, own_scopes, writable};
use super::backend::{Sql, Transaction};
use super::{DatasetRef, Fault, Result, Store};
use crate::auth::Requester;
use crate::model::naming;

impl Store {
    /// The dataset that `dataset` names, if there is one.
    pub async fn dataset_find(&self, dataset: &DatasetRef) -> Result<Option<Dataset>> {
        dataset_find_in_txn(&self.reader, &self.viewer, dataset).await
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
    transaction: &Transaction,
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
    transaction: &Transaction,
    id: DatasetId,
) -> Result<Option<DatasetHead>> {
    let select = dataset_head::Entity::find_by_id(id).lock_exclusive();
    Ok(select.one(transaction).await?)
}

/// The dataset that a mutation of `by` names at `dataset`, and must exist, and its head, which is locked until the end of the
/// transaction.
pub(super) async fn dataset_get_with_head_lock_in_txn(
    transaction: &Transaction,
    by: &Requester,
    dataset: &DatasetRef,
) -> Result<(Dataset, DatasetHead)> {
    let found = dataset_find_with_head_lock_in_txn(transaction, by, dataset).await?;
    Ok(found.ok_or_else(|| dataset_not_found(dataset))?)
}

/// The same, where there is such a dataset. Nobody waits for a head, or has others wait, without being allowed to write.
pub(super) async fn dataset_find_with_head_lock_in_txn(
    transaction: &Transaction,
    by: &Requester,
    dataset: &DatasetRef,
) -> Result<Option<(Dataset, DatasetHead)>> {
    let mut sql = Sql::new(transaction);
    let named = match dataset {
        DatasetRef::Id(id) => Some(format!("dataset.id = {}", sql.bind(*id))),
        DatasetRef::Slug(slug) => naming::slug(slug)
            .ok()
            .map(|slug| format!("dataset.slug = {}", sql.bind(slug))),
        DatasetRef::Unknown(_) => None,
    };
    let Some(named) = named else {
        return Ok(None);
    };
    let condition = format!("{named} and {}", writable(&mut sql, by));
    if let Some(found) = state_lock_in_txn(transaction, sql, &condition).await? {
        return Ok(Some(found));
    }
    // There is none, or it is not theirs to write.
    dataset_find_to_write_in_txn(transaction, by, dataset).await?;
    Ok(None)
}
