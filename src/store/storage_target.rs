//! Storage targets: where files lie.

use std::collections::HashMap;

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde_json::{Value as Json, json};
use timestore_entity::dataset::Model as Dataset;
use timestore_entity::enums::{ChangeKind, StorageKind};
use timestore_entity::ids::StorageTargetId;
use timestore_entity::storage_target::{ActiveModel, Column, Entity, Model as StorageTarget};

use super::access::check_holds;
use super::backend::{Sql, Transaction};
use super::faults::Faults;
use super::keyed::rows_by;
use super::trail::Trail;
use super::{Fault, FaultKind, Page, Result, Rows, StorageTargetRef, Store, StoreError, backend};
use crate::auth::{Requester, Scope};
use crate::model::naming;

/// What a storage target should be.
#[derive(Clone, Debug)]
pub struct StorageTargetUpsert {
    /// The target to change: this one, else the one with the name, else a new one.
    pub id: Option<StorageTargetRef>,
    /// Its name.
    pub name: String,
    /// What kind of storage it is.
    pub kind: StorageKind,
    /// The URI that file paths are relative to.
    pub base_uri: String,
    /// What people should know about it.
    pub description: Option<String>,
    /// Settings for clients; never a secret.
    pub config: Option<Json>,
}

impl Store {
    /// Creates a storage target, or brings the one with the same id or name to what is asked. Whoever may do so says which places
    /// the gateway deletes files at, and to which hosts it shows its credentials: an admin.
    pub async fn storage_target_upsert(
        &self,
        by: &Requester,
        input: StorageTargetUpsert,
    ) -> Result<StorageTarget> {
        check_holds(by, Scope::Admin)?;
        let input = self.checked(input).await?;
        match self.storage_target_upsert_once(by, &input).await {
            // Someone else has just created it; now it can be brought to what is asked.
            Err(StoreError::Database(error)) if backend::violates(&error, backend::STORAGE_TARGET_NAME) => {
                self.storage_target_upsert_once(by, &input).await
            }
            result => result,
        }
    }

    async fn storage_target_upsert_once(
        &self,
        by: &Requester,
        input: &StorageTargetUpsert,
    ) -> Result<StorageTarget> {
        let transaction = self.begin().await?;
        let named = find_by_name(&transaction, &input.name).await?;
        let existing = match &input.id {
            None => named,
            Some(id) => {
                let existing = storage_target_find_in_txn(&transaction, id).await?;
                let existing = existing.ok_or_else(|| {
                    Fault::not_found(&["id"], "expected the id of an existing storage target")
                })?;
                if named.is_some_and(|named| named.id != existing.id) {
                    let message = format!("another storage target is called {:?}", input.name);
                    return Err(Fault::new(&["name"], FaultKind::AlreadyExists, message).into());
                }
                Some(existing)
            }
        };
        if let Some(existing) = existing.as_ref().filter(|existing| is_as_asked(existing, input)) {
            return Ok(existing.clone());
        }
        let now = self.clock.now();
        let mut row = ActiveModel {
            name: Set(input.name.clone()),
            kind: Set(input.kind),
            base_uri: Set(input.base_uri.clone()),
            place: Set(Some(place(input))),
            description: Set(input.description.clone()),
            config: Set(input.config.clone().unwrap_or_default()),
            updated_at: Set(now),
            ..Default::default()
        };
        let target = match existing {
            Some(existing) => {
                row.id = Unchanged(existing.id);
                row.update(&transaction).await?
            }
            None => {
                row.id = Set(StorageTargetId(self.clock.id()));
                row.created_at = Set(now);
                row.insert(&transaction).await?
            }
        };
        let trail = Trail {
            action: "upsertStorageTarget",
            kind: ChangeKind::StorageTargetUpserted,
            dataset: None,
            version: None,
            detail: json!({ "name": target.name, "kind": target.kind.as_str().to_uppercase(), "baseUri": target.base_uri }),
        };
        self.trail_in_txn(&transaction, by, now, trail).await?;
        let revised = "update timestore.storage_revisions set revision = revision + 1".to_owned();
        Sql::new(&transaction).execute(&transaction, revised).await?;
        transaction.commit().await?;
        Ok(target)
    }

    /// The target that `target` names, if there is one.
    pub async fn storage_target_find(&self, target: &StorageTargetRef) -> Result<Option<StorageTarget>> {
        if !self.viewer.holds(Scope::Read) {
            return Ok(None);
        }
        storage_target_find_in_txn(&self.reader, target).await
    }

    /// The targets with these ids.
    pub async fn storage_targets_by_id(
        &self,
        ids: &[StorageTargetId],
    ) -> Result<HashMap<StorageTargetId, StorageTarget>> {
        let mut found = self.targets.find(ids);
        let others = ids.iter().filter(|id| !found.contains_key(id)).map(|id| id.0);
        let others: Vec<StorageTarget> = rows_by(&self.reader, "storage_targets", "id", others).await?;
        self.targets.keep(&others);
        found.extend(others.into_iter().map(|target| (target.id, target)));
        Ok(found)
    }

    /// A page of all targets, by name.
    pub async fn storage_target_page(
        &self,
        kind: Option<StorageKind>,
        page: &Page<String>,
    ) -> Result<Rows<StorageTarget>> {
        check_holds(&self.viewer, Scope::Read)?;
        let mut select = Entity::find().limit(u64::from(page.limit) + 1);
        if let Some(kind) = kind {
            select = select.filter(Column::Kind.eq(kind));
        }
        if let Some(after) = &page.after {
            select = select.filter(Column::Name.gt(after));
        }
        if let Some(before) = &page.before {
            select = select.filter(Column::Name.lt(before));
        }
        let order = if page.backwards {
            sea_orm::Order::Desc
        } else {
            sea_orm::Order::Asc
        };
        let rows = select.order_by(Column::Name, order).all(&self.reader).await?;
        Ok(Rows::from_query(page, rows))
    }

    /// How many targets there are.
    pub async fn storage_target_count(&self, kind: Option<StorageKind>) -> Result<u64> {
        check_holds(&self.viewer, Scope::Read)?;
        let mut select = Entity::find();
        if let Some(kind) = kind {
            select = select.filter(Column::Kind.eq(kind));
        }
        Ok(select.count(&self.reader).await?)
    }
}

/// The target that `target` names, as `connection` sees it.
pub(super) async fn storage_target_find_in_txn(
    connection: &impl ConnectionTrait,
    target: &StorageTargetRef,
) -> Result<Option<StorageTarget>> {
    Ok(match target {
        StorageTargetRef::Id(id) => Entity::find_by_id(*id).one(connection).await?,
        StorageTargetRef::Name(name) if naming::target_name(name).is_err() => None,
        StorageTargetRef::Name(name) => {
            Entity::find()
                .filter(Column::Name.eq(name))
                .one(connection)
                .await?
        }
        StorageTargetRef::Unknown(_) => None,
    })
}

/// The target that `target` names, where `by` may use it for `dataset`. To those who may not read the storage targets, only those are
/// there that the dataset has: its default one, the one of its policy, and those that its files lie on. Says so in one statement,
/// whatever there is.
pub(super) async fn storage_target_find_to_use_in_txn(
    connection: &impl ConnectionTrait,
    by: &Requester,
    dataset: &Dataset,
    target: &StorageTargetRef,
) -> Result<Option<StorageTarget>> {
    if by.holds(Scope::Read) {
        return storage_target_find_in_txn(connection, target).await;
    }
    let mut sql = Sql::new(connection);
    let named = match target {
        StorageTargetRef::Id(id) => format!("t.id = {}", sql.bind(*id)),
        StorageTargetRef::Name(name) if naming::target_name(name).is_err() => return Ok(None),
        StorageTargetRef::Name(name) => format!("t.name = {}", sql.bind(name.as_str())),
        StorageTargetRef::Unknown(_) => return Ok(None),
    };
    let dataset = sql.bind(dataset.id);
    let text = format!(
        "select t.* from timestore.storage_targets as t where {named} \
         and (t.id = (select d.default_storage_target_id from timestore.datasets as d where d.id = {dataset}) \
         or t.id = (select r.cold_storage_target_id from timestore.retention_policies as r where r.dataset_id = {dataset}) \
         or exists (select 1 from timestore.partitions as p \
         where p.dataset_id = {dataset} and p.storage_target_id = t.id and p.removed_version is null))"
    );
    Ok(sql.one(connection, text).await?)
}

async fn find_by_name(transaction: &Transaction, name: &str) -> Result<Option<StorageTarget>> {
    Ok(Entity::find()
        .filter(Column::Name.eq(name))
        .lock_exclusive()
        .one(transaction)
        .await?)
}

fn is_as_asked(target: &StorageTarget, input: &StorageTargetUpsert) -> bool {
    target.name == input.name
        && target.kind == input.kind
        && target.base_uri == input.base_uri
        && target.description == input.description
        && Some(&target.config) == input.config.as_ref()
        && target.place == Some(place(input))
}

fn place(input: &StorageTargetUpsert) -> String {
    let config = input.config.as_ref().unwrap_or(&Json::Null);
    naming::place(input.kind, &input.base_uri, config)
}

impl Store {
    /// The input as it is written; refuses what is wrong with it.
    async fn checked(&self, input: StorageTargetUpsert) -> Result<StorageTargetUpsert> {
        let mut faults = Faults::default();
        if let Some(id) = &input.id
            && storage_target_find_in_txn(&self.reader, id).await?.is_none()
        {
            faults.push(Fault::not_found(
                &["id"],
                "expected the id of an existing storage target",
            ));
        }
        let input = normalised(input, &mut faults);
        faults.finish()?;
        Ok(input)
    }
}

fn normalised(input: StorageTargetUpsert, faults: &mut Faults) -> StorageTargetUpsert {
    let name = faults.check(&["name"], naming::target_name(&input.name));
    let base_uri = faults.check(&["baseUri"], naming::base_uri(input.kind, &input.base_uri));
    if let Some(description) = &input.description {
        faults.check(&["description"], naming::description(description));
    }
    let config = faults.object(&["config"], input.config);
    for secret in naming::config_secrets(&config) {
        let message = format!("{secret} looks like a secret; name where the secret is kept instead");
        faults.invalid(&["config"], message);
    }
    StorageTargetUpsert {
        id: input.id,
        name: name.unwrap_or_default(),
        kind: input.kind,
        base_uri: base_uri.unwrap_or_default(),
        description: input.description,
        config: Some(config),
    }
}
