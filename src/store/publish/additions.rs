//! The files that a publish adds: checked, compared with what is live, and inserted.

use std::collections::{HashMap, HashSet};

use sea_orm::{DatabaseTransaction, FromQueryResult};
use timestore_entity::dataset::Model as Dataset;
use timestore_entity::enums::FileFormat;
use timestore_entity::ids::{DatasetId, ManifestDraftId, PartitionId, StorageTargetId};
use timestore_entity::partition::Model as Partition;
use uuid::Uuid;

use super::input::PartitionAdd;
use crate::model::{naming, predicate, span};
use crate::store::backend::{Column, Relation, relations};
use crate::store::error::Duplicate;
use crate::store::faults::Faults;
use crate::store::file_removal::{LEASED, places};
use crate::store::storage_target::storage_target_find_in_txn;
use crate::store::{Clock, Fault, Result, StorageTargetRef};

/// How large the bloom filters of a file may be, as JSON.
const MAX_BLOOM_FILTERS: usize = 1 << 20;

/// A file of a request, checked, with its place in the request.
pub(in crate::store) struct Addition {
    pub(in crate::store) index: usize,
    pub(in crate::store) file: Partition,
}

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

/// Resolves the storage targets that a request names, each once.
pub(in crate::store) struct Targets<'a> {
    dataset: &'a Dataset,
    known: HashMap<StorageTargetRef, Option<StorageTargetId>>,
}

impl<'a> Targets<'a> {
    /// For a request about `dataset`.
    pub(in crate::store) fn new(dataset: &'a Dataset) -> Self {
        Self {
            dataset,
            known: HashMap::new(),
        }
    }

    /// The target that is named, or the dataset's default; adds a fault at `path` where there is none.
    pub(in crate::store) async fn resolve_in_txn(
        &mut self,
        transaction: &DatabaseTransaction,
        named: Option<&StorageTargetRef>,
        path: &[&str],
        faults: &mut Faults,
    ) -> Result<Option<StorageTargetId>> {
        let Some(named) = named else {
            if self.dataset.default_storage_target_id.is_none() {
                faults.invalid(
                    path,
                    "expected a storage target, since the dataset has no default",
                );
            }
            return Ok(self.dataset.default_storage_target_id);
        };
        if !self.known.contains_key(named) {
            let found = storage_target_find_in_txn(transaction, named).await?;
            self.known.insert(named.clone(), found.map(|target| target.id));
        }
        let found = self.known.get(named).copied().flatten();
        if found.is_none() {
            faults.push(Fault::not_found(path, "expected an existing storage target"));
        }
        Ok(found)
    }
}

/// The files of a request; adds all that is wrong with them at `add.<index>`.
pub(in crate::store) async fn check_additions_in_txn(
    transaction: &DatabaseTransaction,
    clock: &dyn Clock,
    dataset: &Dataset,
    add: Vec<PartitionAdd>,
    faults: &mut Faults,
) -> Result<Vec<Addition>> {
    let mut targets = Targets::new(dataset);
    let mut additions = Vec::with_capacity(add.len());
    for (index, add) in add.into_iter().enumerate() {
        let at = index.to_string();
        let path = ["add", &at, "storageTarget"];
        let target = targets
            .resolve_in_txn(transaction, add.storage_target.as_ref(), &path, faults)
            .await?;
        let file_format = add.file_format.unwrap_or(dataset.write_format);
        if let (Some(file), Some(storage_target_id)) = (checked(add, &at, faults), target) {
            let (dataset_id, id) = (dataset.id, PartitionId(clock.id()));
            let file = Partition {
                dataset_id,
                id,
                storage_target_id,
                file_format,
                ..file
            };
            additions.push(Addition { index, file });
        }
    }
    Ok(additions)
}

/// Adds what is wrong with the files of a request whose dataset is not there.
pub(in crate::store) fn check_additions_alone(add: Vec<PartitionAdd>, faults: &mut Faults) {
    for (index, add) in add.into_iter().enumerate() {
        checked(add, &index.to_string(), faults);
    }
}

/// A file, as far as it is known without the database; adds what is wrong with it at `add.<at>`.
fn checked(add: PartitionAdd, at: &str, faults: &mut Faults) -> Option<Partition> {
    let file_path = faults.check(&["add", at, "filePath"], naming::file_path(&add.file_path));
    for (field, number) in [
        ("fileSizeBytes", add.file_size_bytes),
        ("rowCount", add.row_count),
    ] {
        if number < 0 {
            faults.invalid(&["add", at, field], "expected 0 or more");
        }
    }
    for (field, time) in [("startTime", add.start_time), ("endTime", add.end_time)] {
        faults.check(&["add", at, field], naming::time(time));
    }
    if add.end_time < add.start_time {
        faults.invalid(
            &["add", at, "endTime"],
            "expected an instant not before startTime",
        );
    }
    let mut token = |field, text: Option<String>| {
        text.and_then(|text| faults.check(&["add", at, field], naming::token(&text)))
    };
    let checksum = token("checksum", add.checksum);
    let ingestion_signature = token("ingestionSignature", add.ingestion_signature);
    let partition_key = add
        .partition_key
        .filter(|key| !key.is_null())
        .unwrap_or_else(|| serde_json::json!({}));
    let key =
        naming::json_object(&partition_key).and_then(|()| predicate::check_partition_key(&partition_key));
    faults.check(&["add", at, "partitionKey"], key);
    let column_statistics = add.column_statistics.filter(|statistics| !statistics.is_null());
    if let Some(statistics) = &column_statistics {
        faults.check(
            &["add", at, "columnStatistics"],
            predicate::check_statistics(statistics),
        );
    }
    let bloom_filters = add.bloom_filters.filter(|filters| !filters.is_null());
    if let Some(filters) = &bloom_filters {
        faults.check(
            &["add", at, "bloomFilters"],
            naming::json_object_within(filters, MAX_BLOOM_FILTERS),
        );
    }
    let metadata = faults.object(&["add", at, "metadata"], add.metadata);
    Some(Partition {
        dataset_id: DatasetId(Uuid::nil()),
        id: PartitionId(Uuid::nil()),
        storage_target_id: StorageTargetId(Uuid::nil()),
        file_path: file_path?,
        file_format: add.file_format.unwrap_or(FileFormat::Parquet),
        file_size_bytes: add.file_size_bytes,
        row_count: add.row_count,
        start_time: add.start_time,
        end_time: add.end_time,
        span_class: span::span_class(add.start_time, add.end_time),
        partition_key,
        checksum,
        column_statistics,
        bloom_filters,
        ingestion_signature,
        metadata,
        schema_version: None,
        added_version: 0,
        removed_version: None,
    })
}

/// Those of `additions` that are there already: earlier in the request, or live and not among `removed`.
pub(in crate::store) async fn duplicates_in_txn(
    transaction: &DatabaseTransaction,
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

fn within_request(additions: &[Addition]) -> HashMap<usize, String> {
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
    transaction: &DatabaseTransaction,
    dataset: DatasetId,
    columns: Vec<(&'static str, Column)>,
    same: &str,
) -> Result<Vec<Alike>> {
    let mut alike = Vec::new();
    for Relation { from, mut sql } in relations(transaction, columns) {
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
    transaction: &DatabaseTransaction,
    dataset: DatasetId,
    columns: Vec<(&'static str, Column)>,
) -> Result<Vec<Alike>> {
    let mut alike = Vec::new();
    for Relation { from, mut sql } in relations(transaction, columns) {
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

/// The columns that published and staged files share.
const SHARED: &str = "dataset_id, id, storage_target_id, file_path, file_format, file_size_bytes, row_count, start_time, \
     end_time, span_class, partition_key, checksum, column_statistics, bloom_filters, ingestion_signature, metadata";

/// Inserts files of version `version`, each with its own schema version; returns how many.
pub(super) async fn insert_in_txn(
    transaction: &DatabaseTransaction,
    files: Vec<Partition>,
    version: i32,
) -> Result<u64> {
    let mut inserted = 0;
    for Relation { from, mut sql } in relations(transaction, columns_of(files)) {
        let version = sql.bind(version);
        let text = format!(
            "insert into timestore.partitions ({SHARED}, schema_version, added_version) \
             select {SHARED}, schema_version, {version} from {from}"
        );
        inserted += sql.execute(transaction, text).await?.rows_affected();
    }
    Ok(inserted)
}

/// Inserts files into a draft; returns how many.
pub(in crate::store) async fn stage_in_txn(
    transaction: &DatabaseTransaction,
    files: Vec<Partition>,
    draft: ManifestDraftId,
    skip_duplicate: bool,
) -> Result<u64> {
    let mut staged = 0;
    for Relation { from, mut sql } in relations(transaction, columns_of(files)) {
        let (draft, skip) = (sql.bind(draft), sql.bind(skip_duplicate));
        let text = format!(
            "insert into timestore.staged_partitions ({SHARED}, draft_id, skip_duplicate) \
             select {SHARED}, {draft}, {skip} from {from}"
        );
        staged += sql.execute(transaction, text).await?.rows_affected();
    }
    Ok(staged)
}

/// Publishes the files of a draft as `version`; returns how many.
pub(super) async fn insert_staged_in_txn(
    transaction: &DatabaseTransaction,
    dataset: DatasetId,
    draft: ManifestDraftId,
    schema_version: Option<i32>,
    version: i32,
) -> Result<u64> {
    let mut sql = crate::store::backend::Sql::new(transaction);
    let (schema_version, version) = (sql.bind(schema_version), sql.bind(version));
    let (dataset, draft) = (sql.bind(dataset), sql.bind(draft));
    let text = format!(
        "insert into timestore.partitions ({SHARED}, schema_version, added_version) \
         select {SHARED}, {schema_version}, {version} from timestore.staged_partitions \
         where dataset_id = {dataset} and draft_id = {draft}"
    );
    Ok(sql.execute(transaction, text).await?.rows_affected())
}

fn columns_of(files: Vec<Partition>) -> Vec<(&'static str, Column)> {
    fn each<T>(files: &[Partition], of: impl Fn(&Partition) -> T) -> Vec<T> {
        files.iter().map(of).collect()
    }
    let files = &files[..];
    vec![
        ("dataset_id", Column::Uuid(each(files, |file| file.dataset_id.0))),
        ("id", Column::Uuid(each(files, |file| file.id.0))),
        (
            "storage_target_id",
            Column::Uuid(each(files, |file| file.storage_target_id.0)),
        ),
        (
            "file_path",
            Column::Text(each(files, |file| file.file_path.clone())),
        ),
        (
            "file_format",
            Column::Text(each(files, |file| file.file_format.as_str().to_owned())),
        ),
        (
            "file_size_bytes",
            Column::BigInt(each(files, |file| file.file_size_bytes)),
        ),
        ("row_count", Column::BigInt(each(files, |file| file.row_count))),
        ("start_time", Column::Time(each(files, |file| file.start_time))),
        ("end_time", Column::Time(each(files, |file| file.end_time))),
        (
            "span_class",
            Column::SmallInt(each(files, |file| file.span_class)),
        ),
        (
            "partition_key",
            Column::Json(each(files, |file| file.partition_key.clone())),
        ),
        (
            "checksum",
            Column::OptionalText(each(files, |file| file.checksum.clone())),
        ),
        (
            "column_statistics",
            Column::OptionalJson(each(files, |file| file.column_statistics.clone())),
        ),
        (
            "bloom_filters",
            Column::OptionalJson(each(files, |file| file.bloom_filters.clone())),
        ),
        (
            "ingestion_signature",
            Column::OptionalText(each(files, |file| file.ingestion_signature.clone())),
        ),
        (
            "metadata",
            Column::Json(each(files, |file| file.metadata.clone())),
        ),
        (
            "schema_version",
            Column::OptionalInt(each(files, |file| file.schema_version)),
        ),
    ]
}
