//! Files that are there already: earlier in the request, live in the dataset, or about to be deleted by the catalog.

use std::collections::{HashMap, HashSet};

use sea_orm::FromQueryResult;
use timestore_entity::ids::{DatasetId, PartitionId};

use super::additions::Addition;
use crate::store::Result;
use crate::store::backend::{Column, Relation, Transaction, relations};
use crate::store::error::Duplicate;
use crate::store::file_removal::{LEASED, places};

/// A live file that an addition has something in common with, or, where that is none, a file that the catalog is deleting.
#[derive(FromQueryResult)]
pub(in crate::store) struct Alike {
    given: i32,
    id: Option<PartitionId>,
    added_version: Option<i32>,
}

/// Why a file cannot be added at the path of a removal that a worker has claimed.
pub(in crate::store) const BEING_DELETED: &str =
    "the catalog is deleting a file at this path; publish under another path";

/// Those of `additions` that are there already: earlier in the request, or live and not among `removed`.
pub(in crate::store) async fn duplicates_in_txn(
    transaction: &Transaction,
    dataset: DatasetId,
    additions: &[Addition],
    removed: impl Fn(PartitionId) -> bool,
) -> Result<Vec<Duplicate>> {
    let mut reasons: HashMap<usize, String> = within_request(additions);
    let position = || (0..additions.len()).map(|n| i32::try_from(n).unwrap_or(i32::MAX));
    let paths = vec![
        ("given", Column::Int(position().collect())),
        (
            "storage_target_id",
            Column::Uuid(additions.iter().map(|a| a.file.storage_target_id.0).collect()),
        ),
        (
            "file_path",
            Column::Text(additions.iter().map(|a| a.file.file_path.clone()).collect()),
        ),
    ];
    let mut being_deleted = HashSet::new();
    for alike in alike_paths_in_txn(transaction, dataset, paths).await? {
        let reason = match alike.added_version {
            None => {
                being_deleted.insert(alike.position());
                BEING_DELETED.to_owned()
            }
            Some(_) if alike.id.is_some_and(&removed) => continue,
            Some(version) => format!("a file with this path has been live since version {version}"),
        };
        reasons.entry(alike.position()).or_insert(reason);
    }
    let signed: Vec<(i32, String)> = position()
        .zip(additions)
        .filter_map(|(n, addition)| Some((n, addition.file.ingestion_signature.clone()?)))
        .collect();
    if !signed.is_empty() {
        let (given, signatures) = signed.into_iter().unzip();
        let columns = vec![
            ("given", Column::Int(given)),
            ("signature", Column::Text(signatures)),
        ];
        let same = "live.ingestion_signature = given.signature";
        for alike in alike_in_txn(transaction, dataset, columns, same).await? {
            let Some(version) = alike.added_version.filter(|_| !alike.id.is_some_and(&removed)) else {
                continue;
            };
            let reason =
                format!("a file with this ingestion signature has been live since version {version}");
            reasons.entry(alike.position()).or_insert(reason);
        }
    }
    let mut duplicates: Vec<(usize, String)> = reasons.into_iter().collect();
    duplicates.sort_unstable();
    let duplicate = |(n, reason): (usize, String)| Duplicate {
        index: Some(additions[n].index),
        file_path: additions[n].file.file_path.clone(),
        reason,
        can_skip: !being_deleted.contains(&n),
    };
    Ok(duplicates.into_iter().map(duplicate).collect())
}

impl Alike {
    fn position(&self) -> usize {
        usize::try_from(self.given).unwrap_or_default()
    }
}

/// Those that come twice in the request, by their place among `additions`, and why they do.
pub(super) fn within_request(additions: &[Addition]) -> HashMap<usize, String> {
    let mut paths = HashSet::with_capacity(additions.len());
    let mut signatures = HashSet::new();
    let mut reasons = HashMap::new();
    for (n, Addition { file, .. }) in additions.iter().enumerate() {
        let reason = if paths.contains(&(file.storage_target_id, &file.file_path)) {
            "the request adds this path twice"
        } else if file
            .ingestion_signature
            .as_ref()
            .is_some_and(|signature| signatures.contains(signature))
        {
            "the request adds this ingestion signature twice"
        } else {
            // Only files that stay can make later ones duplicates.
            paths.insert((file.storage_target_id, &file.file_path));
            signatures.extend(file.ingestion_signature.as_ref());
            continue;
        };
        reasons.insert(n, reason.to_owned());
    }
    reasons
}

async fn alike_in_txn(
    transaction: &Transaction,
    dataset: DatasetId,
    columns: Vec<(&'static str, Column)>,
    same: &str,
) -> Result<Vec<Alike>> {
    let mut alike = Vec::new();
    for Relation { from, mut sql, .. } in relations(transaction, columns) {
        let dataset = sql.bind(dataset);
        // SQLite joins crosswise in the order of the text: each of the given rows is looked up once.
        let text = format!(
            "select given.given, live.id, live.added_version from {from} cross join timestore.partitions as live \
             where live.dataset_id = {dataset} and live.removed_version is null and {same}"
        );
        alike.extend(sql.all(transaction, text).await?);
    }
    Ok(alike)
}

/// The live files at the given paths, and what the catalog is deleting there, whatever dataset that was of and whichever target it
/// is reached by: in one statement, so that a publish costs no more.
async fn alike_paths_in_txn(
    transaction: &Transaction,
    dataset: DatasetId,
    columns: Vec<(&'static str, Column)>,
) -> Result<Vec<Alike>> {
    let mut alike = Vec::new();
    for Relation { from, mut sql, .. } in relations(transaction, columns) {
        let dataset = sql.bind(dataset);
        let text = format!(
            "with given as (select * from {from}), {} \
             select given.given, live.id, live.added_version from given cross join timestore.partitions as live \
             where live.dataset_id = {dataset} and live.removed_version is null \
             and live.storage_target_id = given.storage_target_id and live.file_path = given.file_path union all \
             select place.given, null, null from place cross join timestore.file_removals as removal \
             where removal.storage_target_id = place.storage_target_id and removal.file_path = place.file_path and {LEASED}",
            places(&["given"])
        );
        alike.extend(sql.all(transaction, text).await?);
    }
    Ok(alike)
}
