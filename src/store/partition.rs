//! Partitions: which files a version has, and which of them cover a window.

use std::collections::HashMap;

use timestore_entity::Timestamp;
use timestore_entity::ids::{DatasetId, PartitionId};
use timestore_entity::partition::Model as Partition;

use super::manifest::ManifestKey;
use super::{Page, Result, Rows, Store};
use crate::model::predicate::{ColumnPredicate, KeyPredicate};

/// A partition, by its key.
pub type PartitionKey = (DatasetId, PartitionId);

/// Where a partition stands in a list of files: its start time, then its id.
pub type PartitionPosition = (Timestamp, PartitionId);

/// Which files of a version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PartitionFilter {
    /// Only files that could hold a row in this window, closed on both sides.
    pub window: Option<(Timestamp, Timestamp)>,
    /// Only files whose partition key could match all of these.
    pub keys: Vec<KeyPredicate>,
    /// Only files whose column statistics could match all of these.
    pub columns: Vec<ColumnPredicate>,
}

/// A page of files.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PartitionQuery {
    /// Which files.
    pub filter: PartitionFilter,
    /// Which of those.
    pub page: Page<PartitionPosition>,
    /// Whether to read the column statistics and bloom filters of the files.
    pub with_statistics: bool,
}

/// How many files a filter left out, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruning {
    /// Files in the window.
    pub considered: u64,
    /// Files that no predicate rules out.
    pub selected: u64,
    /// Files ruled out by their partition key.
    pub pruned_by_key: u64,
    /// Files that the key let through and the column statistics rule out.
    pub pruned_by_columns: u64,
}

/// Which side of a change of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Files that the later version has and the earlier one has not.
    Added,
    /// Files that the earlier version has and the later one has not.
    Removed,
}

/// The difference between two versions of a dataset. A file that is equal (target, path, size, checksum) in both is on neither side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DiffKey {
    pub dataset_id: DatasetId,
    pub from: i32,
    pub to: i32,
    pub side: Side,
}

impl Store {
    /// The partitions with these keys.
    pub async fn partitions_by_key(&self, keys: &[PartitionKey]) -> Result<HashMap<PartitionKey, Partition>> { todo!() }
    /// The same page of the files of each version, by start time, then id. Fails where a version has expired.
    pub async fn partition_pages(&self, keys: &[ManifestKey], query: &PartitionQuery) -> Result<HashMap<ManifestKey, Rows<Partition>>> { todo!() }
    /// How many files of each version a filter lets through, and why it leaves the others out.
    pub async fn partition_prunings(&self, keys: &[ManifestKey], filter: &PartitionFilter) -> Result<HashMap<ManifestKey, Pruning>> { todo!() }
    /// The same page of what each version itself added or removed (`Side`), by start time, then id.
    pub async fn partition_pages_changed(&self, keys: &[ManifestKey], side: Side, page: &Page<PartitionPosition>) -> Result<HashMap<ManifestKey, Rows<Partition>>> { todo!() }
    /// A page of one side of a difference, by start time, then id.
    pub async fn partition_diff_page(&self, diff: &DiffKey, page: &Page<PartitionPosition>) -> Result<Rows<Partition>> { todo!() }
    /// How many files one side of a difference has.
    pub async fn partition_diff_count(&self, diff: &DiffKey) -> Result<u64> { todo!() }
}
