//! The columns of a file: which are read, and how.

use sea_orm::{DbErr, QueryResult};
use serde_json::Value as Json;
use timestore_entity::ids::PartitionId;
use timestore_entity::partition::Model as Partition;

use crate::store::backend::ByPlace;

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
        let column = |name: &&str| match self.reads(name) {
            true => format!("child.{name}"),
            false => format!("null as {name}"),
        };
        let columns: Vec<String> = Partition::COLUMNS.iter().map(column).collect();
        columns.join(", ")
    }

    fn reads(self, column: &str) -> bool {
        match column {
            "partition_key" => self.partition_key,
            "column_statistics" | "bloom_filters" => self.statistics,
            "metadata" => self.metadata,
            _ => true,
        }
    }
}

impl ByPlace for Partition {
    const COLUMNS: &'static [&'static str] = &[
        "dataset_id",
        "id",
        "storage_target_id",
        "file_path",
        "file_format",
        "file_size_bytes",
        "row_count",
        "start_time",
        "end_time",
        "span_class",
        "checksum",
        "ingestion_signature",
        "schema_version",
        "added_version",
        "removed_version",
        "partition_key",
        "column_statistics",
        "bloom_filters",
        "metadata",
    ];

    fn read(row: &QueryResult, at: usize) -> Result<Self, DbErr> {
        Ok(Self {
            dataset_id: row.try_get_by_index(at)?,
            id: row.try_get_by_index(at + 1)?,
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
            // What is not read is null.
            partition_key: row.try_get_by_index::<Option<Json>>(at + 15)?.unwrap_or_default(),
            column_statistics: row.try_get_by_index(at + 16)?,
            bloom_filters: row.try_get_by_index(at + 17)?,
            metadata: row.try_get_by_index::<Option<Json>>(at + 18)?.unwrap_or_default(),
        })
    }
}

/// Reads a file from a row that has its columns from `at` on; none where an outer join found no file.
pub(in crate::store) fn read(row: &QueryResult, at: usize) -> Result<Option<Partition>, DbErr> {
    match row.try_get_by_index::<Option<PartitionId>>(at + 1)? {
        Some(_) => Partition::read(row, at).map(Some),
        None => Ok(None),
    }
}
