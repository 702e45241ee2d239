//! The files that a publish adds, as far as the request itself says what is wrong with them.

use std::collections::HashMap;

use sea_orm::ConnectionTrait;
use timestore_entity::dataset::Model as Dataset;
use timestore_entity::enums::FileFormat;
use timestore_entity::ids::{DatasetId, PartitionId, StorageTargetId};
use timestore_entity::partition::Model as Partition;
use uuid::Uuid;

use super::input::PartitionAdd;
use crate::auth::Requester;
use crate::model::{naming, predicate, span};
use crate::store::faults::Faults;
use crate::store::storage_target::storage_target_find_to_use_in_txn;
use crate::store::{Clock, Fault, Result, StorageTargetRef};

/// How large the bloom filters of a file may be, as JSON.
const MAX_BLOOM_FILTERS: usize = 1 << 20;

/// A file of a request, checked, with its place in the request.
pub(in crate::store) struct Addition {
    pub(in crate::store) index: usize,
    pub(in crate::store) file: Partition,
}

/// Resolves the storage targets that a request names, each once.
pub(in crate::store) struct Targets<'a> {
    by: &'a Requester,
    dataset: &'a Dataset,
    known: HashMap<StorageTargetRef, Option<StorageTargetId>>,
}

impl<'a> Targets<'a> {
    /// For a request of `by` about `dataset`.
    pub(in crate::store) fn new(by: &'a Requester, dataset: &'a Dataset) -> Self {
        Self {
            by,
            dataset,
            known: HashMap::new(),
        }
    }

    /// The target that is named, or the dataset's default; adds a fault at `path` where there is none.
    pub(in crate::store) async fn resolve_in_txn(
        &mut self,
        connection: &impl ConnectionTrait,
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
            let found = storage_target_find_to_use_in_txn(connection, self.by, self.dataset, named).await?;
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
    connection: &impl ConnectionTrait,
    clock: &dyn Clock,
    by: &Requester,
    dataset: &Dataset,
    add: Vec<PartitionAdd>,
    faults: &mut Faults,
) -> Result<Vec<Addition>> {
    let mut targets = Targets::new(by, dataset);
    let mut additions = Vec::with_capacity(add.len());
    for (index, add) in add.into_iter().enumerate() {
        let at = index.to_string();
        let path = ["add", &at, "storageTarget"];
        let target = targets
            .resolve_in_txn(connection, add.storage_target.as_ref(), &path, faults)
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
