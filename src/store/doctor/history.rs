//! What history needs is there, and what nothing needs any more is on its way out.
//!
//! Whether all versions of a file have expired is told by counting, up to each version, those that have not.

use super::Examination;
use crate::model::check::Check;
use crate::store::Result;

/// How long after its last version expired a file may wait to be queued.
const UNSWEPT: chrono::Duration = chrono::Duration::hours(1);

pub(super) async fn examine_in_txn(of: &mut Examination<'_>) -> Result<()> {
    let now = of.now;
    // A clock that is behind must not take a pin that has run out for one that lasts.
    of.look(Check::PinExpired, |sql, dataset| {
        format!(
            "select 'snapshot ' || pin.name || ' pins version ' || pin.version || ', which has expired' as found, \
             pin.version as place from timestore.snapshots as pin join timestore.manifests as pinned \
             on pinned.dataset_id = pin.dataset_id and pinned.version = pin.version where pin.dataset_id = {dataset} \
             and pinned.expired_at is not null and (pin.expires_at is null \
             or (pin.expires_at > {} and pin.expires_at > pinned.expired_at))",
            sql.bind(now)
        )
    })
    .await?;
    of.look(Check::RemovalOfFile, |_, dataset| {
        format!(
            "select file.file_path || ' is in versions, and has been queued for removal' as found, file.file_path as place \
             from timestore.partitions as file join timestore.file_removals as removal \
             on removal.dataset_id = file.dataset_id and removal.partition_id = file.id where file.dataset_id = {dataset}"
        )
    })
    .await?;
    of.look(Check::SweptFile, |_, dataset| {
        let left = without(dataset, "swept_at is null");
        format!(
            "{left} union all select 'version ' || version || ' was swept, and can be read', '' from timestore.manifests \
             where dataset_id = {dataset} and swept_at is not null and expired_at is null"
        )
    })
    .await?;
    of.look(Check::FileUnswept, |sql, dataset| {
        let needed = format!("expired_at is null or expired_at > {}", sql.bind(now - UNSWEPT));
        // Those of versions that were swept are damage of another kind. Passes leave archived datasets as they are, and files
        // that a draft is going to remove.
        format!(
            "{} and high.unswept > low.unswept - low.is_unswept \
             and exists (select 1 from timestore.datasets where id = {dataset} and status = 'active') \
             and not exists (select 1 from timestore.staged_removals as staged \
             where staged.dataset_id = file.dataset_id and staged.partition_id = file.id)",
            without(dataset, &needed)
        )
    })
    .await
}

/// Files all of whose versions lack `what`, a condition on manifests.
fn without(dataset: &str, what: &str) -> String {
    let counted = |name: &str, what: &str| {
        let flag = format!("case when {what} then 1 else 0 end");
        format!("{flag} as is_{name}, sum({flag}) over (order by version) as {name}")
    };
    format!(
        "with counted as (select version, {}, {} from timestore.manifests where dataset_id = {dataset}) \
         select file.file_path || ' of versions ' || file.added_version || ' to ' || (file.removed_version - 1) \
         || ' is not needed any more' as found, file.file_path as place from timestore.partitions as file \
         join counted as low on low.version = file.added_version \
         join counted as high on high.version = file.removed_version - 1 \
         where file.dataset_id = {dataset} and file.removed_version > file.added_version \
         and high.needing = low.needing - low.is_needing",
        counted("needing", what),
        counted("unswept", "swept_at is null")
    )
}
