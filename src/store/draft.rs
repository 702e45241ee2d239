//! Drafts: manifests staged over many requests, so that no publish is too large for one.

use std::collections::HashMap;

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ActiveModelTrait, DatabaseTransaction, EntityTrait, FromQueryResult, QuerySelect};
use serde_json::{Value as Json, json};
use timestore_entity::enums::ManifestOperation;
use timestore_entity::ids::{DatasetId, ManifestDraftId, PartitionId};
use timestore_entity::manifest_draft::{ActiveModel, Entity, Model as ManifestDraft};
use timestore_entity::schema_version::Fields;
use timestore_entity::{manifest, staged_partition, staged_removal};

use super::backend::{Column, Relation, Sql, relations};
use super::dataset::{dataset_find_in_txn, dataset_get_in_txn};
use super::error::{Duplicate, NotLive};
use super::faults::Faults;
use super::keyed::rows_by_id;
use super::publish::additions::{Addition, check_additions_in_txn, duplicates_in_txn, stage_in_txn};
use super::publish::idempotency::Key;
use super::publish::plan::{Additions, MAX_FILES, Plan, Removals, check_size};
use super::publish::{
    DuplicatePolicy, PartitionAdd, Published, Skipped, resolve_removals_in_txn, without_duplicates,
};
use super::schema_version::resolve_in_txn;
use super::{DatasetRef, Fault, FaultKind, PartitionRef, Refusal, Result, SchemaRef, Store, StoreError};
use crate::auth::Requester;

/// How long a draft waits to be published.
const PATIENCE: chrono::Duration = chrono::Duration::days(7);

/// A draft, by its key: the dataset and the id.
pub type DraftKey = (DatasetId, ManifestDraftId);

/// Names a draft.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DraftRef {
    /// By key.
    Id(DatasetId, ManifestDraftId),
    /// By a text that is no draft's id: names nothing.
    Unknown(String),
}

/// A draft to begin.
#[derive(Clone, Debug)]
pub struct DraftCreate {
    /// The dataset.
    pub dataset: DatasetRef,
    /// What the manifest is going to do.
    pub operation: ManifestOperation,
    /// The schema version of the files; the newest, when it is published, where none is named.
    pub schema: Option<SchemaRef>,
    /// The version that the manifest must follow.
    pub expected_version: Option<i32>,
    /// What the publisher says about it, an object.
    pub summary: Option<Json>,
    /// Free metadata, an object.
    pub metadata: Option<Json>,
}

/// Files to stage in a draft.
#[derive(Clone, Debug)]
pub struct DraftStage {
    /// The draft.
    pub draft: DraftRef,
    /// Files to add.
    pub add: Vec<PartitionAdd>,
    /// Files to remove.
    pub remove: Vec<PartitionRef>,
    /// What to do with files that are there already, now or when the draft is published.
    pub on_duplicate: DuplicatePolicy,
}

/// A draft to publish.
#[derive(Clone, Debug)]
pub struct DraftPublish {
    /// The draft.
    pub draft: DraftRef,
    /// The version that the manifest must follow, where the draft did not say.
    pub expected_version: Option<i32>,
    /// The key under which a repeated request is recognised.
    pub idempotency_key: Option<String>,
}

impl Store {
    /// Begins a draft.
    pub async fn draft_create(&self, by: &Requester, input: DraftCreate) -> Result<ManifestDraft> {
        let transaction = self.begin().await?;
        let dataset = dataset_get_in_txn(&transaction, &input.dataset).await?;
        let mut faults = Faults::default();
        use ManifestOperation::{Append, Compact, Delete, Replace};
        if !matches!(input.operation, Append | Compact | Delete | Replace) {
            faults.invalid(&["operation"], "expected append, replace, delete or compact");
        }
        if input.expected_version.is_some_and(|version| version < 0) {
            faults.invalid(&["expectedVersion"], "expected 0 or more");
        }
        let path = if matches!(input.schema, Some(SchemaRef::Fields(_))) {
            "fields"
        } else {
            "version"
        };
        resolve_in_txn(
            &transaction,
            &dataset,
            input.schema.as_ref(),
            &mut faults,
            &["schema", path],
        )
        .await?;
        let summary = faults.object(&["summary"], input.summary);
        let metadata = faults.object(&["metadata"], input.metadata);
        faults.finish()?;
        let (schema_version, schema_fields) = match input.schema {
            Some(SchemaRef::Version(version)) => (Some(version), None),
            Some(SchemaRef::Fields(fields)) => (None, Some(Fields(fields))),
            None => (None, None),
        };
        let now = self.clock.now();
        let draft = ManifestDraft {
            dataset_id: dataset.id,
            id: ManifestDraftId(self.clock.id()),
            operation: input.operation,
            schema_version,
            schema_fields,
            expected_version: input.expected_version,
            added_count: 0,
            removed_count: 0,
            summary,
            metadata,
            created_by: by.subject.clone(),
            created_at: now,
            expires_at: now + PATIENCE,
            published_version: None,
        };
        Entity::insert(ActiveModel::from(draft.clone()))
            .exec_without_returning(&transaction)
            .await?;
        self.audit_in_txn(
            &transaction,
            by,
            now,
            "createManifestDraft",
            &dataset,
            json!({ "draft": draft.id }),
        )
        .await?;
        transaction.commit().await?;
        Ok(draft)
    }

    /// Stages files in a draft; also says which were skipped.
    pub async fn draft_stage(
        &self,
        by: &Requester,
        input: DraftStage,
    ) -> Result<(ManifestDraft, Vec<Skipped>)> {
        let transaction = self.begin().await?;
        let mut draft = self.draft_lock_in_txn(&transaction, &input.draft).await?;
        if draft.published_version.is_some() {
            return Err(draft_not_found().into());
        }
        let dataset = dataset_get_in_txn(&transaction, &DatasetRef::Id(draft.dataset_id)).await?;
        let mut faults = Faults::default();
        check_size("add", input.add.len(), &mut faults);
        check_size("remove", input.remove.len(), &mut faults);
        if !faults.is_empty() {
            return Err(faults.into_inner().into());
        }
        if draft.operation == ManifestOperation::Append && !input.remove.is_empty() {
            faults.invalid(&["remove"], "an append removes nothing");
        }
        if draft.operation == ManifestOperation::Delete && !input.add.is_empty() {
            faults.invalid(&["add"], "a delete adds nothing");
        }
        if input.add.is_empty() && input.remove.is_empty() {
            faults.invalid(&["add"], "expected at least one file to add or to remove");
        }
        let (ids, not_live) =
            resolve_removals_in_txn(&transaction, &dataset, &input.remove, &mut faults).await?;
        let rebasable = faults.is_empty();
        if !not_live.is_empty() {
            let message = format!("{} file(s) to remove are not live", not_live.len());
            faults.add(
                &["remove"],
                FaultKind::PartitionsNotLive {
                    partitions: not_live,
                    rebasable,
                },
                message,
            );
        }
        let additions =
            check_additions_in_txn(&transaction, &*self.clock, &dataset, input.add, &mut faults).await?;
        let removed = staged_removals_in_txn(&transaction, &draft).await?;
        let goes = |id: PartitionId| ids.contains(&id) || removed.contains(&id);
        let mut duplicates = duplicates_in_txn(&transaction, dataset.id, &additions, goes).await?;
        duplicates.extend(staged_earlier_in_txn(&transaction, &draft, &additions).await?);
        let (additions, skipped) = without_duplicates(additions, duplicates, input.on_duplicate, &mut faults);
        faults.finish()?;

        let files: Vec<_> = additions.into_iter().map(|addition| addition.file).collect();
        let skip = input.on_duplicate == DuplicatePolicy::Skip;
        let mut staged = 0;
        if !files.is_empty() {
            staged = stage_in_txn(&transaction, files, draft.id, skip).await?;
        }
        let doomed = stage_removals_in_txn(&transaction, &draft, ids.into_iter().collect()).await?;
        draft.added_count = counted(draft.added_count, staged)?;
        draft.removed_count = counted(draft.removed_count, doomed)?;
        save_counts_in_txn(&transaction, &draft).await?;
        let detail = json!({ "draft": draft.id, "added": staged, "removed": doomed });
        self.audit_in_txn(
            &transaction,
            by,
            self.clock.now(),
            "stagePartitions",
            &dataset,
            detail,
        )
        .await?;
        transaction.commit().await?;
        Ok((draft, skipped))
    }

    /// Publishes a draft as a manifest. A draft that was published already answers as it did then.
    pub async fn draft_publish(&self, by: &Requester, input: DraftPublish) -> Result<Published> {
        let transaction = self.begin().await?;
        let draft = self.draft_lock_in_txn(&transaction, &input.draft).await?;
        let dataset = dataset_get_in_txn(&transaction, &DatasetRef::Id(draft.dataset_id)).await?;
        let request = json!({ "draft": draft.id, "expectedVersion": input.expected_version });
        let idempotency = Key::new(input.idempotency_key, "publishManifestDraft", &request);
        if let Some(version) = draft.published_version {
            let mut faults = Faults::default();
            if let Some(key) = &idempotency
                && let Some(replay) = key
                    .replay_in_txn(&transaction, &dataset, self.clock.now(), &mut faults)
                    .await?
            {
                return Ok(replay);
            }
            faults.finish()?;
            let manifest = manifest::Entity::find_by_id((dataset.id, version))
                .one(&transaction)
                .await?;
            if let Some(key) = idempotency {
                // Another key for the same draft: whoever asks for it gets the same answer.
                key.record_in_txn(&transaction, dataset.id, Some(version), &[], self.clock.now())
                    .await?;
                transaction.commit().await?;
            }
            return Ok(Published {
                dataset,
                manifest,
                replayed: true,
                skipped: Vec::new(),
            });
        }
        let plan = Plan {
            operation: draft.operation,
            schema: match (draft.schema_version, draft.schema_fields.clone()) {
                (Some(version), _) => Some(SchemaRef::Version(version)),
                (None, Some(fields)) => Some(SchemaRef::Fields(fields.0)),
                (None, None) => None,
            },
            additions: Additions::Staged(draft.id),
            removals: Removals::Staged(draft.id),
            expected_version: input.expected_version.or(draft.expected_version),
            idempotency,
            summary: Some(draft.summary.clone()),
            metadata: Some(draft.metadata.clone()),
            created_at: Some(draft.created_at),
            ..Plan::new(DatasetRef::Id(dataset.id), "publishManifestDraft")
        };
        let published = self
            .publish_in_txn(&transaction, by, dataset, plan)
            .await
            .map_err(of_draft)?;
        let version = published.manifest.as_ref().map(|manifest| manifest.version);
        let row = ActiveModel {
            dataset_id: Unchanged(draft.dataset_id),
            id: Unchanged(draft.id),
            published_version: Set(version),
            ..Default::default()
        };
        row.update(&transaction).await?;
        clear_in_txn(&transaction, &draft).await?;
        transaction.commit().await?;
        Ok(published)
    }

    /// Throws a draft away.
    pub async fn draft_discard(&self, by: &Requester, draft: &DraftRef) -> Result<ManifestDraft> {
        let transaction = self.begin().await?;
        let draft = self.draft_lock_in_txn(&transaction, draft).await?;
        if draft.published_version.is_some() {
            return Err(draft_not_found().into());
        }
        let dataset = dataset_get_in_txn(&transaction, &DatasetRef::Id(draft.dataset_id)).await?;
        clear_in_txn(&transaction, &draft).await?;
        let deleted = Entity::delete_by_id((draft.dataset_id, draft.id))
            .exec(&transaction)
            .await?;
        if deleted.rows_affected != 1 {
            return Err(draft_not_found().into());
        }
        let detail = json!({ "draft": draft.id });
        self.audit_in_txn(
            &transaction,
            by,
            self.clock.now(),
            "discardManifestDraft",
            &dataset,
            detail,
        )
        .await?;
        transaction.commit().await?;
        Ok(draft)
    }

    /// The unpublished drafts with these keys.
    pub async fn drafts_by_key(&self, keys: &[DraftKey]) -> Result<HashMap<DraftKey, ManifestDraft>> {
        let keys = keys.iter().map(|(dataset, id)| (*dataset, id.0));
        let rows: Vec<ManifestDraft> = rows_by_id(&self.reader, "manifest_drafts", keys).await?;
        let now = self.clock.now();
        let waiting = rows
            .into_iter()
            .filter(|draft| draft.published_version.is_none() && draft.expires_at > now);
        Ok(waiting
            .map(|draft| ((draft.dataset_id, draft.id), draft))
            .collect())
    }

    /// The draft that is named, locked until the end of the transaction.
    async fn draft_lock_in_txn(
        &self,
        transaction: &DatabaseTransaction,
        draft: &DraftRef,
    ) -> Result<ManifestDraft> {
        let DraftRef::Id(dataset, id) = draft else {
            return Err(draft_not_found().into());
        };
        // The dataset must be visible to the caller as well.
        dataset_find_in_txn(transaction, &DatasetRef::Id(*dataset))
            .await?
            .ok_or_else(draft_not_found)?;
        let draft = Entity::find_by_id((*dataset, *id))
            .lock_exclusive()
            .one(transaction)
            .await?;
        let now = self.clock.now();
        let draft = draft.filter(|draft| draft.published_version.is_some() || draft.expires_at > now);
        draft.ok_or_else(|| draft_not_found().into())
    }
}

/// Files of a draft that are live by now: those that are refused, and those that were to be left out and are taken out.
pub(super) async fn staged_duplicates_in_txn(
    transaction: &DatabaseTransaction,
    dataset: DatasetId,
    draft: ManifestDraftId,
) -> Result<(Vec<Duplicate>, Vec<Skipped>)> {
    #[derive(FromQueryResult)]
    struct Row {
        id: PartitionId,
        file_path: String,
        skip_duplicate: bool,
        added_version: i32,
    }
    let mut sql = Sql::new(transaction);
    let (dataset_id, draft_id) = (sql.bind(dataset), sql.bind(draft));
    let alike = |same: &str| {
        format!(
            "select staged.id, staged.file_path, staged.skip_duplicate, live.added_version \
             from timestore.staged_partitions as staged cross join timestore.partitions as live \
             where live.dataset_id = {dataset_id} and live.removed_version is null and {same} \
             and staged.dataset_id = {dataset_id} and staged.draft_id = {draft_id} and live.id not in \
             (select partition_id from timestore.staged_removals where dataset_id = {dataset_id} and draft_id = {draft_id})"
        )
    };
    let text = format!(
        "{} union {} order by 2",
        alike("live.storage_target_id = staged.storage_target_id and live.file_path = staged.file_path"),
        alike("live.ingestion_signature = staged.ingestion_signature")
    );
    let rows: Vec<Row> = sql.all(transaction, text).await?;
    let (mut refused, mut skipped, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for Row {
        id,
        file_path,
        skip_duplicate,
        added_version,
    } in rows
    {
        let reason = format!(
            "a file with this path or ingestion signature has been live since version {added_version}"
        );
        if !skip_duplicate {
            refused.push(Duplicate {
                index: None,
                file_path,
                reason,
            });
        } else if !left_out.contains(&id.0) {
            left_out.push(id.0);
            skipped.push(Skipped { file_path, reason });
        }
    }
    for Relation { from, mut sql } in relations(transaction, vec![("id", Column::Uuid(left_out))]) {
        let text = format!(
            "delete from timestore.staged_partitions where dataset_id = {} and draft_id = {} and id in (select * from {from})",
            sql.bind(dataset),
            sql.bind(draft)
        );
        sql.execute(transaction, text).await?;
    }
    Ok((refused, skipped))
}

/// Files that a draft removes and that someone else has removed since.
pub(super) async fn staged_not_live_in_txn(
    transaction: &DatabaseTransaction,
    dataset: DatasetId,
    draft: ManifestDraftId,
) -> Result<Vec<NotLive>> {
    #[derive(FromQueryResult)]
    struct Row {
        file_path: String,
        removed_version: i32,
        removed_by: Option<String>,
    }
    let mut sql = Sql::new(transaction);
    let text = format!(
        "select gone.file_path, gone.removed_version, m.created_by as removed_by \
         from timestore.staged_removals as staged join timestore.partitions as gone \
         on gone.dataset_id = staged.dataset_id and gone.id = staged.partition_id and gone.removed_version is not null \
         join timestore.manifests as m on m.dataset_id = gone.dataset_id and m.version = gone.removed_version \
         where staged.dataset_id = {} and staged.draft_id = {} order by gone.file_path",
        sql.bind(dataset),
        sql.bind(draft)
    );
    let rows: Vec<Row> = sql.all(transaction, text).await?;
    let each = |row: Row| NotLive {
        file_path: Some(row.file_path),
        removed_version: Some(row.removed_version),
        removed_by: row.removed_by,
    };
    Ok(rows.into_iter().map(each).collect())
}

/// Additions that the draft has already.
async fn staged_earlier_in_txn(
    transaction: &DatabaseTransaction,
    draft: &ManifestDraft,
    additions: &[Addition],
) -> Result<Vec<Duplicate>> {
    #[derive(FromQueryResult)]
    struct Row {
        given: i32,
    }
    let given = (0..additions.len())
        .map(|n| i32::try_from(n).unwrap_or(i32::MAX))
        .collect();
    let columns = vec![
        ("given", Column::Int(given)),
        (
            "storage_target_id",
            Column::Uuid(additions.iter().map(|a| a.file.storage_target_id.0).collect()),
        ),
        (
            "file_path",
            Column::Text(additions.iter().map(|a| a.file.file_path.clone()).collect()),
        ),
        (
            "signature",
            Column::OptionalText(
                additions
                    .iter()
                    .map(|a| a.file.ingestion_signature.clone())
                    .collect(),
            ),
        ),
    ];
    let mut duplicates = Vec::new();
    for Relation { from, mut sql } in relations(transaction, columns) {
        let (dataset, id) = (sql.bind(draft.dataset_id), sql.bind(draft.id));
        let staged = |same: &str| {
            format!(
                "exists (select 1 from timestore.staged_partitions as staged \
                 where staged.dataset_id = {dataset} and staged.draft_id = {id} and {same})"
            )
        };
        let text = format!(
            "select given.given from {from} where {} or {}",
            staged(
                "staged.storage_target_id = given.storage_target_id and staged.file_path = given.file_path"
            ),
            staged("staged.ingestion_signature = given.signature")
        );
        for Row { given } in sql.all::<Row>(transaction, text).await? {
            let addition = &additions[usize::try_from(given).unwrap_or_default()];
            duplicates.push(Duplicate {
                index: Some(addition.index),
                file_path: addition.file.file_path.clone(),
                reason: "the draft has a file with this path or ingestion signature already".to_owned(),
            });
        }
    }
    Ok(duplicates)
}

async fn staged_removals_in_txn(
    transaction: &DatabaseTransaction,
    draft: &ManifestDraft,
) -> Result<std::collections::HashSet<PartitionId>> {
    use sea_orm::{ColumnTrait, QueryFilter};
    let removals = staged_removal::Entity::find()
        .filter(staged_removal::Column::DatasetId.eq(draft.dataset_id))
        .filter(staged_removal::Column::DraftId.eq(draft.id))
        .all(transaction)
        .await?;
    Ok(removals.into_iter().map(|removal| removal.partition_id).collect())
}

async fn stage_removals_in_txn(
    transaction: &DatabaseTransaction,
    draft: &ManifestDraft,
    ids: Vec<PartitionId>,
) -> Result<u64> {
    debug_assert!(ids.len() <= MAX_FILES);
    let mut staged = 0;
    for Relation { from, mut sql } in relations(
        transaction,
        vec![("id", Column::Uuid(ids.iter().map(|id| id.0).collect()))],
    ) {
        let text = format!(
            "insert into timestore.staged_removals (dataset_id, draft_id, partition_id) \
             select {}, {}, id from {from} where true on conflict do nothing",
            sql.bind(draft.dataset_id),
            sql.bind(draft.id)
        );
        staged += sql.execute(transaction, text).await?.rows_affected();
    }
    Ok(staged)
}

async fn save_counts_in_txn(transaction: &DatabaseTransaction, draft: &ManifestDraft) -> Result<()> {
    let row = ActiveModel {
        dataset_id: Unchanged(draft.dataset_id),
        id: Unchanged(draft.id),
        added_count: Set(draft.added_count),
        removed_count: Set(draft.removed_count),
        ..Default::default()
    };
    row.update(transaction).await?;
    Ok(())
}

/// Deletes what is staged.
async fn clear_in_txn(transaction: &DatabaseTransaction, draft: &ManifestDraft) -> Result<()> {
    use sea_orm::{ColumnTrait, QueryFilter};
    staged_partition::Entity::delete_many()
        .filter(staged_partition::Column::DatasetId.eq(draft.dataset_id))
        .filter(staged_partition::Column::DraftId.eq(draft.id))
        .exec(transaction)
        .await?;
    staged_removal::Entity::delete_many()
        .filter(staged_removal::Column::DatasetId.eq(draft.dataset_id))
        .filter(staged_removal::Column::DraftId.eq(draft.id))
        .exec(transaction)
        .await?;
    Ok(())
}

fn counted(before: i32, more: u64) -> Result<i32> {
    let after = i32::try_from(more).ok().and_then(|more| before.checked_add(more));
    after.ok_or_else(|| StoreError::from(Fault::invalid(&["add"], "the draft would hold too many files")))
}

/// What is wrong with what was staged is wrong with the draft: the request names nothing else.
fn of_draft(error: StoreError) -> StoreError {
    let StoreError::Refused(Refusal(mut faults)) = error else {
        return error;
    };
    for fault in &mut faults {
        if !matches!(
            fault.path.first().map(String::as_str),
            Some("expectedVersion" | "idempotencyKey")
        ) {
            fault.path = vec!["draft".to_owned()];
        }
    }
    faults.into()
}

fn draft_not_found() -> Fault {
    Fault::not_found(
        &["draft"],
        "expected the id of a draft that waits to be published",
    )
}
