//! Schema versions: what the rows of a dataset look like.

use std::collections::HashMap;

use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde_json::json;
use timestore_entity::dataset::Model as Dataset;
use timestore_entity::dataset_head::{self, Model as DatasetHead};
use timestore_entity::enums::{ChangeKind, CompatibilityMode};
use timestore_entity::ids::DatasetId;
use timestore_entity::schema_version::{ActiveModel, Column, Entity, Field, Fields, Model as SchemaVersion};

use super::dataset::{dataset_find_with_head_lock_in_txn, dataset_not_found};
use super::faults::Faults;
use super::keyed::{DatasetList, pages_by_dataset, rows_by_number};
use super::trail::Trail;
use super::{Columns, DatasetRef, FaultKind, Page, Result, Rows, SchemaRef, Store};
use crate::auth::Requester;
use crate::model::checksum::schema_checksum;
use crate::model::compatibility::{Compatibility, CompatibilityKind, check_fields, compare};
use crate::store::backend::Transaction;

/// A schema version, by its key: the dataset and the version.
pub type SchemaVersionKey = (DatasetId, i32);

/// Fields that a dataset should have.
#[derive(Clone, Debug)]
pub struct SchemaVersionCreate {
    /// The dataset.
    pub dataset: DatasetRef,
    /// The fields.
    pub fields: Vec<Field>,
    /// What people should know about them.
    pub description: Option<String>,
    /// Only say what would happen.
    pub dry_run: bool,
}

/// What came of fields that were offered.
#[derive(Clone, Debug)]
pub struct SchemaVersionCreated {
    /// The schema version: a new one, or the one that already has the fields. None in a dry run that would make a new one.
    pub schema_version: Option<SchemaVersion>,
    /// How the fields compare with the newest ones before; none where there were none.
    pub compatibility: Option<Compatibility>,
}

/// What fields, or a version, come to under the lock of the head.
pub(super) enum Resolved {
    /// A version that exists.
    Existing(i32),
    /// Fields that become the next version.
    New(Vec<Field>),
}

impl Store {
    /// Gives a dataset a schema version with these fields; one that has them already is reused.
    pub async fn schema_version_create(
        &self,
        by: &Requester,
        input: SchemaVersionCreate,
    ) -> Result<SchemaVersionCreated> {
        let transaction = self.begin().await?;
        let mut faults = Faults::default();
        if let Some(description) = &input.description {
            faults.check(&["description"], crate::model::naming::description(description));
        }
        let found = dataset_find_with_head_lock_in_txn(&transaction, by, &input.dataset).await?;
        let Some((dataset, mut head)) = found else {
            faults.push(dataset_not_found(&input.dataset));
            check_schema_fields(&input.fields, &["fields"], &mut faults);
            return Err(faults.into_inner().into());
        };
        let newest = version_in_txn(&transaction, dataset.id, head.latest_schema_version).await?;
        let compatibility = newest.map(|newest| compare(&newest.fields.0, &input.fields));
        let (newest, fields) = (head.latest_schema_version, SchemaRef::Fields(input.fields));
        let resolved = resolve_in_txn(
            &transaction,
            &dataset,
            newest,
            Some(&fields),
            &mut faults,
            &["fields"],
        )
        .await?;
        faults.finish()?;
        let schema_version = match resolved {
            Some(Resolved::Existing(version)) => version_in_txn(&transaction, dataset.id, version).await?,
            Some(Resolved::New(fields)) if !input.dry_run => {
                let created = self
                    .insert_in_txn(&transaction, by, &dataset, &mut head, fields, input.description)
                    .await?;
                let head = dataset_head::ActiveModel {
                    dataset_id: Set(dataset.id),
                    latest_schema_version: Set(head.latest_schema_version),
                    ..Default::default()
                };
                head.update(&transaction).await?;
                transaction.commit().await?;
                Some(created)
            }
            _ => None,
        };
        Ok(SchemaVersionCreated {
            schema_version,
            compatibility,
        })
    }

    /// Inserts the next schema version and counts it in `head`, which the caller writes.
    pub(super) async fn insert_in_txn(
        &self,
        transaction: &Transaction,
        by: &Requester,
        dataset: &Dataset,
        head: &mut DatasetHead,
        fields: Vec<Field>,
        description: Option<String>,
    ) -> Result<SchemaVersion> {
        head.latest_schema_version += 1;
        let now = self.clock.now();
        let created = SchemaVersion {
            dataset_id: dataset.id,
            version: head.latest_schema_version,
            checksum: schema_checksum(&fields),
            fields: Fields(fields),
            description,
            created_by: by.subject.clone(),
            created_at: now,
        };
        Entity::insert(ActiveModel::from(created.clone()))
            .exec_without_returning(transaction)
            .await?;
        let trail = Trail {
            action: "createSchemaVersion",
            kind: ChangeKind::SchemaVersionCreated,
            dataset: Some(dataset),
            version: None,
            detail: json!({ "schemaVersion": created.version, "checksum": created.checksum }),
        };
        self.trail_in_txn(transaction, by, now, trail).await?;
        Ok(created)
    }

    /// The schema versions with these keys.
    pub async fn schema_versions_by_key(
        &self,
        keys: &[SchemaVersionKey],
    ) -> Result<HashMap<SchemaVersionKey, SchemaVersion>> {
        let rows: Vec<SchemaVersion> =
            rows_by_number(&self.reader, "schema_versions", "version", keys).await?;
        Ok(rows
            .into_iter()
            .map(|row| ((row.dataset_id, row.version), row))
            .collect())
    }

    /// The same page of each dataset's schema versions, newest first, with these columns.
    pub async fn schema_version_pages(
        &self,
        ids: &[DatasetId],
        page: &Page<i32>,
        columns: Columns,
    ) -> Result<HashMap<DatasetId, Rows<SchemaVersion>>> {
        let columns = columns.or(Columns::named::<SchemaVersion>(&["dataset_id"]));
        let list = DatasetList {
            table: "schema_versions",
            key: "version",
            descending: true,
        };
        pages_by_dataset(&self.reader, &list, ids, page, columns, |row: &SchemaVersion| {
            (row.dataset_id, row.version)
        })
        .await
    }
}

/// What `schema` comes to: the newest version, which is the `newest` of the dataset, where none is named, an earlier one with equal
/// fields, or fields that the dataset's mode allows to follow. Faults are added at `path`.
pub(super) async fn resolve_in_txn(
    connection: &impl ConnectionTrait,
    dataset: &Dataset,
    newest: i32,
    schema: Option<&SchemaRef>,
    faults: &mut Faults,
    path: &[&str],
) -> Result<Option<Resolved>> {
    match schema {
        None => Ok((newest > 0).then_some(Resolved::Existing(newest))),
        Some(SchemaRef::Version(version)) if (1..=newest).contains(version) => {
            Ok(Some(Resolved::Existing(*version)))
        }
        Some(SchemaRef::Version(version)) => {
            let message = format!("the dataset has no schema version {version}");
            faults.add(path, FaultKind::NotFound, message);
            Ok(None)
        }
        Some(SchemaRef::Fields(fields)) => {
            resolve_fields_in_txn(connection, dataset, newest, fields, faults, path).await
        }
    }
}

/// Whether fields can be those of a schema version; adds why not at `path`.
pub(super) fn check_schema_fields(fields: &[Field], path: &[&str], faults: &mut Faults) -> bool {
    if fields.is_empty() {
        faults.invalid(path, "expected at least one field");
        return false;
    }
    let wrong = check_fields(fields);
    let sound = wrong.is_empty();
    for (index, field, message) in wrong {
        faults.invalid(&[path, &[&index.to_string(), field]].concat(), message);
    }
    sound
}

async fn resolve_fields_in_txn(
    connection: &impl ConnectionTrait,
    dataset: &Dataset,
    newest: i32,
    fields: &[Field],
    faults: &mut Faults,
    path: &[&str],
) -> Result<Option<Resolved>> {
    if !check_schema_fields(fields, path, faults) {
        return Ok(None);
    }
    let same = Column::Checksum.eq(schema_checksum(fields));
    let same = Entity::find()
        .filter(Column::DatasetId.eq(dataset.id))
        .filter(same)
        .one(connection)
        .await?;
    if let Some(same) = same {
        return Ok(Some(Resolved::Existing(same.version)));
    }
    if let Some(newest) = version_in_txn(connection, dataset.id, newest).await? {
        let compatibility = compare(&newest.fields.0, fields);
        if compatibility.kind == CompatibilityKind::Breaking
            && dataset.compatibility == CompatibilityMode::Additive
        {
            let message = format!("the fields cannot follow schema version {}", newest.version);
            let Compatibility { reasons, plan, .. } = compatibility;
            faults.add(path, FaultKind::SchemaIncompatible { reasons, plan }, message);
            return Ok(None);
        }
    }
    Ok(Some(Resolved::New(fields.to_vec())))
}

async fn version_in_txn(
    connection: &impl ConnectionTrait,
    id: DatasetId,
    version: i32,
) -> Result<Option<SchemaVersion>> {
    Ok(Entity::find_by_id((id, version)).one(connection).await?)
}
