//! Publishing at once: a publish of a few files into a dataset that nobody else has changed since this gateway published to it is one
//! statement, and a transaction of its own. What it would have to look up is remembered.
//!
//! The statement fails as a whole unless everything is as it is remembered: the head of the dataset, and its row. It fails, too, where
//! a constraint says that a file, a signature or an idempotency key is there already, and where a worker deletes a file at one of the
//! paths. Then nothing has happened, and the publish goes the long way, which finds out what is the matter and says so.

use std::collections::HashSet;

use sea_orm::ConnectionTrait;
use timestore_entity::dataset::Model as Dataset;
use timestore_entity::dataset_head::Model as DatasetHead;
use timestore_entity::enums::{DatasetStatus, ManifestOperation};
use timestore_entity::partition::Model as Partition;

use super::additions::check_additions_in_txn;
use super::duplicates::within_request;
use super::input::Published;
use super::insert::add_files;
use super::plan::{Additions, Plan, Removals};
use super::prepare::{Files, Ready, check_sums, sums_of};
use super::removals::{Doomed, Sums};
use super::write::{add_manifest, advanced};
use crate::auth::Requester;
use crate::store::backend::{Batch, Column, Relation, Sql, UNDER_WAY, relations};
use crate::store::faults::Faults;
use crate::store::file_removal::{LEASED, NONE_LEASED, places};
use crate::store::schema_version::{Resolved, resolve_in_txn};
use crate::store::watermark::watermark_check_in_txn;
use crate::store::{Result, Store};

/// How many files are published at once at the most: what is sent in vain is sent twice.
const MAX_FILES: usize = 100;

impl Store {
    /// Publishes what `plan` says to a dataset that is remembered like this. None where that is not possible.
    pub(super) async fn publish_at_once(
        &self,
        by: &Requester,
        plan: &Plan,
        (dataset, head): (Dataset, DatasetHead),
    ) -> Result<Option<Published>> {
        let Some((mut ready, files)) = self.ready_at_once(plan, dataset, head).await? else {
            return Ok(None);
        };
        let schema_version = match ready.schema.take() {
            Some(Resolved::Existing(version)) => Some(version),
            _ => None,
        };
        let (head, manifest) = advanced(&ready, by, schema_version)?;
        let source = self.reader.source();
        let mut batch = Batch::new(source.pool());
        // First of all, since what locks the head is in nobody's way.
        add_head_as_remembered(&mut batch, source.pool(), &ready, &head, &files);
        add_manifest(&mut batch, &manifest);
        let with_schema = |file| Partition {
            schema_version,
            ..file
        };
        let files = files.into_iter().map(with_schema).collect();
        add_files(&mut batch, source.pool(), files, manifest.version);
        let published = self.add_rest(&mut batch, by, ready, head, manifest);
        if !batch.run_alone(source).await? {
            return Ok(None);
        }
        self.count_published(&published);
        Ok(Some(published))
    }

    /// What a plan comes to that only adds files, and the files; none where it does more, or where anything is wrong with it. What a request
    /// names besides the dataset is read.
    async fn ready_at_once(
        &self,
        plan: &Plan,
        dataset: Dataset,
        head: DatasetHead,
    ) -> Result<Option<(Ready, Vec<Partition>)>> {
        let (Additions::Given(add), Removals::Listed(remove)) = (&plan.additions, &plan.removals) else {
            return Ok(None);
        };
        let only_adds = plan.operation == ManifestOperation::Append && remove.is_empty();
        let expected = plan.expected_version.unwrap_or(head.latest_version);
        if !only_adds
            || !(1..=MAX_FILES).contains(&add.len())
            || !plan.faults.is_empty()
            || expected != head.latest_version
            || dataset.status != DatasetStatus::Active
        {
            return Ok(None);
        }
        let (reader, mut faults) = (&self.reader, Faults::default());
        let (newest, named) = (head.latest_schema_version, plan.schema.as_ref());
        let schema = resolve_in_txn(reader, &dataset, newest, named, &mut faults, &["schema"]).await?;
        if matches!(schema, Some(Resolved::New(_))) {
            return Ok(None);
        }
        let watermark = match &plan.watermark {
            Some(advance) => watermark_check_in_txn(reader, dataset.id, advance, &mut faults).await?,
            None => None,
        };
        let add = add.clone();
        let additions =
            check_additions_in_txn(reader, &*self.clock, &self.viewer, &dataset, add, &mut faults).await?;
        if !faults.is_empty() || !within_request(&additions).is_empty() {
            return Ok(None);
        }
        let files: Vec<_> = additions.into_iter().map(|addition| addition.file).collect();
        let (added, shape) = sums_of(&files);
        let key = plan.idempotency.clone();
        let ready = Ready {
            now: self.clock.now(),
            schema,
            files: Files::Given(Vec::new()),
            added,
            shape,
            doomed: Doomed::Listed(HashSet::new()),
            removed: Sums::default(),
            restores: None,
            watermark,
            skipped: Vec::new(),
            summary: faults.object(&["summary"], plan.summary.clone()),
            metadata: faults.object(&["metadata"], plan.metadata.clone()),
            plan: Plan {
                idempotency: key.map(|key| key.unused(&mut faults)),
                watermark: plan.watermark.clone(),
                ..Plan::new(plan.dataset.clone(), plan.action)
            },
            dataset,
            head,
        };
        check_sums(&ready.plan, &ready.head, added, ready.removed, &[], &mut faults);
        Ok(faults.is_empty().then_some((ready, files)))
    }
}

/// Writes the head, where head and dataset are as they are remembered and nobody deletes what comes.
fn add_head_as_remembered(
    batch: &mut Batch,
    connection: &impl ConnectionTrait,
    ready: &Ready,
    head: &DatasetHead,
    files: &[Partition],
) {
    let columns = vec![
        (
            "storage_target_id",
            Column::Uuid(files.iter().map(|file| file.storage_target_id.0).collect()),
        ),
        (
            "file_path",
            Column::Text(files.iter().map(|file| file.file_path.clone()).collect()),
        ),
    ];
    let update = |Relation { from, mut sql, .. }| {
        // Mostly there are no leases, and no places to be found out.
        let text = format!(
            "update timestore.dataset_heads set {} where {} and {UNDER_WAY} and ({NONE_LEASED} or not exists (\
             with given as (select * from {from}), {} select from place cross join timestore.file_removals as removal \
             where removal.storage_target_id = place.storage_target_id and removal.file_path = place.file_path and {LEASED}))",
            assignments(&mut sql, head),
            as_remembered(&mut sql, &ready.head, &ready.dataset),
            places(&[])
        );
        sql.statement(text)
    };
    let updates = relations(connection, columns).into_iter().map(update);
    batch.add("the dataset's head", 1, updates.collect());
}

fn assignments(sql: &mut Sql, head: &DatasetHead) -> String {
    let assigned = [
        ("latest_version", sql.bind(head.latest_version)),
        ("partition_count", sql.bind(head.partition_count)),
        ("total_rows", sql.bind(head.total_rows)),
        ("total_bytes", sql.bind(head.total_bytes)),
        ("start_time", sql.bind(head.start_time)),
        ("end_time", sql.bind(head.end_time)),
        ("span_classes", sql.bind(head.span_classes)),
        ("last_published_at", sql.bind(head.last_published_at)),
        ("key_names", sql.bind(head.key_names.clone())),
    ];
    let assigned = assigned.map(|(column, value)| format!("{column} = {value}"));
    assigned.join(", ")
}

/// A condition: the head was not moved, and nobody has edited the dataset. What else is remembered of a dataset moves with these: its
/// files with versions, its schema versions with their number.
fn as_remembered(sql: &mut Sql, head: &DatasetHead, dataset: &Dataset) -> String {
    let (id, revision) = (sql.bind(dataset.id), sql.bind(dataset.revision));
    let (version, schema) = (
        sql.bind(head.latest_version),
        sql.bind(head.latest_schema_version),
    );
    format!(
        "dataset_id = {id} and latest_version = {version} and latest_schema_version = {schema} \
         and exists (select from timestore.datasets where id = {id} and revision = {revision})"
    )
}
