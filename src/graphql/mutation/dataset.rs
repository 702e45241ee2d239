//! `createDataset`, `updateDataset` and `archiveDataset`.

use async_graphql::{Context, InputObject, MaybeUndefined, Object, Result, SimpleObject};

use crate::graphql::context::ContextExt;
use crate::graphql::dataset::Dataset;
use crate::graphql::enums::{CompatibilityMode, DatasetStatus, FileFormat};
use crate::graphql::reference::{DatasetRefInput, StorageTargetRefInput};
use crate::graphql::scalar::Json;
use crate::graphql::user_error::{UserError, settle};
use crate::store::dataset::{DatasetCreate, DatasetUpdate};
use crate::store::{self, Fault};

/// Mutations of datasets.
#[derive(Default)]
pub struct DatasetMutation;

#[Object]
impl DatasetMutation {
    /// Creates a dataset. Creating it again with equal fields returns it.
    async fn create_dataset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The dataset.")] input: CreateDatasetInput,
    ) -> Result<CreateDatasetPayload> {
        let create = input.into_store();
        let named = [store::DatasetRef::Slug(create.slug.clone())];
        let result = ctx.store().dataset_create(ctx.requester(), create).await;
        let (dataset, user_errors) = settle(ctx, &named, result.map(Dataset::from)).await?;
        Ok(CreateDatasetPayload { dataset, user_errors })
    }

    /// Changes a dataset.
    async fn update_dataset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The changes.")] input: UpdateDatasetInput,
    ) -> Result<UpdateDatasetPayload> {
        let named = [input.dataset.clone().into_store()];
        let result = match input.into_store() {
            Ok(update) => ctx.store().dataset_update(ctx.requester(), update).await,
            Err(refused) => Err(refused),
        };
        let (dataset, user_errors) = settle(ctx, &named, result.map(Dataset::from)).await?;
        Ok(UpdateDatasetPayload { dataset, user_errors })
    }

    /// Archives a dataset: it takes no publishes, and hides from lists unless asked for. Archiving it again changes nothing. To
    /// bring it back, set its status to `ACTIVE` with `updateDataset`.
    async fn archive_dataset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The dataset, and why.")] input: ArchiveDatasetInput,
    ) -> Result<ArchiveDatasetPayload> {
        let dataset = input.dataset.into_store();
        let result = ctx
            .store()
            .dataset_archive(ctx.requester(), &dataset, input.reason)
            .await;
        let (dataset, user_errors) = settle(ctx, &[dataset], result.map(Dataset::from)).await?;
        Ok(ArchiveDatasetPayload { dataset, user_errors })
    }
}

/// A dataset to create.
#[derive(Debug, InputObject)]
pub struct CreateDatasetInput {
    /// Its slug: 3 to 120 of `a-z`, `0-9`, `-`, `_` and `.`, unique in any case.
    pub slug: String,
    /// Its display name.
    pub name: String,
    /// What people should know about it.
    pub description: Option<String>,
    /// The format that writers should use, and that a file has when a publish names none.
    #[graphql(default_with = "Some(FileFormat::Parquet)")]
    pub write_format: Option<FileFormat>,
    /// The target of files when a publish names none.
    pub default_storage_target: Option<StorageTargetRefInput>,
    /// Which changes of its fields it accepts.
    #[graphql(default_with = "Some(CompatibilityMode::Additive)")]
    pub compatibility: Option<CompatibilityMode>,
    /// Scopes, any one of which lets a caller read it. When omitted, the global scope does.
    pub read_scopes: Option<Vec<String>>,
    /// Scopes, any one of which lets a caller write it. When omitted, the global scope does.
    pub write_scopes: Option<Vec<String>>,
    /// Free metadata, an object.
    pub metadata: Option<Json>,
}

/// Changes to a dataset. What is absent stays as it is, what is null is cleared.
#[derive(Debug, InputObject)]
pub struct UpdateDatasetInput {
    /// The dataset.
    pub dataset: DatasetRefInput,
    /// The revision that the dataset must be at. When omitted, the changes apply to whatever it is at.
    pub expected_revision: Option<i32>,
    /// Its display name. It cannot be cleared.
    pub name: MaybeUndefined<String>,
    /// What people should know about it.
    pub description: MaybeUndefined<String>,
    /// Whether it takes publishes. It cannot be cleared.
    pub status: MaybeUndefined<DatasetStatus>,
    /// The target of files when a publish names none.
    pub default_storage_target: MaybeUndefined<StorageTargetRefInput>,
    /// Which changes of its fields it accepts. It cannot be cleared.
    pub compatibility: MaybeUndefined<CompatibilityMode>,
    /// Scopes, any one of which lets a caller read it. Null: the global scope does.
    pub read_scopes: MaybeUndefined<Vec<String>>,
    /// Scopes, any one of which lets a caller write it. Null: the global scope does.
    pub write_scopes: MaybeUndefined<Vec<String>>,
    /// Free metadata, an object, merged with what is there by top-level key. A null value deletes its key; null deletes all.
    pub metadata: MaybeUndefined<Json>,
}

/// A dataset to archive.
#[derive(Debug, InputObject)]
pub struct ArchiveDatasetInput {
    /// The dataset.
    pub dataset: DatasetRefInput,
    /// Why, for people who come across it later.
    pub reason: Option<String>,
}

/// The dataset that was created.
#[derive(SimpleObject)]
pub struct CreateDatasetPayload {
    /// The dataset; null when the request was refused.
    pub dataset: Option<Dataset>,
    /// All that is wrong with the request. Nothing was changed when it is not empty.
    pub user_errors: Vec<UserError>,
}

/// The dataset as it is now.
#[derive(SimpleObject)]
pub struct UpdateDatasetPayload {
    /// The dataset; null when the request was refused.
    pub dataset: Option<Dataset>,
    /// All that is wrong with the request. Nothing was changed when it is not empty.
    pub user_errors: Vec<UserError>,
}

/// The dataset that was archived.
#[derive(SimpleObject)]
pub struct ArchiveDatasetPayload {
    /// The dataset; null when the request was refused.
    pub dataset: Option<Dataset>,
    /// All that is wrong with the request. Nothing was changed when it is not empty.
    pub user_errors: Vec<UserError>,
}

impl CreateDatasetInput {
    fn into_store(self) -> DatasetCreate {
        DatasetCreate {
            slug: self.slug,
            name: self.name,
            description: self.description,
            write_format: self.write_format.unwrap_or(FileFormat::Parquet).into(),
            default_storage_target: self.default_storage_target.map(StorageTargetRefInput::into_store),
            compatibility: self.compatibility.unwrap_or(CompatibilityMode::Additive).into(),
            read_scopes: self.read_scopes,
            write_scopes: self.write_scopes,
            metadata: self.metadata.map(|json| json.0),
        }
    }
}

impl UpdateDatasetInput {
    fn into_store(self) -> store::Result<DatasetUpdate> {
        let mut faults = Vec::new();
        let update = DatasetUpdate {
            dataset: self.dataset.into_store(),
            expected_revision: self.expected_revision,
            name: lasting("name", self.name, &mut faults),
            description: self.description.into(),
            status: lasting("status", self.status, &mut faults).map(Into::into),
            default_storage_target: self
                .default_storage_target
                .map_value(StorageTargetRefInput::into_store)
                .into(),
            compatibility: lasting("compatibility", self.compatibility, &mut faults).map(Into::into),
            read_scopes: self.read_scopes.into(),
            write_scopes: self.write_scopes.into(),
            metadata: self.metadata.map_value(|json| json.0).into(),
        };
        if faults.is_empty() {
            Ok(update)
        } else {
            Err(faults.into())
        }
    }
}

/// A value that may be absent, but not null.
fn lasting<T>(field: &str, value: MaybeUndefined<T>, faults: &mut Vec<Fault>) -> Option<T> {
    if value.is_null() {
        faults.push(Fault::invalid(
            &[field],
            "expected a value: this cannot be cleared",
        ));
    }
    value.take()
}
