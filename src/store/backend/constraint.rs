//! Which constraint a statement violated. PostgreSQL names the constraint, SQLite the columns.

use sea_orm::{DbErr, RuntimeErr, sqlx};

/// A unique constraint that a caller can violate, under both names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Unique {
    /// The constraint's name.
    name: &'static str,
    /// The last of its columns, with the table.
    column: &'static str,
}

/// The name of a storage target.
pub(in crate::store) const STORAGE_TARGET_NAME: Unique = Unique {
    name: "storage_targets_name_key",
    column: "storage_targets.name",
};
/// The slug of a dataset.
pub(in crate::store) const DATASET_SLUG: Unique = Unique {
    name: "datasets_slug_key",
    column: "datasets.slug",
};

/// The path of a live file.
pub(in crate::store) const LIVE_PATH: Unique = Unique {
    name: "partitions_live_path_key",
    column: "partitions.file_path",
};
/// The ingestion signature of a live file.
pub(in crate::store) const LIVE_SIGNATURE: Unique = Unique {
    name: "partitions_live_signature_key",
    column: "partitions.ingestion_signature",
};

/// Whether `error` is what the database answered, so that the statement has changed nothing.
pub(super) fn is_refusal(error: &DbErr) -> bool {
    answer(error).is_some()
}

/// Whether `error` says that a lock was not to be had in the time that a statement waits for one.
pub(super) fn is_lock_timeout(error: &DbErr) -> bool {
    answer(error).is_some_and(|error| error.code().as_deref() == Some("55P03"))
}

/// Whether `error` says that `unique` was violated.
pub(in crate::store) fn violates(error: &DbErr, unique: Unique) -> bool {
    let Some(error) = answer(error) else {
        return false;
    };
    match error.constraint() {
        Some(name) => name == unique.name,
        None => error.is_unique_violation() && error.message().ends_with(unique.column),
    }
}

/// What the database has answered, where it did.
fn answer(error: &DbErr) -> Option<&dyn sqlx::error::DatabaseError> {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) = error
    else {
        return None;
    };
    error.as_database_error()
}
