//! What became of a publish whose answer was lost.

use async_graphql::{Context, Object, SimpleObject};

use super::context::ContextExt;
use super::enums::CommitState;
use super::error::{Error, Result};
use super::manifest::Manifest;
use super::reference::{DatasetRefInput, is_text};
use crate::store::manifest as store;

/// What became of a publish, as far as its idempotency key tells.
#[derive(SimpleObject)]
pub struct CommitStatus {
    /// What became of it.
    pub state: CommitState,
    /// The version that it made, or that was current when there was nothing left to do. Null unless it was committed.
    pub manifest: Option<Manifest>,
}

impl From<store::CommitStatus> for CommitStatus {
    fn from(status: store::CommitStatus) -> Self {
        match status {
            store::CommitStatus::Committed(manifest) => Self {
                state: CommitState::Committed,
                manifest: manifest.map(Into::into),
            },
            store::CommitStatus::NotSeen => Self {
                state: CommitState::NotSeen,
                manifest: None,
            },
            store::CommitStatus::Expired => Self {
                state: CommitState::Expired,
                manifest: None,
            },
        }
    }
}

/// Queries of commit states.
#[derive(Debug, Default)]
pub struct CommitStatusQuery;

#[Object]
impl CommitStatusQuery {
    /// Whether a publish was committed, for a client that lost the answer. Waits for publishes of the dataset that are under
    /// way, so that NOT_SEEN is final.
    async fn commit_status(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The dataset that was published to.")] dataset: DatasetRefInput,
        #[graphql(desc = "The idempotency key of the publish.")] idempotency_key: String,
    ) -> Result<CommitStatus> {
        if !is_text(&idempotency_key) {
            return Err(Error::bad_input(
                &["idempotencyKey"],
                "expected a text without NUL characters",
            ));
        }
        let status = ctx
            .store()
            .commit_status(&dataset.into_store(), &idempotency_key)
            .await?;
        Ok(status.into())
    }
}
