//! The columns of a file: which are read, and how.

use sea_orm::{DbErr, QueryResult};
use serde_json::Value as Json;
use timestore_entity::ids::PartitionId;
use timestore_entity::partition::Model as Partition;

use crate::store::backend::{ByPlace, value_at};

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
        let mut columns = String::with_capacity(Partition::COLUMNS.len() * 24);
        for name in Partition::COLUMNS {
            if !columns.is_empty() {
                columns.push_str(", ");
            }
            columns.push_str(if self.reads(name) { "child." } else { "null as " });
            columns.push_str(name);
        }
        columns
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
            dataset_id: value_at(row, at)?,
            id: value_at(row, at + 1)?,
            storage_target_id: value_at(row, at + 2)?,
            file_path: value_at(row, at + 3)?,
            file_format: value_at(row, at + 4)?,
            file_size_bytes: value_at(row, at + 5)?,
            row_count: value_at(row, at + 6)?,
            start_time: value_at(row, at + 7)?,
            end_time: value_at(row, at + 8)?,
            span_class: value_at(row, at + 9)?,
            checksum: value_at(row, at + 10)?,
            ingestion_signature: value_at(row, at + 11)?,
            schema_version: value_at(row, at + 12)?,
            added_version: value_at(row, at + 13)?,
            removed_version: value_at(row, at + 14)?,
            // What is not read is null.
            partition_key: value_at::<Option<Json>>(row, at + 15)?.unwrap_or_default(),
            column_statistics: value_at(row, at + 16)?,
            bloom_filters: value_at(row, at + 17)?,
            metadata: value_at(row, at + 18)?,
        })
    }
}

/// Reads a file from a row that has its columns from `at` on; none where an outer join found no file.
pub(in crate::store) fn read(row: &QueryResult, at: usize) -> Result<Option<Partition>, DbErr> {
    match value_at::<Option<PartitionId>>(row, at + 1)? {
        Some(_) => Partition::read(row, at).map(Some),
        None => Ok(None),
    }
}
