//! Datasets, created.

use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value as Json, json};
use timestore_entity::dataset::{ActiveModel, Column, Entity, Model as Dataset};
use timestore_entity::dataset_head;
use timestore_entity::enums::{ChangeKind, CompatibilityMode, DatasetStatus, FileFormat};
use timestore_entity::ids::DatasetId;

use super::fields::{changed, check_description, check_scopes, target_id_in_txn};
use crate::auth::{Requester, Scope};
use crate::model::naming;
use crate::store::access::{check_holds, own_scopes};
use crate::store::faults::Faults;
use crate::store::trail::Trail;
use crate::store::{Fault, FaultKind, Result, StorageTargetRef, Store, StoreError, backend};

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

impl Store {
    /// Creates a dataset. Creating it again with equal fields returns it.
    pub async fn dataset_create(&self, by: &Requester, input: DatasetCreate) -> Result<Dataset> {
        let names_scopes = input.read_scopes.is_some() || input.write_scopes.is_some();
        check_holds(by, if names_scopes { Scope::Admin } else { Scope::Write })?;
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
        let target = target_id_in_txn(
            &transaction,
            by,
            None,
            input.default_storage_target.as_ref(),
            &mut faults,
        )
        .await?;
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
            return same_or_refused(by, existing, &dataset);
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
}

fn same_or_refused(by: &Requester, existing: Dataset, asked: &Dataset) -> Result<Dataset> {
    if !by.may_read(own_scopes(&existing)) {
        return Err(Fault::new(&["slug"], FaultKind::AlreadyExists, "the slug cannot be had").into());
    }
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
        history_revision: Set(0),
        key_names: Set(None),
    }
}
