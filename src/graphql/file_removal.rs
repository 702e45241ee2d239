//! File removals: files that no version needs any more, on their way out.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object};
use timestore_entity::file_removal::Model;

use super::connection::{Connection, Count, Listed};
use super::context::ContextExt;
use super::dataset::Dataset;
use super::enums::{FileRemovalOutcome, FileRemovalState};
use super::error::Result;
use super::id::GlobalId;
use super::keys::{DatasetById, StorageTargetById};
use super::pagination::{List, MAX_LIMIT, PageArgs};
use super::plain::Plain;
use super::reference::{DatasetRefInput, StorageTargetRefInput};
use super::scalar::{BigInt, DateTime};
use super::storage_target::StorageTarget;
use crate::model::naming::join_uri;
use crate::store::file_removal::{self, FileRemovalFilter, FileRemovalKey};

/// A file that no version needs any more.
#[derive(Clone, Debug, PartialEq)]
pub struct FileRemoval {
    /// What the catalog knows of it.
    pub model: Model,
    /// Where it stands.
    pub state: file_removal::FileRemovalState,
}

impl From<(Model, file_removal::FileRemovalState)> for FileRemoval {
    fn from((model, state): (Model, file_removal::FileRemovalState)) -> Self {
        Self { model, state }
    }
}

impl Plain for FileRemoval {}

impl Listed for FileRemoval {
    const NAME: &'static str = "FileRemoval";
    type Position = FileRemovalKey;

    fn position(&self) -> FileRemovalKey {
        (self.model.dataset_id, self.model.partition_id)
    }
}

impl FileRemoval {
    async fn target(&self, ctx: &Context<'_>) -> Result<Arc<StorageTarget>> {
        ctx.loaders()
            .expect(StorageTargetById(self.model.storage_target_id))
            .await
    }
}

/// A file that no version needs any more. When its grace is over, a worker claims it, deletes it and says so.
#[Object]
impl FileRemoval {
    /// The global id.
    pub async fn id(&self) -> ID {
        GlobalId::FileRemoval(self.model.dataset_id, self.model.partition_id).encode()
    }

    /// The dataset that had the file; null when it is gone.
    async fn dataset(&self, ctx: &Context<'_>) -> Result<Option<Arc<Dataset>>> {
        ctx.loaders().load(DatasetById(self.model.dataset_id)).await
    }

    /// Where the file lies.
    async fn storage_target(&self, ctx: &Context<'_>) -> Result<Arc<StorageTarget>> {
        self.target(ctx).await
    }

    /// Its path, relative to the storage target's base URI.
    async fn file_path(&self) -> &str {
        &self.model.file_path
    }

    /// The storage target's base URI and the path, as `Partition.uri`.
    async fn uri(&self, ctx: &Context<'_>) -> Result<String> {
        let target = self.target(ctx).await?;
        Ok(join_uri(&target.0.base_uri, &self.model.file_path))
    }

    /// Its size in bytes.
    async fn file_size_bytes(&self) -> BigInt {
        self.model.file_size_bytes.into()
    }

    /// Where its removal stands.
    async fn state(&self) -> FileRemovalState {
        self.state.into()
    }

    /// When the last version that needed it was gone.
    async fn queued_at(&self) -> DateTime {
        self.model.queued_at.into()
    }

    /// It is not handed out before then: its grace, a lease, or a pause after a failure ends there.
    async fn due_at(&self) -> DateTime {
        self.model.due_at.into()
    }

    /// How often it was handed out.
    async fn attempts(&self) -> i32 {
        self.model.attempts
    }

    /// What went wrong last.
    async fn error(&self) -> Option<&str> {
        self.model.error.as_deref()
    }

    /// Who claimed it last; null when the claim has ended with a failure.
    async fn lease_owner(&self) -> Option<&str> {
        self.model.lease_owner.as_deref()
    }

    /// When it was given up, after too many failures or one that is permanent; `requeueFileRemovals` gives it another chance.
    async fn dead_at(&self) -> Option<DateTime> {
        self.model.dead_at.map(Into::into)
    }

    /// When it was settled.
    async fn done_at(&self) -> Option<DateTime> {
        self.model.done_at.map(Into::into)
    }

    /// How it was settled; null before that.
    async fn outcome(&self) -> Option<FileRemovalOutcome> {
        self.model.outcome.map(Into::into)
    }
}

/// Which file removals a list holds. Everything stated must hold.
#[derive(Clone, Debug, Default, InputObject)]
#[graphql(name = "FileRemovalFilter")]
pub struct FileRemovalFilterInput {
    /// Only those of this dataset. By its id, it may be gone.
    pub dataset: Option<DatasetRefInput>,
    /// Only those that stand here.
    pub state: Option<FileRemovalState>,
    /// Only those on this storage target.
    pub storage_target: Option<StorageTargetRefInput>,
}

/// Queries of file removals.
#[derive(Debug, Default)]
pub struct FileRemovalQuery;

#[Object]
impl FileRemovalQuery {
    /// The files that no version needs any more: waiting, claimed, given up and settled. In a fixed order, that of no field.
    async fn file_removals(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, up to 100; 50 when omitted.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "Which ones.")] filter: Option<FileRemovalFilterInput>,
    ) -> Result<Connection<FileRemoval>> {
        let list = List::of_all("fileRemovals");
        let page = PageArgs::forwards(first, after).page(&list, MAX_LIMIT)?;
        let filter = filter.unwrap_or_default();
        let filter = FileRemovalFilter {
            dataset: filter.dataset.map(DatasetRefInput::into_store),
            state: filter.state.map(Into::into),
            storage_target: filter.storage_target.map(StorageTargetRefInput::into_store),
        };
        let rows = ctx
            .store()
            .file_removal_page(&filter, &page)
            .await?
            .map(Into::into);
        Ok(Connection::new(
            list,
            page,
            Arc::new(rows),
            Count::FileRemovals(filter),
        ))
    }
}
