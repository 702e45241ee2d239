//! Versions are 1, 2, 3 … in time, and the head is where the newest one is.

use super::Examination;
use crate::model::check::Check;
use crate::store::Result;

/// What a head repeats of its newest manifest.
const REPEATED: [(&str, &str); 6] = [
    ("partition_count", "partition_count"),
    ("total_rows", "total_rows"),
    ("total_bytes", "total_bytes"),
    ("start_time", "start_time"),
    ("end_time", "end_time"),
    ("last_published_at", "published_at"),
];

pub(super) async fn examine_in_txn(of: &mut Examination<'_>) -> Result<()> {
    of.look(Check::VersionGap, |_, dataset| {
        gaps(dataset, "manifests", "latest_version", "version")
    })
    .await?;
    of.look(Check::SchemaVersionGap, |_, dataset| {
        gaps(
            dataset,
            "schema_versions",
            "latest_schema_version",
            "schema version",
        )
    })
    .await?;
    of.look(Check::VersionOrder, |_, dataset| order(dataset)).await?;
    of.look(Check::NewestExpired, |_, dataset| {
        format!(
            "select 'version ' || newest.version || ', the newest one, has expired' as found, newest.version as place \
             from timestore.dataset_heads as head join timestore.manifests as newest \
             on newest.dataset_id = head.dataset_id and newest.version = head.latest_version \
             where head.dataset_id = {dataset} and newest.expired_at is not null"
        )
    })
    .await?;
    of.look(Check::HeadDiffers, |_, dataset| head(dataset)).await
}

/// Numbers that do not follow each other, or that end elsewhere than the head says.
fn gaps(dataset: &str, table: &str, latest: &str, what: &str) -> String {
    format!(
        "select '{what} ' || version || ' follows ' || previous as found, version as place from \
         (select version, coalesce(lag(version) over (order by version), 0) as previous \
         from timestore.{table} where dataset_id = {dataset}) as numbered where version <> previous + 1 \
         union all select 'the head is at {what} ' || head.{latest} || ', and the newest is ' || newest.version, head.{latest} \
         from timestore.dataset_heads as head cross join \
         (select coalesce(max(version), 0) as version from timestore.{table} where dataset_id = {dataset}) as newest \
         where head.dataset_id = {dataset} and head.{latest} <> newest.version"
    )
}

fn order(dataset: &str) -> String {
    format!(
        "select 'version ' || version || ' has ' || coalesce('version ' || parent_version, 'none') || ' as its parent' as found, \
         version as place from timestore.manifests where dataset_id = {dataset} \
         and coalesce(parent_version, 0) <> version - 1 \
         union all select 'version ' || version || ' was published no later than the one before it', version from \
         (select version, published_at, lag(published_at) over (order by version) as previous \
         from timestore.manifests where dataset_id = {dataset}) as published where published_at <= previous"
    )
}

fn head(dataset: &str) -> String {
    let differences: Vec<String> = REPEATED
        .iter()
        .map(|(head, newest)| {
            format!("case when head.{head} is distinct from newest.{newest} then ' {head}' else '' end")
        })
        .collect();
    let differences = differences.join(" || ");
    format!(
        "select 'the head differs from version ' || latest_version || ' in' || differences as found, latest_version as place \
         from (select head.latest_version, {differences} as differences from timestore.dataset_heads as head \
         join timestore.manifests as newest on newest.dataset_id = head.dataset_id \
         and newest.version = head.latest_version where head.dataset_id = {dataset}) as compared where differences <> '' \
         union all select 'the head has files before the first version', 0 from timestore.dataset_heads as head \
         where head.dataset_id = {dataset} and head.latest_version = 0 \
         and (head.partition_count <> 0 or head.total_rows <> 0 or head.total_bytes <> 0 or head.start_time is not null) \
         union all select 'the dataset has no head', 0 from timestore.datasets as dataset where dataset.id = {dataset} \
         and not exists (select 1 from timestore.dataset_heads as head where head.dataset_id = dataset.id)"
    )
}
