//! Datasets, written: created, changed and archived. Publishing never comes here.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect};
use serde_json::{Value as Json, json};
use timestore_entity::dataset::{ActiveModel, Column, Entity, Model as Dataset};
use timestore_entity::enums::{ChangeKind, CompatibilityMode, DatasetStatus, FileFormat};
use timestore_entity::ids::{DatasetId, StorageTargetId};
use timestore_entity::{Timestamp, dataset_head};

use super::dataset::{dataset_find_in_txn, dataset_not_found};
use super::faults::Faults;
use super::storage_target::storage_target_find_in_txn;
use super::trail::Trail;
use super::{DatasetRef, Fault, FaultKind, Result, StorageTargetRef, Store, StoreError, backend};
use crate::auth::Requester;
use crate::model::naming;

/// How many scopes a dataset may name for reading, or for writing.
const MAX_SCOPES: usize = 100;

/// A dataset to create.
#[derive(Clone, Debug)]
pub struct DatasetCreate {
    /// Its slug, unique, in any case.
    pub slug: String,
    /// Its display name.
    pub name: String,
    /// What people should know about it.
    pub description: Option<String>,
    /// The format that writers should use.
    pub write_format: FileFormat,
    /// The target of partitions that name none.
    pub default_storage_target: Option<StorageTargetRef>,
    /// Which changes of the fields it accepts.
    pub compatibility: CompatibilityMode,
    /// Scopes that may read it.
    pub read_scopes: Option<Vec<String>>,
    /// Scopes that may write it.
    pub write_scopes: Option<Vec<String>>,
    /// Free metadata, an object.
    pub metadata: Option<Json>,
}

/// Changes to a dataset. `None` leaves a value as it is, `Some(None)` clears it.
#[derive(Clone, Debug)]
pub struct DatasetUpdate {
    /// The dataset.
    pub dataset: DatasetRef,
    /// The revision that the caller has seen.
    pub expected_revision: Option<i32>,
    /// Its display name.
    pub name: Option<String>,
    /// What people should know about it.
    pub description: Option<Option<String>>,
    /// Whether it takes publishes.
    pub status: Option<DatasetStatus>,
    /// The target of partitions that name none.
    pub default_storage_target: Option<Option<StorageTargetRef>>,
    /// Which changes of the fields it accepts.
    pub compatibility: Option<CompatibilityMode>,
    /// Scopes that may read it.
    pub read_scopes: Option<Option<Vec<String>>>,
    /// Scopes that may write it.
    pub write_scopes: Option<Option<Vec<String>>>,
    /// Merged by top-level key; a null value deletes the key. `Some(None)` clears all.
    pub metadata: Option<Option<Json>>,
}

impl Store {
    /// Creates a dataset. Creating it again with equal fields returns it.
    pub async fn dataset_create(&self, by: &Requester, input: DatasetCreate) -> Result<Dataset> {
        match self.dataset_create_once(by, &input).await {
            // Someone else has just created it; now it can be compared.
            Err(StoreError::Database(error)) if backend::violates(&error, backend::DATASET_SLUG) => {
                self.dataset_create_once(by, &input).await
            }
            result => result,
        }
    }

    async fn dataset_create_once(&self, by: &Requester, input: &DatasetCreate) -> Result<Dataset> {
        let transaction = self.begin().await?;
        let mut faults = Faults::default();
        let slug = faults
            .check(&["slug"], naming::slug(&input.slug))
            .unwrap_or_default();
        let name = faults
            .check(&["name"], naming::display_name(&input.name))
            .unwrap_or_default();
        check_description(&mut faults, input.description.as_deref());
        let target =
            target_id_in_txn(&transaction, &mut faults, input.default_storage_target.as_ref()).await?;
        check_scopes(&mut faults, "readScopes", input.read_scopes.as_deref());
        check_scopes(&mut faults, "writeScopes", input.write_scopes.as_deref());
        let metadata = faults.object(&["metadata"], input.metadata.clone());
        faults.finish()?;

        let now = self.clock.now();
        let dataset = Dataset {
            id: DatasetId(self.clock.id()),
            slug,
            name,
            description: input.description.clone(),
            status: DatasetStatus::Active,
            write_format: input.write_format,
            default_storage_target_id: target,
            compatibility: input.compatibility,
            read_scopes: input.read_scopes.as_ref().map(|scopes| json!(scopes)),
            write_scopes: input.write_scopes.as_ref().map(|scopes| json!(scopes)),
            metadata,
            revision: 1,
            archive_reason: None,
            created_at: now,
            updated_at: now,
        };
        if let Some(existing) = Entity::find()
            .filter(Column::Slug.eq(&dataset.slug))
            .one(&transaction)
            .await?
        {
            return same_or_refused(existing, &dataset);
        }
        Entity::insert(ActiveModel::from(dataset.clone()))
            .exec_without_returning(&transaction)
            .await?;
        dataset_head::Entity::insert(first_head(dataset.id))
            .exec_without_returning(&transaction)
            .await?;
        let trail = Trail {
            action: "createDataset",
            kind: ChangeKind::DatasetCreated,
            dataset: Some(&dataset),
            version: None,
            detail: json!({ "slug": dataset.slug, "name": dataset.name }),
        };
        self.trail_in_txn(&transaction, by, now, trail).await?;
        transaction.commit().await?;
        Ok(dataset)
    }

    /// Changes a dataset. What is already as asked makes no new revision.
    pub async fn dataset_update(&self, by: &Requester, input: DatasetUpdate) -> Result<Dataset> {
        let transaction = self.begin().await?;
        let Some(before) = lock_in_txn(&transaction, &input.dataset).await? else {
            let mut faults = Faults::default();
            faults.push(dataset_not_found(&input.dataset));
            updated_in_txn(
                &transaction,
                &unknown(),
                DatasetUpdate {
                    expected_revision: None,
                    ..input
                },
                &mut faults,
            )
            .await?;
            return Err(faults.into_inner().into());
        };
        let mut faults = Faults::default();
        let after = updated_in_txn(&transaction, &before, input, &mut faults).await?;
        faults.finish()?;
        self.save_in_txn(
            transaction,
            by,
            before,
            after,
            "updateDataset",
            ChangeKind::DatasetUpdated,
        )
        .await
    }

    /// Archives a dataset; archiving it again changes nothing.
    pub async fn dataset_archive(
        &self,
        by: &Requester,
        dataset: &DatasetRef,
        reason: Option<String>,
    ) -> Result<Dataset> {
        let mut faults = Faults::default();
        if let Some(reason) = &reason {
            faults.check(&["reason"], naming::description(reason));
        }
        faults.finish()?;
        let transaction = self.begin().await?;
        let before = lock_in_txn(&transaction, dataset)
            .await?
            .ok_or_else(|| dataset_not_found(dataset))?;
        if before.status == DatasetStatus::Inactive {
            return Ok(before);
        }
        let after = Dataset {
            status: DatasetStatus::Inactive,
            archive_reason: reason,
            ..before.clone()
        };
        self.save_in_txn(
            transaction,
            by,
            before,
            after,
            "archiveDataset",
            ChangeKind::DatasetArchived,
        )
        .await
    }

    /// Writes `after` over `before`, as its next revision, with its trail, and commits.
    async fn save_in_txn(
        &self,
        transaction: DatabaseTransaction,
        by: &Requester,
        before: Dataset,
        mut after: Dataset,
        action: &'static str,
        kind: ChangeKind,
    ) -> Result<Dataset> {
        if after == before {
            return Ok(before);
        }
        let now: Timestamp = self.clock.now().max(before.updated_at);
        after.revision += 1;
        after.updated_at = now;
        let detail = json!({ "slug": after.slug, "revision": after.revision, "changed": changed(&before, &after),
            "reason": after.archive_reason });
        let row = ActiveModel {
            slug: NotSet,
            created_at: NotSet,
            ..ActiveModel::from(after.clone()).reset_all()
        };
        row.update(&transaction).await?;
        let trail = Trail {
            action,
            kind,
            dataset: Some(&after),
            version: None,
            detail,
        };
        self.trail_in_txn(&transaction, by, now, trail).await?;
        transaction.commit().await?;
        Ok(after)
    }
}

/// The dataset that is named, locked until the end of the transaction.
async fn lock_in_txn(transaction: &DatabaseTransaction, dataset: &DatasetRef) -> Result<Option<Dataset>> {
    match dataset_find_in_txn(transaction, dataset).await? {
        Some(found) => Ok(Entity::find_by_id(found.id)
            .lock_exclusive()
            .one(transaction)
            .await?),
        None => Ok(None),
    }
}

/// `before` with the changes of `input`; adds what is wrong with them.
async fn updated_in_txn(
    transaction: &DatabaseTransaction,
    before: &Dataset,
    input: DatasetUpdate,
    faults: &mut Faults,
) -> Result<Dataset> {
    let mut after = before.clone();
    if input
        .expected_revision
        .is_some_and(|expected| expected != before.revision)
    {
        let kind = FaultKind::RevisionConflict {
            revision: before.revision,
        };
        faults.add(
            &["expectedRevision"],
            kind,
            format!("the dataset is at revision {}", before.revision),
        );
    }
    if let Some(name) = &input.name {
        after.name = faults
            .check(&["name"], naming::display_name(name))
            .unwrap_or_default();
    }
    if let Some(description) = input.description {
        check_description(faults, description.as_deref());
        after.description = description;
    }
    if let Some(status) = input.status {
        after.status = status;
        if status == DatasetStatus::Active {
            after.archive_reason = None;
        }
    }
    if let Some(target) = input.default_storage_target {
        after.default_storage_target_id = target_id_in_txn(transaction, faults, target.as_ref()).await?;
    }
    if let Some(compatibility) = input.compatibility {
        after.compatibility = compatibility;
    }
    if let Some(scopes) = input.read_scopes {
        check_scopes(faults, "readScopes", scopes.as_deref());
        after.read_scopes = scopes.map(|scopes| json!(scopes));
    }
    if let Some(scopes) = input.write_scopes {
        check_scopes(faults, "writeScopes", scopes.as_deref());
        after.write_scopes = scopes.map(|scopes| json!(scopes));
    }
    if let Some(metadata) = input.metadata {
        after.metadata = faults.object(
            &["metadata"],
            metadata.map(|changes| merged(&before.metadata, changes)),
        );
    }
    Ok(after)
}

/// Stands in for a dataset that is not there, so that what else is wrong with a request can be said too.
fn unknown() -> Dataset {
    Dataset {
        id: DatasetId(uuid::Uuid::nil()),
        slug: String::new(),
        name: String::new(),
        description: None,
        status: DatasetStatus::Active,
        write_format: FileFormat::Parquet,
        default_storage_target_id: None,
        compatibility: CompatibilityMode::Additive,
        read_scopes: None,
        write_scopes: None,
        metadata: json!({}),
        revision: 0,
        archive_reason: None,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    }
}

/// `changes` laid over `base` by top-level key; null deletes the key. What is no object replaces all, to be refused later.
fn merged(base: &Json, changes: Json) -> Json {
    let (Json::Object(base), Json::Object(changes)) = (base, &changes) else {
        return changes;
    };
    let mut merged = base.clone();
    for (key, value) in changes {
        if value.is_null() {
            merged.remove(key);
        } else {
            merged.insert(key.clone(), value.clone());
        }
    }
    Json::Object(merged)
}

fn same_or_refused(existing: Dataset, asked: &Dataset) -> Result<Dataset> {
    let differing = changed(
        &existing,
        &Dataset {
            status: existing.status,
            ..asked.clone()
        },
    );
    if differing.is_empty() {
        return Ok(existing);
    }
    let message = format!("the dataset exists; it differs in {}", differing.join(", "));
    Err(Fault::new(&["slug"], FaultKind::AlreadyExists, message).into())
}

/// What people configure and the two differ in, by its name in the API.
fn changed(a: &Dataset, b: &Dataset) -> Vec<&'static str> {
    let fields = [
        ("name", a.name != b.name),
        ("description", a.description != b.description),
        ("status", a.status != b.status),
        ("writeFormat", a.write_format != b.write_format),
        (
            "defaultStorageTarget",
            a.default_storage_target_id != b.default_storage_target_id,
        ),
        ("compatibility", a.compatibility != b.compatibility),
        ("readScopes", a.read_scopes != b.read_scopes),
        ("writeScopes", a.write_scopes != b.write_scopes),
        ("metadata", a.metadata != b.metadata),
    ];
    fields
        .into_iter()
        .filter_map(|(name, differs)| differs.then_some(name))
        .collect()
}

fn first_head(dataset_id: DatasetId) -> dataset_head::ActiveModel {
    dataset_head::ActiveModel {
        dataset_id: Set(dataset_id),
        latest_version: Set(0),
        latest_schema_version: Set(0),
        partition_count: Set(0),
        total_rows: Set(0),
        total_bytes: Set(0),
        start_time: Set(None),
        end_time: Set(None),
        span_classes: Set(0),
        last_published_at: Set(None),
    }
}

fn check_description(faults: &mut Faults, description: Option<&str>) {
    if let Some(description) = description {
        faults.check(&["description"], naming::description(description));
    }
}

fn check_scopes(faults: &mut Faults, field: &str, scopes: Option<&[String]>) {
    if scopes.is_some_and(|scopes| scopes.len() > MAX_SCOPES) {
        return faults.invalid(&[field], format!("expected at most {MAX_SCOPES} scopes"));
    }
    for (index, scope) in scopes.unwrap_or_default().iter().enumerate() {
        faults.check(&[field, &index.to_string()], naming::scope(scope));
    }
}

async fn target_id_in_txn(
    transaction: &DatabaseTransaction,
    faults: &mut Faults,
    target: Option<&StorageTargetRef>,
) -> Result<Option<StorageTargetId>> {
    let Some(target) = target else { return Ok(None) };
    let found = storage_target_find_in_txn(transaction, target).await?;
    if found.is_none() {
        faults.push(Fault::not_found(
            &["defaultStorageTarget"],
            "expected an existing storage target",
        ));
    }
    Ok(found.map(|target| target.id))
}
