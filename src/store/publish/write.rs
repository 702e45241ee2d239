//! Writing a prepared publish: the manifest, the files that go, the files that come, the head, and what goes with them.

use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, FromQueryResult, QueryFilter};
use serde_json::json;
use timestore_entity::Timestamp;
use timestore_entity::dataset_head::{self, Model as DatasetHead};
use timestore_entity::enums::{ChangeKind, ManifestOperation};
use timestore_entity::ids::PartitionId;
use timestore_entity::manifest::{ActiveModel, Column, Entity, Model as Manifest};
use timestore_entity::partition::Model as Partition;

use super::input::Published;
use super::insert::{add_staged, insert_files_in_txn};
use super::prepare::{Files, Prepared, Ready};
use super::untried::insert_untried_in_txn;
use crate::auth::Requester;
use crate::model::span;
use crate::store::backend::{Batch, Sql, Transaction};
use crate::store::diff::DiffKey;
use crate::store::schema_version::Resolved;
use crate::store::trail::Trail;
use crate::store::watermark::add_watermark_advance;
use crate::store::{Refusal, Result, Store, StoreError};

/// How many files a rollback brings back at a time.
const BATCH: usize = 5_000;

impl Store {
    /// Writes what was prepared, or says why it cannot be.
    pub(super) async fn write_prepared_in_txn(
        &self,
        transaction: &Transaction,
        by: &Requester,
        prepared: Prepared,
    ) -> Result<Published> {
        match prepared {
            Prepared::Replay(published) => Ok(published),
            Prepared::Refused(faults) => Err(StoreError::Refused(Refusal(faults))),
            Prepared::Ready(ready)
                if ready.added.files == 0
                    && ready.removed.files == 0
                    && (!ready.skipped.is_empty()
                        || ready.plan.operation == ManifestOperation::Retention) =>
            {
                self.write_nothing_in_txn(transaction, by, *ready).await
            }
            Prepared::Ready(ready) => self.write_in_txn(transaction, by, *ready).await,
        }
    }

    /// Everything was skipped, or nothing had to go: no version is made, and the answer is the current one.
    async fn write_nothing_in_txn(
        &self,
        transaction: &Transaction,
        by: &Requester,
        ready: Ready,
    ) -> Result<Published> {
        let Ready {
            plan,
            dataset,
            head,
            now,
            watermark,
            skipped,
            ..
        } = ready;
        let current = Entity::find_by_id((dataset.id, head.latest_version))
            .one(transaction)
            .await?;
        let version = current.as_ref().map(|manifest| manifest.version);
        let mut batch = Batch::new(transaction);
        if let Some(advance) = &plan.watermark {
            add_watermark_advance(&mut batch, dataset.id, watermark, advance, 0, None, now);
            let trail = Trail {
                action: plan.action,
                kind: ChangeKind::WatermarkAdvanced,
                dataset: Some(&dataset),
                version: None,
                detail: json!({ "source": advance.source, "sealedThrough": advance.sealed_through }),
            };
            self.add_trail(&mut batch, by, now, trail);
        }
        if let Some(key) = plan.idempotency {
            key.add_record(&mut batch, dataset.id, version, &skipped, now);
        }
        batch.run(transaction).await?;
        Ok(Published {
            dataset,
            manifest: current,
            head: None,
            is_new: false,
            replayed: false,
            skipped,
        })
    }

    async fn write_in_txn(
        &self,
        transaction: &Transaction,
        by: &Requester,
        mut ready: Ready,
    ) -> Result<Published> {
        let schema_version = match (ready.schema.take(), &ready.restores) {
            (_, Some(restored)) => restored.schema_version,
            (Some(Resolved::Existing(version)), None) => Some(version),
            (Some(Resolved::New(fields)), None) => {
                let created = self
                    .insert_in_txn(transaction, by, &ready.dataset, &mut ready.head, fields, None)
                    .await?;
                Some(created.version)
            }
            (None, None) => None,
        };
        let (mut head, mut manifest) = advanced(&ready, by, schema_version)?;
        let mut batch = Batch::new(transaction);
        add_manifest(&mut batch, &manifest);
        if ready.removed.files > 0 {
            let count = ready.removed.files.unsigned_abs();
            let (doomed, dataset) = (&ready.doomed, ready.dataset.id);
            doomed.add_removal(&mut batch, transaction, dataset, count, manifest.version);
            // Files may come where others go.
            batch.run(transaction).await?;
        }
        let count = ready.added.files.unsigned_abs();
        let files = std::mem::replace(&mut ready.files, Files::Given(Vec::new()));
        self.add_files_in_txn(&mut batch, transaction, files, count, &manifest)
            .await?;
        let touches_bounds = head.partition_count > 0
            && ready.removed.files > 0
            && (ready.removed.start_time <= ready.head.start_time
                || ready.removed.end_time >= ready.head.end_time);
        if touches_bounds {
            batch.run(transaction).await?;
            (head.start_time, head.end_time) = bounds_in_txn(transaction, &head).await?;
            add_bounds(&mut batch, &head, &mut manifest);
        }
        add_head(&mut batch, &ready.head, &head);
        let published = self.add_rest(&mut batch, by, ready, head, manifest);
        batch.run(transaction).await?;
        Ok(published)
    }

    /// Adds what goes with a manifest to the batch: the watermark, the idempotency record, the trail. Returns what is published once the
    /// batch has run.
    pub(super) fn add_rest(
        &self,
        batch: &mut Batch,
        by: &Requester,
        ready: Ready,
        head: DatasetHead,
        manifest: Manifest,
    ) -> Published {
        let Ready {
            plan,
            dataset,
            now,
            watermark,
            skipped,
            added,
            ..
        } = ready;
        let version = Some(manifest.version);
        if let Some(advance) = &plan.watermark {
            add_watermark_advance(batch, dataset.id, watermark, advance, added.rows, version, now);
        }
        if let Some(key) = plan.idempotency {
            key.add_record(batch, dataset.id, version, &skipped, now);
        }
        let trail = Trail {
            action: plan.action,
            kind: ChangeKind::ManifestPublished,
            dataset: Some(&dataset),
            version,
            detail: json!({
                "slug": dataset.slug, "version": version, "operation": manifest.operation.as_str().to_uppercase(),
                "schemaVersion": manifest.schema_version, "addedCount": manifest.added_count,
                "removedCount": manifest.removed_count, "partitionCount": manifest.partition_count,
            }),
        };
        self.add_trail(batch, by, manifest.published_at, trail);
        Published {
            dataset,
            manifest: Some(manifest),
            head: Some(head),
            is_new: true,
            replayed: false,
            skipped,
        }
    }

    /// Adds the insertion of `count` files to the batch. Many, and those that are in the database already, are inserted at once.
    async fn add_files_in_txn(
        &self,
        batch: &mut Batch,
        transaction: &Transaction,
        files: Files,
        count: u64,
        manifest: &Manifest,
    ) -> Result<()> {
        let (version, schema_version) = (manifest.version, manifest.schema_version);
        match files {
            Files::Given(files) => {
                let files = with_schema(files, schema_version);
                insert_files_in_txn(batch, transaction, files, version).await?;
            }
            Files::Untried(files) => {
                let files = with_schema(files, schema_version);
                insert_untried_in_txn(batch, transaction, manifest.dataset_id, files, version).await?;
            }
            Files::Moved(files) => insert_files_in_txn(batch, transaction, files, version).await?,
            Files::Staged(draft) => {
                let draft = (manifest.dataset_id, draft);
                add_staged(batch, transaction, draft, count, schema_version, version);
            }
            Files::Revived(diff) => {
                let revived = self.revive_in_txn(batch, transaction, &diff, version).await?;
                if revived != count {
                    let message = format!("revived files: expected {count}, inserted {revived}");
                    return Err(StoreError::Inconsistent(message));
                }
            }
        }
        Ok(())
    }

    /// Inserts the files on a side of a difference again, under new ids: a file's row says in which versions it was, once.
    async fn revive_in_txn(
        &self,
        batch: &mut Batch,
        transaction: &Transaction,
        diff: &DiffKey,
        version: i32,
    ) -> Result<u64> {
        let mut revived = 0;
        let mut after: Option<PartitionId> = None;
        loop {
            let mut sql = Sql::new(transaction);
            let mut conditions = vec![diff.condition(&mut sql)];
            conditions.extend(after.map(|after| format!("child.id > {}", sql.bind(after))));
            let text = format!(
                "select child.* from timestore.partitions as child where {} order by child.id limit {BATCH}",
                conditions.join(" and ")
            );
            let mut files: Vec<Partition> = sql.all(transaction, text).await?;
            let Some(last) = files.last() else {
                return Ok(revived);
            };
            after = Some(last.id);
            files
                .iter_mut()
                .for_each(|file| file.id = PartitionId(self.clock.id()));
            revived += files.len() as u64;
            insert_files_in_txn(batch, transaction, files, version).await?;
            batch.run(transaction).await?;
        }
    }
}

fn with_schema(mut files: Vec<Partition>, schema_version: Option<i32>) -> Vec<Partition> {
    files
        .iter_mut()
        .for_each(|file| file.schema_version = schema_version);
    files
}

fn count(files: i64) -> Result<i32> {
    i32::try_from(files).map_err(|_| StoreError::Inconsistent(format!("{files} files in one publish")))
}

/// The head as a publish leaves it, and the manifest that the publish makes; bounds are too wide, at the most, by what goes.
pub(super) fn advanced(
    ready: &Ready,
    by: &Requester,
    schema_version: Option<i32>,
) -> Result<(DatasetHead, Manifest)> {
    let (before, added, removed) = (&ready.head, &ready.added, &ready.removed);
    let mut head = before.clone();
    head.latest_version += 1;
    head.partition_count += count(added.files)? - count(removed.files)?;
    head.total_rows += added.rows - removed.rows;
    head.total_bytes += added.bytes - removed.bytes;
    if added.files > 0 {
        let is_first = before.span_classes == 0;
        let names = ready.shape.key_names.clone();
        head.key_names = names.filter(|names| is_first || before.key_names.as_ref() == Some(names));
    }
    head.span_classes |= ready.shape.span_classes;
    // Strictly increasing, whatever the clocks of the gateways say, so that `asOf` has one answer.
    let after_last = before
        .last_published_at
        .map(|last| last + chrono::Duration::microseconds(1));
    let published_at = after_last.map_or(ready.now, |after_last| ready.now.max(after_last));
    head.last_published_at = Some(published_at);
    if head.partition_count == 0 {
        (head.start_time, head.end_time) = (None, None);
    } else {
        head.start_time = [before.start_time, added.start_time].into_iter().flatten().min();
        head.end_time = before.end_time.max(added.end_time);
    }
    let version = head.latest_version;
    let manifest = Manifest {
        dataset_id: head.dataset_id,
        version,
        operation: ready.plan.operation,
        schema_version,
        parent_version: (version > 1).then_some(version - 1),
        added_count: count(added.files)?,
        removed_count: count(removed.files)?,
        partition_count: head.partition_count,
        total_rows: head.total_rows,
        total_bytes: head.total_bytes,
        start_time: head.start_time,
        end_time: head.end_time,
        created_by: by.subject.clone(),
        summary: ready.summary.clone(),
        metadata: ready.metadata.clone(),
        created_at: ready.plan.created_at.unwrap_or(ready.now),
        published_at,
        expired_at: None,
        swept_at: None,
        changed_start_time: [removed.start_time, added.start_time].into_iter().flatten().min(),
        changed_end_time: removed.end_time.max(added.end_time),
    };
    Ok((head, manifest))
}

/// Inserts the manifest.
pub(super) fn add_manifest(batch: &mut Batch, manifest: &Manifest) {
    let row = ActiveModel::from(manifest.clone());
    batch.one("the manifest", &Entity::insert(row));
}

#[derive(FromQueryResult)]
struct Bounds {
    start_time: Option<Timestamp>,
    end_time: Option<Timestamp>,
}

/// The bounds of the live files, from the ends of the window index: a file of class c that ends last starts no earlier than
/// 2^c before the last start.
async fn bounds_in_txn(
    transaction: &Transaction,
    head: &DatasetHead,
) -> Result<(Option<Timestamp>, Option<Timestamp>)> {
    let (mut start_time, mut end_time) = (None, None);
    for class in span::classes(head.span_classes) {
        let mut sql = Sql::new(transaction);
        let live = format!(
            "dataset_id = {} and removed_version is null and span_class = {class}",
            sql.bind(head.dataset_id)
        );
        let text = format!(
            "select min(start_time) as start_time, max(start_time) as end_time from timestore.partitions where {live}"
        );
        let starts: Option<Bounds> = sql.clone().one(transaction, text).await?;
        let Some(Bounds {
            start_time: Some(first),
            end_time: Some(last),
        }) = starts
        else {
            continue;
        };
        let earliest = sql.bind(span::lower_bound(last, class));
        let text = format!(
            "select min(start_time) as start_time, max(end_time) as end_time from timestore.partitions \
             where {live} and start_time >= {earliest}"
        );
        let ends: Option<Bounds> = sql.one(transaction, text).await?;
        start_time = Some(start_time.map_or(first, |start: Timestamp| start.min(first)));
        end_time = end_time.max(ends.and_then(|ends| ends.end_time));
    }
    Ok((start_time, end_time))
}

/// Narrows the bounds of a manifest that this transaction has inserted.
fn add_bounds(batch: &mut Batch, head: &DatasetHead, manifest: &mut Manifest) {
    (manifest.start_time, manifest.end_time) = (head.start_time, head.end_time);
    let bounds = ActiveModel {
        start_time: Set(head.start_time),
        end_time: Set(head.end_time),
        ..Default::default()
    };
    let narrowed = Entity::update_many()
        .set(bounds)
        .filter(Column::DatasetId.eq(manifest.dataset_id))
        .filter(Column::Version.eq(manifest.version));
    batch.one("the manifest's bounds", &narrowed);
}

/// Writes the head, which must still be as it was when it was locked.
fn add_head(batch: &mut Batch, before: &DatasetHead, head: &DatasetHead) {
    let advanced = dataset_head::Entity::update_many()
        .set(dataset_head::ActiveModel::from(head.clone()).reset_all())
        .filter(dataset_head::Column::DatasetId.eq(head.dataset_id))
        .filter(dataset_head::Column::LatestVersion.eq(before.latest_version));
    batch.one("the dataset's head", &advanced);
}
