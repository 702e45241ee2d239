//! `claimFileRemovals`, `acknowledgeFileRemovals` and `requeueFileRemovals`.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use timestore_entity::ids::LeaseId;

use crate::graphql::connection::to_int;
use crate::graphql::context::ContextExt;
use crate::graphql::error::Error;
use crate::graphql::file_removal::FileRemoval;
use crate::graphql::id::GlobalId;
use crate::graphql::reference::DatasetRefInput;
use crate::graphql::scalar::{DateTime, Duration};
use crate::graphql::user_error::{UserError, settle};
use crate::store::file_removal::{
    Failed, FileRemovalAcknowledge, FileRemovalClaim, FileRemovalRequeue, FileRemovalState, Removed,
};

/// How many files a claim takes unless it says so.
const DEFAULT_LIMIT: i32 = 100;

/// Mutations of file removals.
#[derive(Default)]
pub struct FileRemovalMutation;

#[Object]
impl FileRemovalMutation {
    /// Claims files to delete: those that are due and that nothing needs, under one lease. Until the lease ends they are nobody
    /// else's, and nothing can be published at their paths. Delete them, and say so with `acknowledgeFileRemovals`.
    async fn claim_file_removals(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who claims how many, and for how long.")] input: ClaimFileRemovalsInput,
    ) -> Result<ClaimFileRemovalsPayload> {
        let claim = FileRemovalClaim {
            owner: input.owner,
            limit: input.limit.unwrap_or(DEFAULT_LIMIT),
            lease: match input.lease_for {
                Some(Duration(lease)) => lease,
                None => default_lease()?.0,
            },
        };
        let result = ctx.store().file_removals_claim(ctx.requester(), claim).await;
        let (claimed, user_errors) = settle(ctx, &[], result).await?;
        let (mut lease_id, mut leased_until, mut removals) = (None, None, None);
        if let Some(claimed) = claimed {
            if !claimed.removals.is_empty() {
                lease_id = Some(ID(claimed.lease.to_string()));
                leased_until = Some(claimed.leased_until.into());
            }
            let rows = claimed.removals.into_iter();
            removals = Some(rows.map(|row| (row, FileRemovalState::Claimed).into()).collect());
        }
        Ok(ClaimFileRemovalsPayload {
            lease_id,
            leased_until,
            removals,
            user_errors,
        })
    }

    /// Says what became of claimed files. Saying it again changes nothing. A file that could not be deleted is handed out again
    /// after a pause, which doubles with every attempt; after 10 attempts, or when the failure is permanent, it is given up.
    async fn acknowledge_file_removals(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The lease, and its files.")] input: AcknowledgeFileRemovalsInput,
    ) -> Result<AcknowledgeFileRemovalsPayload> {
        let result = ctx
            .store()
            .file_removals_acknowledge(ctx.requester(), input.into_store())
            .await;
        let (acknowledged, user_errors) = settle(ctx, &[], result).await?;
        Ok(AcknowledgeFileRemovalsPayload {
            removed: acknowledged.map(|it| to_int(it.removed as u64)),
            retried: acknowledged.map(|it| to_int(it.retried as u64)),
            dead: acknowledged.map(|it| to_int(it.dead as u64)),
            released: acknowledged.map(|it| to_int(it.released as u64)),
            user_errors,
        })
    }

    /// Gives files that were given up another chance: all of them, unless something is named.
    async fn requeue_file_removals(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones.")] input: RequeueFileRemovalsInput,
    ) -> Result<RequeueFileRemovalsPayload> {
        let dataset = input.dataset.map(DatasetRefInput::into_store);
        let named: Vec<_> = dataset.iter().cloned().collect();
        let requeue = FileRemovalRequeue {
            removals: (input.removals).map(|ids| ids.iter().map(GlobalId::file_removal).collect()),
            dataset,
        };
        let result = ctx.store().file_removals_requeue(ctx.requester(), requeue).await;
        let (requeued, user_errors) = settle(ctx, &named, result).await?;
        Ok(RequeueFileRemovalsPayload {
            requeued: requeued.map(to_int),
            user_errors,
        })
    }
}

fn default_lease() -> Result<Duration, Error> {
    let five_minutes = "PT5M".parse().map(Duration);
    five_minutes.map_err(|error: String| Error::internal(&error))
}

/// Who claims how many files, and for how long.
#[derive(Debug, InputObject)]
pub struct ClaimFileRemovalsInput {
    /// Who is going to delete the files, for people to see: 1 to 120 characters.
    pub owner: String,
    /// At most so many files, from 1 to 1,000.
    #[graphql(default_with = "Some(DEFAULT_LIMIT)")]
    pub limit: Option<i32>,
    /// How long the files are nobody else's: 30 seconds to a day.
    #[graphql(default_with = "default_lease().ok()")]
    pub lease_for: Option<Duration>,
}

/// What became of claimed files.
#[derive(Debug, InputObject)]
pub struct AcknowledgeFileRemovalsInput {
    /// The lease that they were claimed under.
    pub lease_id: ID,
    /// Files that are gone. Together with those that failed or are released, at most 1,000.
    #[graphql(default_with = "Some(Vec::new())")]
    pub removed: Option<Vec<RemovedFileInput>>,
    /// Files that could not be deleted.
    #[graphql(default_with = "Some(Vec::new())")]
    pub failed: Option<Vec<FailedFileInput>>,
    /// Files that the worker has not touched and will not: the ids of their removals. They are handed out again at once, as if they
    /// had not been claimed.
    #[graphql(default_with = "Some(Vec::new())")]
    pub released: Option<Vec<ID>>,
}

/// A file that is gone.
#[derive(Debug, InputObject)]
pub struct RemovedFileInput {
    /// The id of the file removal.
    pub removal: ID,
    /// Whether it was not there to begin with.
    #[graphql(default_with = "Some(false)")]
    pub missing: Option<bool>,
}

/// A file that could not be deleted.
#[derive(Debug, InputObject)]
pub struct FailedFileInput {
    /// The id of the file removal.
    pub removal: ID,
    /// Why not; 1,000 characters of it are kept.
    pub error: String,
    /// Whether trying again is in vain: it is given up at once.
    #[graphql(default_with = "Some(false)")]
    pub permanent: Option<bool>,
}

/// Which files that were given up to try again. Everything stated must hold; nothing stated: all.
#[derive(Debug, InputObject)]
pub struct RequeueFileRemovalsInput {
    /// Only these, by the ids of their removals, 1 to 1,000.
    pub removals: Option<Vec<ID>>,
    /// Only those of this dataset. By its id, it may be gone.
    pub dataset: Option<DatasetRefInput>,
}

/// The files that were claimed.
#[derive(SimpleObject)]
pub struct ClaimFileRemovalsPayload {
    /// The lease; null when there is nothing to delete, or the request was refused.
    pub lease_id: Option<ID>,
    /// When the lease ends: what is not acknowledged by then is handed out again.
    pub leased_until: Option<DateTime>,
    /// The files to delete, longest due first; null when the request was refused.
    pub removals: Option<Vec<FileRemoval>>,
    /// All that is wrong with the request. Nothing was changed when it is not empty.
    pub user_errors: Vec<UserError>,
}

/// What the acknowledgement changed.
#[derive(SimpleObject)]
pub struct AcknowledgeFileRemovalsPayload {
    /// How many files are settled that were not before; null when the request was refused.
    pub removed: Option<i32>,
    /// How many are handed out again later; null when the request was refused.
    pub retried: Option<i32>,
    /// How many were given up; null when the request was refused.
    pub dead: Option<i32>,
    /// How many are handed out again at once; null when the request was refused.
    pub released: Option<i32>,
    /// All that is wrong with the request. Nothing was changed when it is not empty.
    pub user_errors: Vec<UserError>,
}

/// What the request changed.
#[derive(SimpleObject)]
pub struct RequeueFileRemovalsPayload {
    /// How many files are due again; null when the request was refused.
    pub requeued: Option<i32>,
    /// All that is wrong with the request. Nothing was changed when it is not empty.
    pub user_errors: Vec<UserError>,
}

impl AcknowledgeFileRemovalsInput {
    fn into_store(self) -> FileRemovalAcknowledge {
        let removed = self.removed.unwrap_or_default().into_iter();
        let failed = self.failed.unwrap_or_default().into_iter();
        let released = self.released.unwrap_or_default();
        FileRemovalAcknowledge {
            lease: self.lease_id.parse().ok().map(LeaseId),
            removed: removed
                .map(|removed| Removed {
                    removal: GlobalId::file_removal(&removed.removal),
                    missing: removed.missing.unwrap_or(false),
                })
                .collect(),
            failed: failed
                .map(|failed| Failed {
                    removal: GlobalId::file_removal(&failed.removal),
                    error: failed.error,
                    permanent: failed.permanent.unwrap_or(false),
                })
                .collect(),
            released: released.iter().map(GlobalId::file_removal).collect(),
        }
    }
}
