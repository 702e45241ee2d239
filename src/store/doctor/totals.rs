//! What heads and manifests say of files: their totals, made again, whether all partition keys have the same names, and when what a version
//! changed was.
//!
//! The totals are what came up to a version, less what went: one pass over the files, however many versions there are. Files that are
//! gone were in no version that can be read, and neither came nor went as far as those are concerned.

use super::Examination;
use crate::model::check::Check;
use crate::store::Result;
use crate::store::backend::{Sql, text_names};

pub(super) async fn examine_in_txn(of: &mut Examination<'_>) -> Result<()> {
    of.look(Check::Totals, |_, dataset| totals(dataset)).await?;
    of.look(Check::KeyNames, other_keys).await?;
    of.look(Check::ChangedTimes, |_, dataset| other_times(dataset))
        .await
}

/// Versions that added or removed files of other times than their manifest says.
fn other_times(dataset: &str) -> String {
    let changed = |end: &str| {
        format!(
            "select {end}_version as version, start_time, end_time from timestore.partitions \
             where dataset_id = {dataset} and {end}_version is not null"
        )
    };
    format!(
        "with changed as (select version, min(start_time) as start_time, max(end_time) as end_time \
         from ({} union all {}) as file group by version) \
         select 'version ' || manifest.version || ' changed files of other times than its manifest says' as found, \
         manifest.version as place \
         from timestore.manifests as manifest join changed on changed.version = manifest.version \
         where manifest.dataset_id = {dataset} and manifest.expired_at is null \
         and (changed.start_time < manifest.changed_start_time or changed.end_time > manifest.changed_end_time)",
        changed("added"),
        changed("removed")
    )
}

/// Files whose keys have other names, or values, than the head says.
fn other_keys(sql: &mut Sql, dataset: &str) -> String {
    let names = text_names(sql, "child.partition_key");
    format!(
        "select child.file_path || ' has another partition key than the head says' as found, child.added_version as place \
         from timestore.dataset_heads as head join timestore.partitions as child on child.dataset_id = head.dataset_id \
         where head.dataset_id = {dataset} and head.key_names is not null and coalesce({names} <> head.key_names, true)"
    )
}

fn totals(dataset: &str) -> String {
    let change = |end: &str, sign: &str| {
        format!(
            "select {end}_version as version, {sign}count(*) as files, {sign}sum(row_count) as row_count, \
             {sign}sum(file_size_bytes) as bytes from timestore.partitions \
             where dataset_id = {dataset} and {end}_version is not null group by {end}_version"
        )
    };
    let running = |sum: &str| format!("sum(sum({sum})) over (order by version) as {sum}");
    let said = |of: &str, [files, rows, bytes]: [&str; 3]| {
        format!("{of}.{files} || ' files, ' || {of}.{rows} || ' rows, ' || {of}.{bytes} || ' bytes'")
    };
    format!(
        "with change as ({} union all {} \
         union all select version, 0, 0, 0 from timestore.manifests where dataset_id = {dataset}), \
         summed as (select version, {}, {}, {} from change group by version) \
         select 'version ' || manifest.version || ' says ' || {} || ', and has ' || {} as found, manifest.version as place \
         from timestore.manifests as manifest join summed on summed.version = manifest.version \
         where manifest.dataset_id = {dataset} and manifest.expired_at is null and (manifest.partition_count <> summed.files \
         or manifest.total_rows <> summed.row_count or manifest.total_bytes <> summed.bytes)",
        change("added", ""),
        change("removed", "-"),
        running("files"),
        running("row_count"),
        running("bytes"),
        said("manifest", ["partition_count", "total_rows", "total_bytes"]),
        said("summed", ["files", "row_count", "bytes"]),
    )
}
