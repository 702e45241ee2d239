//! The columns of a file: which are read, and how.
//!
//! They are read by their place in the statement, which is known here, instead of by name: a page has thousands of values.

use sea_orm::{DbErr, QueryResult};
use serde_json::Value as Json;
use timestore_entity::ids::{DatasetId, PartitionId};
use timestore_entity::partition::Model as Partition;

/// The columns that are JSON. What is not read is null in the row, or an empty list of nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PartitionColumns {
    /// `partition_key`.
    pub partition_key: bool,
    /// `column_statistics` and `bloom_filters`.
    pub statistics: bool,
    /// `metadata`.
    pub metadata: bool,
}

/// The columns that are always read, in the order of [`read`].
const SHORT: &str = "child.dataset_id, child.id, child.storage_target_id, child.file_path, child.file_format, \
     child.file_size_bytes, child.row_count, child.start_time, child.end_time, child.span_class, child.checksum, \
     child.ingestion_signature, child.schema_version, child.added_version, child.removed_version";

impl PartitionColumns {
    /// All of them.
    pub const ALL: Self = Self {
        partition_key: true,
        statistics: true,
        metadata: true,
    };

    /// Those that one or the other reads.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            partition_key: self.partition_key || other.partition_key,
            statistics: self.statistics || other.statistics,
            metadata: self.metadata || other.metadata,
        }
    }

    /// What to select of `child`.
    pub(in crate::store) fn select(self) -> String {
        let column = |is_read, name: &str| match is_read {
            true => format!(", child.{name}"),
            false => format!(", null as {name}"),
        };
        [
            SHORT.to_owned(),
            column(self.partition_key, "partition_key"),
            column(self.statistics, "column_statistics"),
            column(self.statistics, "bloom_filters"),
            column(self.metadata, "metadata"),
        ]
        .concat()
    }
}

/// Reads a file from a row that has its columns from `at` on; none where an outer join found no file.
pub(in crate::store) fn read(row: &QueryResult, at: usize) -> Result<Option<Partition>, DbErr> {
    let Some(id) = row.try_get_by_index::<Option<PartitionId>>(at + 1)? else {
        return Ok(None);
    };
    Ok(Some(Partition {
        dataset_id: row.try_get_by_index::<DatasetId>(at)?,
        id,
        storage_target_id: row.try_get_by_index(at + 2)?,
        file_path: row.try_get_by_index(at + 3)?,
        file_format: row.try_get_by_index(at + 4)?,
        file_size_bytes: row.try_get_by_index(at + 5)?,
        row_count: row.try_get_by_index(at + 6)?,
        start_time: row.try_get_by_index(at + 7)?,
        end_time: row.try_get_by_index(at + 8)?,
        span_class: row.try_get_by_index(at + 9)?,
        checksum: row.try_get_by_index(at + 10)?,
        ingestion_signature: row.try_get_by_index(at + 11)?,
        schema_version: row.try_get_by_index(at + 12)?,
        added_version: row.try_get_by_index(at + 13)?,
        removed_version: row.try_get_by_index(at + 14)?,
        partition_key: row.try_get_by_index::<Option<Json>>(at + 15)?.unwrap_or_default(),
        column_statistics: row.try_get_by_index(at + 16)?,
        bloom_filters: row.try_get_by_index(at + 17)?,
        metadata: row.try_get_by_index::<Option<Json>>(at + 18)?.unwrap_or_default(),
    }))
}
