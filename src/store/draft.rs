//! Drafts: manifests staged over many requests, so that no publish is too large for one.

use std::collections::HashMap;

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::sea_query::LockType;
use sea_orm::{ActiveModelTrait, EntityTrait, QuerySelect};
use serde_json::{Value as Json, json};
use timestore_entity::enums::ManifestOperation;
use timestore_entity::ids::{DatasetId, ManifestDraftId, PartitionId};
use timestore_entity::manifest;
use timestore_entity::manifest_draft::{ActiveModel, Entity, Model as ManifestDraft};
use timestore_entity::schema_version::Fields;

use super::backend::{Batch, Transaction};
use super::dataset::{
    dataset_find_to_write_in_txn, dataset_get_in_txn, dataset_get_with_head_lock_in_txn, dataset_lock_in_txn,
    head_get,
};
use super::faults::Faults;
use super::keyed::rows_by_id;
use super::publish::additions::check_additions_in_txn;
use super::publish::duplicates::duplicates_in_txn;
use super::publish::idempotency::Key;
use super::publish::insert::stage_in_txn;
use super::publish::plan::{Additions, Plan, Removals, check_size};
use super::publish::{
    DuplicatePolicy, PartitionAdd, Published, Skipped, resolve_removals_in_txn, without_duplicates,
};
use super::schema_version::resolve_in_txn;
use super::staged::{clear_in_txn, stage_removals_in_txn, staged_earlier_in_txn, staged_removals_in_txn};
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

impl DraftRef {
    /// The dataset of the draft.
    pub fn dataset(&self) -> DatasetRef {
        match self {
            Self::Id(dataset, _) => DatasetRef::Id(*dataset),
            Self::Unknown(text) => DatasetRef::Unknown(text.clone()),
        }
    }
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
        // The dataset cannot be deleted before its new draft can be seen.
        let dataset = dataset_lock_in_txn(&transaction, by, &input.dataset, LockType::Share).await?;
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
        let head = head_get(&transaction, dataset.id).await?;
        resolve_in_txn(
            &transaction,
            &dataset,
            head.latest_schema_version,
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
        let mut draft = self.draft_lock_in_txn(&transaction, by, &input.draft).await?;
        if draft.published_version.is_some() {
            return Err(draft_not_found().into());
        }
        let dataset = dataset_get_in_txn(&transaction, by, &DatasetRef::Id(draft.dataset_id)).await?;
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
            resolve_removals_in_txn(&transaction, &self.viewer, &dataset, &input.remove, &mut faults).await?;
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
        let additions = check_additions_in_txn(
            &transaction,
            &*self.clock,
            &self.viewer,
            &dataset,
            input.add,
            &mut faults,
        )
        .await?;
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
        let draft = self.draft_lock_in_txn(&transaction, by, &input.draft).await?;
        let dataset = DatasetRef::Id(draft.dataset_id);
        let (dataset, head) = dataset_get_with_head_lock_in_txn(&transaction, by, &dataset).await?;
        let request = json!({ "draft": draft.id, "expectedVersion": input.expected_version });
        let idempotency = Key::new(input.idempotency_key, "publishManifestDraft", &request);
        if let Some(version) = draft.published_version {
            let mut faults = Faults::default();
            if let Some(key) = &idempotency
                && let Some(replay) = key
                    .replay_in_txn(&transaction, &dataset, self.clock.now(), &mut faults)
                    .await?
            {
                transaction.commit().await?;
                return Ok(replay);
            }
            faults.finish()?;
            let manifest = manifest::Entity::find_by_id((dataset.id, version))
                .one(&transaction)
                .await?;
            if let Some(key) = idempotency {
                // Another key for the same draft: whoever asks for it gets the same answer.
                let mut batch = Batch::new(&transaction);
                key.add_record(&mut batch, dataset.id, Some(version), &[], self.clock.now());
                batch.run(&transaction).await?;
            }
            transaction.commit().await?;
            return Ok(Published {
                dataset,
                manifest,
                head: None,
                is_new: false,
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
            .publish_in_txn(&transaction, by, (dataset, head), plan)
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
        self.count_published(&published);
        Ok(published)
    }

    /// Throws a draft away.
    pub async fn draft_discard(&self, by: &Requester, draft: &DraftRef) -> Result<ManifestDraft> {
        let transaction = self.begin().await?;
        let draft = self.draft_lock_in_txn(&transaction, by, draft).await?;
        if draft.published_version.is_some() {
            return Err(draft_not_found().into());
        }
        let dataset = dataset_get_in_txn(&transaction, by, &DatasetRef::Id(draft.dataset_id)).await?;
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
        transaction: &Transaction,
        by: &Requester,
        draft: &DraftRef,
    ) -> Result<ManifestDraft> {
        let DraftRef::Id(dataset, id) = draft else {
            return Err(draft_not_found().into());
        };
        dataset_find_to_write_in_txn(transaction, by, &DatasetRef::Id(*dataset))
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

async fn save_counts_in_txn(transaction: &Transaction, draft: &ManifestDraft) -> Result<()> {
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
