//! Retention: which files a policy no longer keeps, before and when it is applied.
//!
//! The order of age is total (latest row, then id), so that whatever the rules are, the files that go are a prefix of it: the
//! preview and the steps that apply a policy walk the same list and ask the same question of each file.

mod cold;
mod oldest;
mod preview;
mod rules;

use std::collections::HashSet;

use serde_json::json;
use timestore_entity::enums::ManifestOperation;

use super::dataset::dataset_get_with_head_lock_in_txn;
use super::publish::Published;
use super::publish::idempotency::Key;
use super::publish::plan::{Plan, Removals};
use super::{DatasetRef, Result, Store};
use crate::auth::Requester;
pub use cold::ColdStorageDue;
use oldest::OldestFirst;
pub use preview::{Going, Hold, RetentionPreview, Tally};
pub use rules::{Rule, Rules};

/// How many files a step drops at the most.
const STEP: usize = 10_000;

/// A policy to apply.
#[derive(Clone, Debug)]
pub struct RetentionApply {
    /// The dataset.
    pub dataset: DatasetRef,
    /// The version that the manifest must follow.
    pub expected_version: Option<i32>,
    /// The key under which a repeated request is recognised.
    pub idempotency_key: Option<String>,
}

/// What came of applying a policy.
#[derive(Clone, Debug)]
pub struct RetentionApplied {
    /// What was published; where nothing had to go, the current manifest.
    pub published: Published,
    /// How many files it dropped now; 0 where the answer is that to an earlier request.
    pub dropped: u64,
    /// Whether nothing more has to go.
    pub complete: bool,
}

impl Store {
    /// Publishes a version without the files that the effective policy of a dataset no longer keeps, the oldest first and at
    /// most 10,000 of them: a step. Where nothing has to go, nothing is published.
    ///
    /// Safe beside publishers: what goes is found under the lock of the head. Repeating a step goes on where the last one
    /// stopped, unless it has the same key.
    pub async fn retention_apply(&self, by: &Requester, input: RetentionApply) -> Result<RetentionApplied> {
        let transaction = self.begin().await?;
        let (dataset, head) = dataset_get_with_head_lock_in_txn(&transaction, by, &input.dataset).await?;
        let now = self.clock.now();
        let rules = Rules::from(&self.effective_policy_in_txn(&transaction, dataset.id).await?);
        let limits = rules.limits(now);
        let mut doomed = HashSet::new();
        let mut complete = true;
        if limits.may_apply(head.start_time, head.total_bytes) {
            let mut total = head.total_bytes;
            let mut files = OldestFirst::new(&head);
            while let Some(file) = files.next(&transaction).await? {
                if limits.rule(file.end_time, total).is_none() {
                    break;
                }
                if doomed.len() == STEP {
                    complete = false;
                    break;
                }
                total -= file.file_size_bytes;
                doomed.insert(file.id);
            }
        }
        let found = doomed.len() as u64;
        let request = json!({ "expectedVersion": input.expected_version });
        let plan = Plan {
            operation: ManifestOperation::Retention,
            removals: Removals::Found(doomed),
            expected_version: input.expected_version,
            idempotency: Key::new(input.idempotency_key, "applyRetention", &request),
            ..Plan::new(DatasetRef::Id(dataset.id), "applyRetention")
        };
        let published = self
            .publish_in_txn(&transaction, by, (dataset, head), plan)
            .await?;
        transaction.commit().await?;
        self.count_published(&published);
        // What was published before leaves to do what was found now.
        let (dropped, complete) = match published.replayed {
            true => (0, found == 0),
            false => (found, complete),
        };
        Ok(RetentionApplied {
            published,
            dropped,
            complete,
        })
    }
}
