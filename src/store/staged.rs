//! What is staged in drafts: files waiting to be added and removals waiting to be made, as sets that the database compares.

use std::collections::HashSet;

use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryFilter};
use timestore_entity::ids::{DatasetId, ManifestDraftId, PartitionId};
use timestore_entity::manifest_draft::Model as ManifestDraft;
use timestore_entity::{staged_partition, staged_removal};

use super::Result;
use super::backend::{Column, Relation, Sql, Transaction, relations};
use super::error::{Duplicate, NotLive};
use super::file_removal::{LEASED, places};
use super::publish::Skipped;
use super::publish::additions::Addition;
use super::publish::duplicates::BEING_DELETED;
use super::publish::plan::MAX_FILES;

/// Files of a draft that are live by now: those that are refused, and those that were to be left out and are taken out.
pub(super) async fn staged_duplicates_in_txn(
    transaction: &Transaction,
    dataset: DatasetId,
    draft: ManifestDraftId,
) -> Result<(Vec<Duplicate>, Vec<Skipped>)> {
    #[derive(FromQueryResult)]
    struct Row {
        id: PartitionId,
        file_path: String,
        skip_duplicate: bool,
        added_version: Option<i32>,
    }
    let mut sql = Sql::new(transaction);
    let (dataset_id, draft_id) = (sql.bind(dataset), sql.bind(draft));
    let alike = |same: &str| {
        format!(
            "select given.id, given.file_path, given.skip_duplicate, live.added_version \
             from given cross join timestore.partitions as live \
             where live.dataset_id = {dataset_id} and live.removed_version is null and {same} and live.id not in \
             (select partition_id from timestore.staged_removals where dataset_id = {dataset_id} and draft_id = {draft_id})"
        )
    };
    let text = format!(
        "with given as (select id, file_path, skip_duplicate, storage_target_id, ingestion_signature \
         from timestore.staged_partitions where dataset_id = {dataset_id} and draft_id = {draft_id}), {}, \
         leased as (select place.id from place cross join timestore.file_removals as removal \
         where removal.storage_target_id = place.storage_target_id and removal.file_path = place.file_path and {LEASED}) \
         {} union {} union select given.id, given.file_path, given.skip_duplicate, null from given \
         where given.id in (select id from leased) order by 2",
        places(&["id"]),
        alike("live.storage_target_id = given.storage_target_id and live.file_path = given.file_path"),
        alike("live.ingestion_signature = given.ingestion_signature")
    );
    let rows: Vec<Row> = sql.all(transaction, text).await?;
    let (mut refused, mut skipped, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for Row {
        id,
        file_path,
        skip_duplicate,
        added_version,
    } in rows
    {
        let reason = match added_version {
            Some(version) => {
                format!("a file with this path or ingestion signature has been live since version {version}")
            }
            None => BEING_DELETED.to_owned(),
        };
        if !skip_duplicate || added_version.is_none() {
            refused.push(Duplicate {
                index: None,
                file_path,
                reason,
                can_skip: added_version.is_some(),
            });
        } else if !left_out.contains(&id.0) {
            left_out.push(id.0);
            skipped.push(Skipped { file_path, reason });
        }
    }
    for Relation { from, mut sql, .. } in relations(transaction, vec![("id", Column::Uuid(left_out))]) {
        let text = format!(
            "delete from timestore.staged_partitions where dataset_id = {} and draft_id = {} and id in (select * from {from})",
            sql.bind(dataset),
            sql.bind(draft)
        );
        sql.execute(transaction, text).await?;
    }
    Ok((refused, skipped))
}

/// Files that a draft removes and that someone else has removed since.
pub(super) async fn staged_not_live_in_txn(
    transaction: &Transaction,
    dataset: DatasetId,
    draft: ManifestDraftId,
) -> Result<Vec<NotLive>> {
    #[derive(FromQueryResult)]
    struct Row {
        file_path: String,
        removed_version: i32,
        removed_by: Option<String>,
    }
    let mut sql = Sql::new(transaction);
    let text = format!(
        "select gone.file_path, gone.removed_version, m.created_by as removed_by \
         from timestore.staged_removals as staged join timestore.partitions as gone \
         on gone.dataset_id = staged.dataset_id and gone.id = staged.partition_id and gone.removed_version + 0 > 0 \
         join timestore.manifests as m on m.dataset_id = gone.dataset_id and m.version = gone.removed_version \
         where staged.dataset_id = {} and staged.draft_id = {} order by gone.file_path",
        sql.bind(dataset),
        sql.bind(draft)
    );
    let rows: Vec<Row> = sql.all(transaction, text).await?;
    let each = |row: Row| NotLive {
        file_path: Some(row.file_path),
        removed_version: Some(row.removed_version),
        removed_by: row.removed_by,
    };
    Ok(rows.into_iter().map(each).collect())
}

/// Additions that the draft has already.
pub(super) async fn staged_earlier_in_txn(
    transaction: &Transaction,
    draft: &ManifestDraft,
    additions: &[Addition],
) -> Result<Vec<Duplicate>> {
    #[derive(FromQueryResult)]
    struct Row {
        given: i32,
    }
    let given = (0..additions.len())
        .map(|n| i32::try_from(n).unwrap_or(i32::MAX))
        .collect();
    let columns = vec![
        ("given", Column::Int(given)),
        (
            "storage_target_id",
            Column::Uuid(additions.iter().map(|a| a.file.storage_target_id.0).collect()),
        ),
        (
            "file_path",
            Column::Text(additions.iter().map(|a| a.file.file_path.clone()).collect()),
        ),
        (
            "signature",
            Column::OptionalText(
                additions
                    .iter()
                    .map(|a| a.file.ingestion_signature.clone())
                    .collect(),
            ),
        ),
    ];
    let mut duplicates = Vec::new();
    for Relation { from, mut sql, .. } in relations(transaction, columns) {
        let (dataset, id) = (sql.bind(draft.dataset_id), sql.bind(draft.id));
        let staged = |same: &str| {
            format!(
                "exists (select 1 from timestore.staged_partitions as staged \
                 where staged.dataset_id = {dataset} and staged.draft_id = {id} and {same})"
            )
        };
        let text = format!(
            "select given.given from {from} where {} or {}",
            staged(
                "staged.storage_target_id = given.storage_target_id and staged.file_path = given.file_path"
            ),
            staged("staged.ingestion_signature = given.signature")
        );
        for Row { given } in sql.all::<Row>(transaction, text).await? {
            let addition = &additions[usize::try_from(given).unwrap_or_default()];
            duplicates.push(Duplicate {
                index: Some(addition.index),
                file_path: addition.file.file_path.clone(),
                reason: "the draft has a file with this path or ingestion signature already".to_owned(),
                can_skip: true,
            });
        }
    }
    Ok(duplicates)
}

/// The files that a draft removes.
pub(super) async fn staged_removals_in_txn(
    transaction: &Transaction,
    draft: &ManifestDraft,
) -> Result<HashSet<PartitionId>> {
    let removals = staged_removal::Entity::find()
        .filter(staged_removal::Column::DatasetId.eq(draft.dataset_id))
        .filter(staged_removal::Column::DraftId.eq(draft.id))
        .all(transaction)
        .await?;
    Ok(removals.into_iter().map(|removal| removal.partition_id).collect())
}

/// Stages removals; returns how many are new.
pub(super) async fn stage_removals_in_txn(
    transaction: &Transaction,
    draft: &ManifestDraft,
    ids: Vec<PartitionId>,
) -> Result<u64> {
    debug_assert!(ids.len() <= MAX_FILES);
    let mut staged = 0;
    for Relation { from, mut sql, .. } in relations(
        transaction,
        vec![("id", Column::Uuid(ids.iter().map(|id| id.0).collect()))],
    ) {
        let text = format!(
            "insert into timestore.staged_removals (dataset_id, draft_id, partition_id) \
             select {}, {}, id from {from} where true on conflict do nothing",
            sql.bind(draft.dataset_id),
            sql.bind(draft.id)
        );
        staged += sql.execute(transaction, text).await?.rows_affected();
    }
    Ok(staged)
}

/// Deletes what is staged.
pub(super) async fn clear_in_txn(transaction: &Transaction, draft: &ManifestDraft) -> Result<()> {
    staged_partition::Entity::delete_many()
        .filter(staged_partition::Column::DatasetId.eq(draft.dataset_id))
        .filter(staged_partition::Column::DraftId.eq(draft.id))
        .exec(transaction)
        .await?;
    staged_removal::Entity::delete_many()
        .filter(staged_removal::Column::DatasetId.eq(draft.dataset_id))
        .filter(staged_removal::Column::DraftId.eq(draft.id))
        .exec(transaction)
        .await?;
    Ok(())
}
