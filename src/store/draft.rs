//! Drafts: manifests staged over many requests.

use std::collections::HashMap;

use serde_json::Value as Json;
use timestore_entity::enums::ManifestOperation;
use timestore_entity::ids::{DatasetId, ManifestDraftId};
use timestore_entity::manifest_draft::Model as ManifestDraft;

use super::publish::{DuplicatePolicy, PartitionAdd, Published, Skipped};
use super::{DatasetRef, PartitionRef, Result, SchemaRef, Store};
use crate::auth::Requester;

/// A draft, by its key.
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
    pub dataset: DatasetRef,
    pub operation: ManifestOperation,
    pub schema: Option<SchemaRef>,
    pub expected_version: Option<i32>,
    pub summary: Option<Json>,
    pub metadata: Option<Json>,
}

/// Files to stage in a draft.
#[derive(Clone, Debug)]
pub struct DraftStage {
    pub draft: DraftRef,
    pub add: Vec<PartitionAdd>,
    pub remove: Vec<PartitionRef>,
    pub on_duplicate: DuplicatePolicy,
}

/// A draft to publish.
#[derive(Clone, Debug)]
pub struct DraftPublish {
    pub draft: DraftRef,
    pub expected_version: Option<i32>,
    pub idempotency_key: Option<String>,
}

impl Store {
    /// Begins a draft.
    pub async fn draft_create(&self, by: &Requester, input: DraftCreate) -> Result<ManifestDraft> { todo!() }
    /// Stages files in a draft.
    pub async fn draft_stage(&self, by: &Requester, input: DraftStage) -> Result<(ManifestDraft, Vec<Skipped>)> { todo!() }
    /// Publishes a draft as a manifest. A draft that was published already answers as it did then.
    pub async fn draft_publish(&self, by: &Requester, input: DraftPublish) -> Result<Published> { todo!() }
    /// Throws a draft away.
    pub async fn draft_discard(&self, by: &Requester, draft: &DraftRef) -> Result<ManifestDraft> { todo!() }
    /// The unpublished drafts with these keys.
    pub async fn drafts_by_key(&self, keys: &[DraftKey]) -> Result<HashMap<DraftKey, ManifestDraft>> { todo!() }
}
