//! The files of a dataset belong to intervals of versions that exist, and in no version a path or a signature occurs twice.
//!
//! The rows of files that no version needs any more are gone, so that not every count of a manifest can be made again: what was
//! added by a version that can be read is there, and what was removed after a version that can be read is there.

use super::Examination;
use crate::model::check::Check;
use crate::store::Result;

pub(super) async fn examine_in_txn(of: &mut Examination<'_>) -> Result<()> {
    of.look(Check::FileInterval, |_, dataset| intervals(dataset))
        .await?;
    of.look(Check::FileCounts, |_, dataset| counts(dataset)).await?;
    of.look(Check::PathTwice, |_, dataset| {
        twice(
            dataset,
            "storage_target_id, file_path",
            "file_path",
            "coalesce((select name from timestore.storage_targets where id = storage_target_id), '?') || ': ' || file_path",
        )
    })
    .await?;
    of.look(Check::SignatureTwice, |_, dataset| {
        twice(
            dataset,
            "ingestion_signature",
            "ingestion_signature",
            "'signature ' || ingestion_signature",
        )
    })
    .await
}

fn intervals(dataset: &str) -> String {
    format!(
        "select file.file_path || case \
         when added.version is null then ' is added in version ' || file.added_version || ', which is not there' \
         when file.removed_version <= file.added_version then ' is removed in version ' || file.removed_version \
         || ', and added in version ' || file.added_version \
         when file.start_time > file.end_time then ' ends before it starts' \
         else ' is removed in version ' || file.removed_version || ', which is not there' end as found, \
         file.file_path as place from timestore.partitions as file \
         left join timestore.manifests as added \
         on added.dataset_id = file.dataset_id and added.version = file.added_version \
         left join timestore.manifests as removed \
         on removed.dataset_id = file.dataset_id and removed.version = file.removed_version \
         where file.dataset_id = {dataset} and (added.version is null or file.start_time > file.end_time \
         or (file.removed_version is not null and (removed.version is null or file.removed_version <= file.added_version)))"
    )
}

/// Versions that say that other numbers of files came or went than there are rows, which may be fewer where versions expired.
fn counts(dataset: &str) -> String {
    let count = |verb: &str, exact: &str| {
        format!(
            "select 'version ' || manifest.version || ' {verb} ' || manifest.{verb}_count || ' files, and ' \
             || coalesce(counted.files, 0) || ' are there' as found, manifest.version as place \
             from timestore.manifests as manifest \
             left join timestore.manifests as parent on parent.dataset_id = manifest.dataset_id \
             and parent.version = manifest.version - 1 \
             left join (select {verb}_version as version, count(*) as files from timestore.partitions \
             where dataset_id = {dataset} and {verb}_version is not null group by {verb}_version) as counted \
             on counted.version = manifest.version \
             where manifest.dataset_id = {dataset} and (coalesce(counted.files, 0) > manifest.{verb}_count \
             or ({exact} and coalesce(counted.files, 0) < manifest.{verb}_count))"
        )
    };
    format!(
        "{} union all {}",
        count("added", "manifest.expired_at is null"),
        count(
            "removed",
            "(manifest.version = 1 or (parent.version is not null and parent.expired_at is null))"
        )
    )
}

/// Rows whose interval begins before that of an earlier row with the same `columns` has ended.
fn twice(dataset: &str, columns: &str, place: &str, what: &str) -> String {
    format!(
        "select {what} || ' is added in version ' || added_version || ', and was not removed before' as found, \
         {place} as place from (select {columns}, added_version, max(coalesce(removed_version, 2147483647)) over \
         (partition by {columns} order by added_version, id rows between unbounded preceding and 1 preceding) as taken_until \
         from timestore.partitions where dataset_id = {dataset} and {place} is not null \
         and (removed_version is null or removed_version > added_version)) as file where added_version < taken_until"
    )
}
