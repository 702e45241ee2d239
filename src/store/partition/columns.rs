//! The columns of a file: which are read, and how.

use sea_orm::{DbErr, QueryResult};
use timestore_entity::ids::{DatasetId, PartitionId};
use timestore_entity::partition::Model as Partition;

use crate::store::backend::{ByPlace, Columns, value_at};

/// No more columns of a file than those that are always read.
pub(in crate::store) const FEWEST: Columns = Columns::named::<Partition>(&[]);

/// The columns that tell which versions have a file.
pub(in crate::store) const VERSIONS: Columns =
    Columns::named::<Partition>(&["added_version", "removed_version"]);

/// What to select of `child`, for [`read`]. The dataset, which is its first column, is known.
pub(in crate::store) fn select(columns: Columns) -> String {
    columns.without(Columns::FIRST).select::<Partition>("child")
}

/// Reads a file of a dataset from a row that has these of its columns from `at` on; none where an outer join found no file.
pub(in crate::store) fn read(
    row: &QueryResult,
    at: usize,
    columns: Columns,
    dataset: DatasetId,
) -> Result<Option<Partition>, DbErr> {
    if value_at::<Option<PartitionId>>(row, at)?.is_none() {
        return Ok(None);
    }
    let mut file = Partition::read(row, at, columns.without(Columns::FIRST))?;
    file.dataset_id = dataset;
    Ok(Some(file))
}
