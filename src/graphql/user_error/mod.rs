//! What a caller can expect to go wrong with a mutation, as data: the only place that turns the store's faults into the
//! graph's `userErrors`. Faults of the server are not made here: see [`super::error`].

mod kinds;
mod refusal;

use async_graphql::{Context, Enum, Interface};

pub use self::kinds::*;
use super::error;
use super::scalar::{BigInt, DateTime};
use crate::store::{self, DatasetRef, Fault, FaultKind, Refusal, StoreError};

/// What a mutation returns: the result, or all that is wrong with its `input`. Anything else that went wrong is an error of
/// the response. What was refused or forbidden is recorded in the audit trail, under the `datasets` that the input names.
pub async fn settle<T>(
    ctx: &Context<'_>,
    datasets: &[DatasetRef],
    result: store::Result<T>,
) -> async_graphql::Result<(Option<T>, Vec<UserError>)> {
    match &result {
        Err(StoreError::Refused(refusal)) => {
            refusal::count(ctx, refusal);
            refusal::record(ctx, datasets, refusal).await;
        }
        Err(StoreError::Forbidden(scopes)) => refusal::record_forbidden(ctx, datasets, scopes).await,
        _ => {}
    }
    settle_dry(result)
}

/// The same for a mutation that only said what it would do: nobody was refused anything.
pub fn settle_dry<T>(result: store::Result<T>) -> async_graphql::Result<(Option<T>, Vec<UserError>)> {
    match result {
        Ok(result) => Ok((Some(result), Vec::new())),
        Err(StoreError::Refused(Refusal(faults))) => Ok((
            None,
            faults
                .into_iter()
                .map(|fault| fault.within(&["input"]).into())
                .collect(),
        )),
        Err(error) => Err(error::from_store(error)),
    }
}

/// What is wrong with the request. Nothing was changed.
#[derive(Clone, Debug, Interface)]
#[graphql(
    field(
        name = "code",
        ty = "&UserErrorCode",
        desc = "What kind of error it is, for programs."
    ),
    field(name = "message", ty = "&String", desc = "What is wrong, for people."),
    field(
        name = "path",
        ty = "&Option<Vec<String>>",
        desc = "Where in the arguments, outermost first: names of fields and indexes of lists, such as \
                `[\"input\", \"add\", \"3\", \"filePath\"]`."
    )
)]
pub enum UserError {
    /// A value can never be right.
    InvalidInput(InvalidInput),
    /// A name names nothing.
    NotFound(NotFound),
    /// The name is taken.
    AlreadyExists(AlreadyExists),
    /// The dataset has moved on.
    VersionConflict(VersionConflict),
    /// Files are there already.
    DuplicatePartitions(DuplicatePartitions),
    /// Files cannot be removed.
    PartitionsNotLive(PartitionsNotLive),
    /// The dataset is archived.
    DatasetInactive(DatasetInactive),
    /// The dataset cannot be deleted.
    DatasetPinned(DatasetPinned),
    /// The fields do not fit.
    SchemaIncompatible(SchemaIncompatible),
    /// The record was changed.
    RevisionConflict(RevisionConflict),
    /// The idempotency key is taken.
    IdempotencyMismatch(IdempotencyMismatch),
    /// Another publisher has taken over.
    FencedOut(FencedOut),
}

/// What kind of error a user error is. Each code has a type of its own with what a program needs in order to react.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum UserErrorCode {
    /// A value can never be right, whatever the catalog holds. The type is `InvalidInput`.
    InvalidInput,
    /// Something named in the request does not exist. The type is `NotFound`.
    NotFound,
    /// Something else already has the name. The type is `AlreadyExists`.
    AlreadyExists,
    /// The dataset has moved on from the expected version. The type is `VersionConflict`.
    VersionConflict,
    /// Files to add are there already, or occur twice in the request. The type is `DuplicatePartitions`.
    DuplicatePartitions,
    /// Files to remove are not part of the current version. The type is `PartitionsNotLive`.
    PartitionsNotLive,
    /// The dataset is archived, and takes no publishes. The type is `DatasetInactive`.
    DatasetInactive,
    /// Snapshots pin versions of the dataset, so that it cannot be deleted. The type is `DatasetPinned`.
    DatasetPinned,
    /// The fields cannot follow those of the dataset. The type is `SchemaIncompatible`.
    SchemaIncompatible,
    /// The record was changed since the expected revision. The type is `RevisionConflict`.
    RevisionConflict,
    /// The idempotency key was used for another request. The type is `IdempotencyMismatch`.
    IdempotencyMismatch,
    /// A publisher with a higher fencing token has taken over. The type is `FencedOut`.
    FencedOut,
}

impl From<Fault> for UserError {
    fn from(Fault { path, message, kind }: Fault) -> Self {
        let path = Some(path);
        match kind {
            FaultKind::InvalidInput => InvalidInput::new(path, message).into(),
            FaultKind::NotFound => NotFound::new(path, message).into(),
            FaultKind::AlreadyExists => AlreadyExists::new(path, message).into(),
            FaultKind::VersionConflict {
                current_version,
                published_by,
                published_at,
                rebasable,
            } => {
                let published_at = published_at.map(DateTime);
                VersionConflict::new(
                    path,
                    message,
                    current_version,
                    published_by,
                    published_at,
                    rebasable,
                )
                .into()
            }
            FaultKind::DuplicatePartitions { duplicates } => {
                let duplicates = duplicates.into_iter().map(Into::into).collect();
                DuplicatePartitions::new(path, message, duplicates).into()
            }
            FaultKind::PartitionsNotLive {
                partitions,
                rebasable,
            } => {
                let partitions = partitions.into_iter().map(Into::into).collect();
                PartitionsNotLive::new(path, message, partitions, rebasable).into()
            }
            FaultKind::DatasetInactive => DatasetInactive::new(path, message).into(),
            FaultKind::DatasetPinned { snapshots } => {
                let snapshots = snapshots.into_iter().map(Into::into).collect();
                DatasetPinned::new(path, message, snapshots).into()
            }
            FaultKind::SchemaIncompatible { reasons, plan } => {
                let reasons = reasons.into_iter().map(Into::into).collect();
                SchemaIncompatible::new(path, message, reasons, plan.into()).into()
            }
            FaultKind::RevisionConflict { revision } => RevisionConflict::new(path, message, revision).into(),
            FaultKind::IdempotencyMismatch => IdempotencyMismatch::new(path, message).into(),
            FaultKind::FencedOut { fencing_token } => {
                FencedOut::new(path, message, BigInt(fencing_token)).into()
            }
        }
    }
}

impl From<&FaultKind> for UserErrorCode {
    fn from(kind: &FaultKind) -> Self {
        match kind {
            FaultKind::InvalidInput => Self::InvalidInput,
            FaultKind::NotFound => Self::NotFound,
            FaultKind::AlreadyExists => Self::AlreadyExists,
            FaultKind::VersionConflict { .. } => Self::VersionConflict,
            FaultKind::DuplicatePartitions { .. } => Self::DuplicatePartitions,
            FaultKind::PartitionsNotLive { .. } => Self::PartitionsNotLive,
            FaultKind::DatasetInactive => Self::DatasetInactive,
            FaultKind::DatasetPinned { .. } => Self::DatasetPinned,
            FaultKind::SchemaIncompatible { .. } => Self::SchemaIncompatible,
            FaultKind::RevisionConflict { .. } => Self::RevisionConflict,
            FaultKind::IdempotencyMismatch => Self::IdempotencyMismatch,
            FaultKind::FencedOut { .. } => Self::FencedOut,
        }
    }
}
