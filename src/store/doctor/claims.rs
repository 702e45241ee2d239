//! No file that a worker may be deleting is in a version of any dataset.
//!
//! A claim puts its lease on files before it knows whether something needs them, so that a lease alone says nothing. What it
//! hands out it audits in the same transaction: only what has been handed out is looked at.

use std::collections::HashSet;

use sea_orm::FromQueryResult;
use timestore_entity::Timestamp;
use timestore_entity::ids::LeaseId;
use uuid::Uuid;

use super::Flaw;
use crate::model::check::Check;
use crate::store::Result;
use crate::store::backend::{Sql, Transaction};
use crate::store::file_removal::{LEASED, places};

/// How far back claims are looked up: longer than the longest lease.
const CLAIMS: chrono::Duration = chrono::Duration::days(30);

#[derive(FromQueryResult)]
struct Row {
    lease_id: LeaseId,
    lease_owner: String,
    file_path: String,
    target: String,
}

/// Files of versions under a lease of removals.
pub(super) async fn flaw_in_txn(transaction: &Transaction, now: Timestamp) -> Result<Flaw> {
    let mut flaw = Flaw::none(Check::ClaimedFile);
    let rows = needed(transaction).await?;
    if rows.is_empty() {
        return Ok(flaw);
    }
    let handed_out = handed_out(transaction, now - CLAIMS).await?;
    for row in rows.iter().filter(|row| handed_out.contains(&row.lease_id.0)) {
        flaw.add(|| {
            format!(
                "{}: {} is in a version, and {} may be deleting it",
                row.target, row.file_path, row.lease_owner
            )
        });
    }
    Ok(flaw)
}

/// Places of leased files that a row of partitions names, looked up in the indexes of each dataset.
async fn needed(transaction: &Transaction) -> Result<Vec<Row>> {
    let file = |removed: &str| {
        format!(
            "(select 1 from timestore.partitions as file where file.dataset_id = dataset.id \
             and file.storage_target_id = place.storage_target_id and file.file_path = place.file_path \
             and file.removed_version {removed} limit 1) is not null"
        )
    };
    let text = format!(
        "with given as (select storage_target_id, file_path, lease_id, lease_owner \
         from timestore.file_removals as removal where {LEASED}), {} \
         select place.lease_id, place.lease_owner, place.file_path, target.name as target from place \
         join timestore.storage_targets as target on target.id = place.storage_target_id \
         where (select 1 from timestore.datasets as dataset where {} or {} limit 1) is not null \
         order by target.name, place.file_path",
        places(&["lease_id", "lease_owner"]),
        file("is null"),
        file("is not null")
    );
    Ok(Sql::new(transaction).all(transaction, text).await?)
}

/// The leases under which files have been handed out.
async fn handed_out(transaction: &Transaction, since: Timestamp) -> Result<HashSet<Uuid>> {
    #[derive(FromQueryResult)]
    struct Claim {
        detail: serde_json::Value,
    }
    let mut sql = Sql::new(transaction);
    let text = format!(
        "select detail from timestore.audit_events where action = 'claimFileRemovals' and occurred_at >= {}",
        sql.bind(since)
    );
    let claims: Vec<Claim> = sql.all(transaction, text).await?;
    let leases = claims.iter().filter_map(|claim| claim.detail["lease"].as_str());
    Ok(leases.filter_map(|lease| lease.parse().ok()).collect())
}
