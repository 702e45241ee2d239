//! Where else a file lies: the same file below other storage targets, whose bases lead to the same directory, to one above it
//! or to one below it.

use sea_orm::DbErr;

use crate::store::backend::{Sql, Transaction};

/// A condition on `removal`: a worker has it, or had it and never said what became of it.
pub(in crate::store) const LEASED: &str =
    "removal.lease_id is not null and removal.done_at is null and removal.dead_at is null";

/// A condition: no worker has any file, of whatever dataset. Leases are named by their owners here, as their index does.
pub(in crate::store) const NONE_LEASED: &str = "not exists (select 1 from timestore.file_removals \
     where lease_owner is not null and done_at is null and dead_at is null)";

/// Whether no worker has any file.
pub(in crate::store) async fn is_none_leased_in_txn(transaction: &Transaction) -> Result<bool, DbErr> {
    let text = format!("select {NONE_LEASED}");
    let rows = Sql::new(transaction).rows(transaction, text).await?;
    rows.first().map_or(Ok(false), |row| row.try_get_by_index(0))
}

/// Common table expressions to follow one called `given`, which has a `storage_target_id`, a `file_path` and `columns`. The last,
/// `place`, has for each given file every target and path that lead to it, and its `columns`.
pub(in crate::store) fn places(columns: &[&str]) -> String {
    let columns: String = columns.iter().map(|column| format!("given.{column}, ")).collect();
    format!(
        "{KIN}, place as (select {columns}kin.storage_target_id, \
         kin.above || substr(given.file_path, length(kin.below) + 1) as file_path from given cross join kin \
         where kin.target_id = given.storage_target_id \
         and substr(given.file_path, 1, length(kin.below)) = kin.below)"
    )
}

/// Common table expressions, the last of which, `kin`, has the pairs of targets of which one leads to files of the other: a path
/// of `target_id` that begins with `below` is, with `above` in its stead, a path of `storage_target_id`.
///
/// Compared is the place of each target (see [`crate::model::naming::place()`]); where none is known, its base as it is written, a
/// plain directory as the `file://` URI of it. Targets are few, and most are kin to themselves only.
pub(in crate::store) const KIN: &str = "base as (select id, coalesce(place, case when base_uri like '/%' then 'file://' else '' end \
     || base_uri || case when base_uri like '%/' then '' else '/' end) as uri from timestore.storage_targets), \
     kin as (select one.id as target_id, other.id as storage_target_id, \
     substr(one.uri, length(other.uri) + 1) as above, substr(other.uri, length(one.uri) + 1) as below \
     from base as one cross join base as other \
     where substr(one.uri, 1, length(other.uri)) = other.uri or substr(other.uri, 1, length(one.uri)) = one.uri)";
