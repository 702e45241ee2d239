//! Files that should move to the cold storage target.

use std::sync::Arc;

use async_graphql::{Context, Object};

use super::connection::{Connection, Count, Listed};
use super::context::ContextExt;
use super::error::Result;
use super::keys::StorageTargetById;
use super::pagination::{List, MAX_PARTITIONS, PageArgs};
use super::partition::Partition;
use super::retention_preview::FileTally;
use super::scalar::DateTime;
use super::storage_target::StorageTarget;
use crate::store::partition::PartitionPosition;
use crate::store::retention as store;

/// Files that should move to the cold storage target.
#[derive(Clone, Debug)]
pub struct ColdStorageDue(pub store::ColdStorageDue);

/// Files that should move to the cold storage target: those of the current version whose latest row is older than
/// `coldStorageAfter`, and that lie on another target. A file whose rows straddle the limit stays.
///
/// The gateway moves no files. Copy a page of them, call `relocatePartitions` for those, and go on after the page's last cursor:
/// the first page passes over all that has moved before. What `applyRetention` lets go needs no move: apply the policy first.
#[Object]
impl ColdStorageDue {
    /// As of when they should move.
    async fn at(&self) -> DateTime {
        self.0.at.into()
    }

    /// Where they should go.
    async fn storage_target(&self, ctx: &Context<'_>) -> Result<Arc<StorageTarget>> {
        ctx.loaders()
            .expect(StorageTargetById(self.0.storage_target_id))
            .await
    }

    /// How many they are, and what they amount to. Counted only when asked for.
    async fn due(&self, ctx: &Context<'_>) -> Result<FileTally> {
        Ok(ctx.store().cold_storage_tally(&self.0).await?.into())
    }

    /// The files, by start, then id.
    async fn files(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, up to 1,000; 50 when omitted.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
    ) -> Result<Connection<Partition>> {
        let list = List::of("coldStorageDue", self.0.dataset_id);
        let page = PageArgs::forwards(first, after).page(&list, MAX_PARTITIONS)?;
        let rows = ctx.store().cold_storage_page(&self.0, &page).await?;
        let rows = rows.map(Partition::from).into();
        Ok(Connection::new(
            list,
            page,
            rows,
            Count::ColdStorage(self.0.clone()),
        ))
    }
}

// Other lists of files have a connection of their own.
impl Listed for Partition {
    const NAME: &'static str = "ColdStorageDue";
    type Position = PartitionPosition;

    fn position(&self) -> PartitionPosition {
        (self.model.start_time, self.model.id)
    }
}
