//! Many files, inserted without a look for what is live at their paths already.
//!
//! The look takes a tenth of what their insertion does, and the database refuses what is there anyway. Where it does, the look says
//! what that is.

use sea_orm::ConnectionTrait;
use timestore_entity::enums::ManifestOperation;
use timestore_entity::ids::DatasetId;
use timestore_entity::partition::Model as Partition;

use super::additions::Addition;
use super::duplicates::{duplicates_in_txn, within_request};
use super::input::DuplicatePolicy;
use super::insert::{FEW, copy_files_in_txn};
use super::plan::{Plan, Removals};
use super::prepare::refuse_duplicates;
use crate::store::backend::{Batch, LIVE_PATH, LIVE_SIGNATURE, Transaction, violates};
use crate::store::faults::Faults;
use crate::store::file_removal::is_none_leased_in_txn;
use crate::store::{Result, StoreError};

/// Whether files that nothing is wrong with so far can be inserted before it is known what is live: where that is the last thing that
/// can be wrong with a request, and where the catalog deletes nothing.
pub(super) async fn can_be_tried_in_txn(
    transaction: &Transaction,
    plan: &Plan,
    latest_version: i32,
    additions: &[Addition],
    faults: &Faults,
) -> Result<bool> {
    let only_adds = plan.operation == ManifestOperation::Append
        && matches!(&plan.removals, Removals::Listed(remove) if remove.is_empty());
    let as_expected = plan
        .expected_version
        .is_none_or(|expected| expected == latest_version);
    if !only_adds
        || !as_expected
        || plan.on_duplicate != DuplicatePolicy::Reject
        || additions.len() <= FEW
        || !transaction.copies()
        || !faults.is_whole()
        || !faults.is_empty()
        || !within_request(additions).is_empty()
    {
        return Ok(false);
    }
    Ok(is_none_leased_in_txn(transaction).await?)
}

/// Inserts the files of a request as those of version `version`; refuses the request where any of them is live already.
pub(super) async fn insert_untried_in_txn(
    batch: &mut Batch,
    transaction: &Transaction,
    dataset: DatasetId,
    files: Vec<Partition>,
    version: i32,
) -> Result<()> {
    batch.run(transaction).await?;
    transaction.execute_unprepared("savepoint untried").await?;
    let refused = match copy_files_in_txn(transaction, &files, version).await {
        Err(StoreError::Database(error))
            if violates(&error, LIVE_PATH) || violates(&error, LIVE_SIGNATURE) =>
        {
            error
        }
        result => return result,
    };
    transaction
        .execute_unprepared("rollback to savepoint untried")
        .await?;
    let additions: Vec<Addition> = files
        .into_iter()
        .enumerate()
        .map(|(index, file)| Addition { index, file })
        .collect();
    let mut faults = Faults::default();
    refuse_duplicates(
        duplicates_in_txn(transaction, dataset, &additions, |_| false).await?,
        &mut faults,
    );
    faults.finish()?;
    // Nothing is live that it could have been.
    Err(refused.into())
}
