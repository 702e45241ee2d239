//! What a publish is going to do, before anything of the database is known; and the rules that need no database.

use std::collections::HashSet;

use serde_json::Value as Json;
use timestore_entity::Timestamp;
use timestore_entity::enums::ManifestOperation;
use timestore_entity::ids::{ManifestDraftId, PartitionId};
use timestore_entity::partition::Model as Partition;

use super::additions::check_additions_alone;
use super::idempotency::Key;
use super::input::{DuplicatePolicy, ManifestPublish, PartitionAdd};
use crate::store::faults::Faults;
use crate::store::schema_version::check_schema_fields;
use crate::store::watermark::WatermarkAdvance;
use crate::store::{DatasetRef, Fault, PartitionRef, SchemaRef};

/// How many files one request adds, or removes, at the most; more are staged in a draft.
pub(in crate::store) const MAX_FILES: usize = 10_000;

/// A publish, whatever it began as.
pub(in crate::store) struct Plan {
    pub(in crate::store) action: &'static str,
    pub(in crate::store) dataset: DatasetRef,
    pub(in crate::store) operation: ManifestOperation,
    pub(in crate::store) schema: Option<SchemaRef>,
    pub(in crate::store) additions: Additions,
    pub(in crate::store) removals: Removals,
    pub(in crate::store) expected_version: Option<i32>,
    pub(in crate::store) on_duplicate: DuplicatePolicy,
    pub(in crate::store) idempotency: Option<Key>,
    pub(in crate::store) watermark: Option<WatermarkAdvance>,
    pub(in crate::store) summary: Option<Json>,
    pub(in crate::store) metadata: Option<Json>,
    /// When the draft was created.
    pub(in crate::store) created_at: Option<Timestamp>,
    /// What is wrong with the request as such.
    pub(in crate::store) faults: Vec<Fault>,
}

/// Where the files to add come from.
pub(in crate::store) enum Additions {
    /// The request.
    Given(Vec<PartitionAdd>),
    /// A draft.
    Staged(ManifestDraftId),
    /// An earlier version: files that it has and the current one has not.
    Revived { to: i32 },
    /// The same rows as files that go, elsewhere.
    Moved(Vec<Partition>),
}

/// Which files to remove.
pub(in crate::store) enum Removals {
    /// Those that the request names.
    Listed(Vec<PartitionRef>),
    /// All.
    All,
    /// Those that a draft names.
    Staged(ManifestDraftId),
    /// Those that an earlier version has not.
    NotIn { to: i32 },
    /// Live ones, found under the lock of the head.
    Found(HashSet<PartitionId>),
}

impl Plan {
    /// A plan that does nothing yet.
    pub(in crate::store) fn new(dataset: DatasetRef, action: &'static str) -> Self {
        Self {
            action,
            dataset,
            operation: ManifestOperation::Append,
            schema: None,
            additions: Additions::Given(Vec::new()),
            removals: Removals::Listed(Vec::new()),
            expected_version: None,
            on_duplicate: DuplicatePolicy::Reject,
            idempotency: None,
            watermark: None,
            summary: None,
            metadata: None,
            created_at: None,
            faults: Vec::new(),
        }
    }

    /// The plan of a request.
    pub(super) fn from_input(mut input: ManifestPublish) -> Self {
        let faults = check(&input);
        // What is too long is refused, not looked at.
        input.add.truncate(MAX_FILES);
        input.remove.truncate(MAX_FILES);
        let idempotency = Key::new(input.idempotency_key.take(), "publishManifest", &input);
        Self {
            faults,
            operation: input.operation,
            schema: input.schema,
            additions: Additions::Given(input.add),
            removals: if input.remove_all {
                Removals::All
            } else {
                Removals::Listed(input.remove)
            },
            expected_version: input.expected_version,
            on_duplicate: input.on_duplicate,
            idempotency,
            watermark: input.watermark,
            summary: input.summary,
            metadata: input.metadata,
            ..Self::new(input.dataset, "publishManifest")
        }
    }
}

impl Plan {
    /// All that is wrong with a plan that cannot be prepared: why (`missing`, where its own dataset is not there), and what
    /// needs no dataset to be found.
    pub(in crate::store) fn check_alone(self, missing: Option<Fault>) -> Vec<Fault> {
        let mut faults = Faults::default();
        faults.extend(missing.into_iter().chain(self.faults).collect());
        if let Some(SchemaRef::Fields(fields)) = &self.schema {
            check_schema_fields(fields, &["schema", "fields"], &mut faults);
        }
        if let Additions::Given(add) = self.additions {
            check_additions_alone(add, &mut faults);
        }
        faults.object(&["summary"], self.summary);
        faults.object(&["metadata"], self.metadata);
        faults.into_inner()
    }
}

/// What is wrong with a request as such.
fn check(input: &ManifestPublish) -> Vec<Fault> {
    let mut faults = Faults::default();
    check_size("add", input.add.len(), &mut faults);
    check_size("remove", input.remove.len(), &mut faults);
    if input.remove_all && !input.remove.is_empty() {
        faults.invalid(&["remove"], "expected no list beside removeAll");
    }
    if input.remove_all && input.expected_version.is_none() {
        faults.invalid(&["expectedVersion"], "expected a version to go with removeAll");
    }
    let removes = input.remove_all || !input.remove.is_empty();
    check_operation(input.operation, !input.add.is_empty(), removes, &mut faults);
    faults.into_inner()
}

/// Adds where an operation is not asked for what it does.
pub(in crate::store) fn check_operation(
    operation: ManifestOperation,
    adds: bool,
    removes: bool,
    faults: &mut Faults,
) {
    use ManifestOperation::{Append, Compact, Delete, Replace};
    match operation {
        Append if removes => faults.invalid(&["remove"], "an append removes nothing: use replace or compact"),
        Append if !adds => faults.invalid(&["add"], "expected at least one file"),
        Delete if adds => faults.invalid(&["add"], "a delete adds nothing: use replace"),
        Delete | Replace | Compact if !removes => faults.invalid(&["remove"], "expected the files to remove"),
        Replace if !adds => {
            faults.invalid(&["add"], "expected at least one file: to only remove, use delete")
        }
        Compact if !adds => faults.invalid(
            &["add"],
            "expected the files that hold the rows of the removed ones",
        ),
        Append | Delete | Replace | Compact => {}
        _ => faults.invalid(&["operation"], "expected append, replace, delete or compact"),
    }
}

/// Adds where a list of files is too long for one request.
pub(in crate::store) fn check_size(field: &str, length: usize, faults: &mut Faults) {
    if length > MAX_FILES {
        faults.invalid(
            &[field],
            format!("expected at most {MAX_FILES} files: stage more in a draft"),
        );
    }
}
