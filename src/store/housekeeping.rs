//! Clears away what has served: drafts and idempotency keys past their time, and old records of what was done.
//!
//! Each method is one transaction that deletes a bounded batch, oldest first, and says how many rows went. Call it again until it
//! says 0.

use sea_orm::sea_query::{LockBehavior, LockType};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use timestore_entity::Timestamp;
use timestore_entity::manifest_draft::{Column as Draft, Entity, Model as ManifestDraft};

use super::backend::{self, Others, Relation, Sql, for_update, in_relation, relations};
use super::{Result, Store, StoreError};

/// How long a published draft is kept past its time: as long as an idempotency key that it was published under can be replayed.
const REPLAY: chrono::Duration = chrono::Duration::days(30);

/// How long an expired key is kept, so that `commitStatus` can say that it was used.
const EXPIRED_KEY: chrono::Duration = chrono::Duration::days(30);

impl Store {
    /// Deletes drafts past their time, with what is staged in them: those that nobody published, and those that were published
    /// so long ago that nobody repeats it. At most `limit` rows go, or one draft where that has more; drafts that someone is
    /// working on are left for the next time.
    pub async fn drafts_expire(&self, limit: u32) -> Result<u64> {
        let transaction = self.begin().await?;
        let now = self.clock.now();
        let replayed_until = now - REPLAY;
        let has_served = Condition::any()
            .add(Draft::PublishedVersion.is_null())
            .add(Draft::ExpiresAt.lte(replayed_until));
        let drafts = Entity::find()
            .filter(Draft::ExpiresAt.lte(now))
            .filter(has_served)
            .order_by_asc(Draft::ExpiresAt)
            .limit(u64::from(limit))
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .all(&transaction)
            .await?;
        let drafts = batch(drafts, limit);
        if drafts.is_empty() {
            return Ok(0);
        }
        let mut deleted = 0;
        for (table, key) in [
            ("staged_partitions", "(dataset_id, draft_id)"),
            ("staged_removals", "(dataset_id, draft_id)"),
            ("manifest_drafts", "(dataset_id, id)"),
        ] {
            let mut gone = 0;
            for relation in relations(&transaction, keys(&drafts)) {
                let of = in_relation(key, &relation);
                let Relation { sql, .. } = relation;
                let text = format!("delete from timestore.{table} where {of}");
                gone += sql.execute(&transaction, text).await?.rows_affected();
            }
            if table == "manifest_drafts" && gone != drafts.len() as u64 {
                let message = format!("{} drafts were locked, and {gone} deleted", drafts.len());
                return Err(StoreError::Inconsistent(message));
            }
            deleted += gone;
        }
        transaction.commit().await?;
        Ok(deleted)
    }

    /// Deletes at most `limit` idempotency records that expired so long ago that nobody asks what became of them: until then
    /// `commitStatus` says that they were used.
    pub async fn idempotency_records_forget(&self, limit: u32) -> Result<u64> {
        let old = Old {
            table: "idempotency_records",
            key: "dataset_id, key",
            order: "expires_at",
            also: None,
        };
        self.forget(&old, self.clock.now() - EXPIRED_KEY, limit).await
    }

    /// Deletes at most `limit` audit events from before `older_than`. Those of retention policies that were cleared stay for as
    /// long as their datasets: the revisions of the next policies go on from them.
    pub async fn audit_events_forget(&self, older_than: Timestamp, limit: u32) -> Result<u64> {
        let old = Old {
            table: "audit_events",
            key: "id",
            order: "occurred_at",
            also: Some(
                "not (action = 'clearRetentionPolicy' and outcome = 'success' and exists \
                 (select 1 from timestore.datasets as dataset where dataset.id = old.dataset_id))",
            ),
        };
        self.forget(&old, older_than, limit).await
    }

    /// Deletes at most `limit` lifecycle runs that ended before `older_than`.
    pub async fn lifecycle_runs_forget(&self, older_than: Timestamp, limit: u32) -> Result<u64> {
        let old = Old {
            table: "lifecycle_runs",
            key: "id",
            // A run is asked for before it ends: the index on that time serves.
            order: "created_at",
            also: Some("finished_at < {before}"),
        };
        self.forget(&old, older_than, limit).await
    }

    /// Deletes at most `limit` removals of files that were settled before `older_than`.
    pub async fn file_removals_forget(&self, older_than: Timestamp, limit: u32) -> Result<u64> {
        let old = Old {
            table: "file_removals",
            key: "dataset_id, partition_id",
            order: "done_at",
            also: None,
        };
        self.forget(&old, older_than, limit).await
    }

    async fn forget(&self, old: &Old, before: Timestamp, limit: u32) -> Result<u64> {
        let transaction = self.begin().await?;
        let mut sql = Sql::new(&transaction);
        let Old {
            table, key, order, ..
        } = old;
        let condition = old.condition(&sql.bind(before));
        // Found and locked first, by the index, so that the cost is that of the batch, however much there is to forget.
        let text = format!(
            "with old as materialized \
             (select {key} from timestore.{table} as old where {condition} order by {order} limit {}{}) \
             delete from timestore.{table} where ({key}) in (select {key} from old)",
            limit,
            for_update(&sql, Others::Skip)
        );
        let deleted = sql.execute(&transaction, text).await?.rows_affected();
        transaction.commit().await?;
        Ok(deleted)
    }
}

/// Which rows of a table are old.
struct Old {
    table: &'static str,
    /// The columns of its primary key.
    key: &'static str,
    /// The instant that has an index.
    order: &'static str,
    /// What else must hold of the row, which is called `old`; `{before}` stands for the instant.
    also: Option<&'static str>,
}

impl Old {
    /// That they lie before the instant named `before`. A null lies before nothing.
    fn condition(&self, before: &str) -> String {
        let also = self
            .also
            .map(|also| format!(" and {}", also.replace("{before}", before)));
        format!("{} < {before}{}", self.order, also.unwrap_or_default())
    }
}

/// The first drafts whose rows are at most `limit`, but one at least.
fn batch(drafts: Vec<ManifestDraft>, limit: u32) -> Vec<ManifestDraft> {
    let mut rows = 0;
    let fits = |(index, draft): &(usize, ManifestDraft)| {
        rows += 1;
        // What was published is staged no more.
        if draft.published_version.is_none() {
            rows += i64::from(draft.added_count) + i64::from(draft.removed_count);
        }
        *index == 0 || rows <= i64::from(limit)
    };
    let batch = drafts.into_iter().enumerate().take_while(fits);
    batch.map(|(_, draft)| draft).collect()
}

fn keys(drafts: &[ManifestDraft]) -> Vec<(&'static str, backend::Column)> {
    let datasets = drafts.iter().map(|draft| draft.dataset_id.0).collect();
    let ids = drafts.iter().map(|draft| draft.id.0).collect();
    vec![
        ("dataset_id", backend::Column::Uuid(datasets)),
        ("id", backend::Column::Uuid(ids)),
    ]
}
