//! Preparing a publish: under the lock of the head, everything that is wrong with it is found, and everything that writing it
//! needs.

use sea_orm::EntityTrait;
use serde_json::Value as Json;
use timestore_entity::Timestamp;
use timestore_entity::dataset::Model as Dataset;
use timestore_entity::dataset_head::{KeyNames, Model as DatasetHead};
use timestore_entity::enums::{DatasetStatus, ManifestOperation};
use timestore_entity::manifest::{self, Model as Manifest};
use timestore_entity::partition::Model as Partition;
use timestore_entity::watermark::Model as Watermark;

use super::additions::{Addition, check_additions_in_txn};
use super::duplicates::duplicates_in_txn;
use super::input::{DuplicatePolicy, Published, Skipped};
use super::plan::{Additions, Plan, Removals, check_operation};
use super::removals::{Doomed, SUMS, Sums, resolve_removals_in_txn};
use super::untried::can_be_tried_in_txn;
use crate::model::key_names::names_in_common;
use crate::store::backend::{Sql, Transaction, text_names};
use crate::store::diff::{DiffKey, Side};
use crate::store::error::Duplicate;
use crate::store::faults::Faults;
use crate::store::schema_version::{Resolved, resolve_in_txn};
use crate::store::staged::{staged_duplicates_in_txn, staged_not_live_in_txn};
use crate::store::visible::Shape;
use crate::store::watermark::watermark_check_in_txn;
use crate::store::{Fault, FaultKind, Result, SchemaRef, Store};

/// What came of preparing.
#[expect(clippy::large_enum_variant, reason = "there is one a publish")]
pub(super) enum Prepared {
    /// The key was used before, for the same request.
    Replay(Published),
    /// All that is wrong with it.
    Refused(Vec<Fault>),
    /// It can be written.
    Ready(Box<Ready>),
}

/// A publish that can be written.
pub(super) struct Ready {
    pub(super) plan: Plan,
    pub(super) dataset: Dataset,
    pub(super) head: DatasetHead,
    pub(super) now: Timestamp,
    pub(super) schema: Option<Resolved>,
    pub(super) files: Files,
    pub(super) added: Sums,
    pub(super) shape: Shape,
    pub(super) doomed: Doomed,
    pub(super) removed: Sums,
    /// Where the content is that of an earlier version: that version.
    pub(super) restores: Option<Manifest>,
    pub(super) watermark: Option<Watermark>,
    pub(super) skipped: Vec<Skipped>,
    pub(super) summary: Json,
    pub(super) metadata: Json,
}

/// The files to insert.
pub(super) enum Files {
    /// These.
    Given(Vec<Partition>),
    /// These, the files of a request, whatever is live at their paths.
    Untried(Vec<Partition>),
    /// These, with the schema versions that they have.
    Moved(Vec<Partition>),
    /// Those of a draft.
    Staged(timestore_entity::ids::ManifestDraftId),
    /// Those on this side of a difference, under new ids.
    Revived(DiffKey),
}

impl Store {
    /// Prepares `plan`, adding what is wrong to `faults`. The head of the dataset is locked.
    pub(super) async fn prepare_in_txn(
        &self,
        transaction: &Transaction,
        (dataset, head): (Dataset, DatasetHead),
        mut plan: Plan,
        mut faults: Faults,
    ) -> Result<Prepared> {
        let now = self.clock.now();
        if let Some(key) = &plan.idempotency
            && let Some(replay) = key.replay_in_txn(transaction, &dataset, now, &mut faults).await?
        {
            return Ok(Prepared::Replay(replay));
        }
        faults.extend(std::mem::take(&mut plan.faults));
        let summary = faults.object(&["summary"], plan.summary.take());
        let metadata = faults.object(&["metadata"], plan.metadata.take());
        if dataset.status == DatasetStatus::Inactive {
            faults.add(
                &["dataset"],
                FaultKind::DatasetInactive,
                "the dataset is archived",
            );
        }
        let schema = resolve_in_txn(
            transaction,
            &dataset,
            head.latest_schema_version,
            plan.schema.as_ref(),
            &mut faults,
            schema_path(&plan),
        )
        .await?;
        let watermark = match &plan.watermark {
            Some(advance) => watermark_check_in_txn(transaction, dataset.id, advance, &mut faults).await?,
            None => None,
        };
        let restores = restored_in_txn(transaction, &dataset, &head, &plan, &mut faults).await?;
        let (doomed, not_live) = self
            .doomed_in_txn(transaction, &dataset, &head, &plan, &mut faults)
            .await?;
        let (files, skipped) = self
            .files_in_txn(transaction, &dataset, &head, &mut plan, &doomed, &mut faults)
            .await?;
        let anything_left = !matches!(&doomed, Doomed::Listed(ids) if ids.is_empty());
        conflicts_in_txn(transaction, &head, &plan, not_live, anything_left, &mut faults).await?;
        if !faults.is_empty() {
            return Ok(Prepared::Refused(faults.into_inner()));
        }
        let removed = doomed.sums_in_txn(transaction, dataset.id).await?;
        let (added, shape) = files.sums_in_txn(transaction, &head).await?;
        check_sums(&plan, &head, added, removed, &skipped, &mut faults);
        if !faults.is_empty() {
            return Ok(Prepared::Refused(faults.into_inner()));
        }
        let ready = Ready {
            plan,
            dataset,
            head,
            now,
            schema,
            files,
            added,
            shape,
            doomed,
            removed,
            restores,
            watermark,
            skipped,
            summary,
            metadata,
        };
        Ok(Prepared::Ready(Box::new(ready)))
    }

    async fn doomed_in_txn(
        &self,
        transaction: &Transaction,
        dataset: &Dataset,
        head: &DatasetHead,
        plan: &Plan,
        faults: &mut Faults,
    ) -> Result<(Doomed, Vec<crate::store::error::NotLive>)> {
        Ok(match &plan.removals {
            Removals::Listed(refs) => {
                let (ids, not_live) =
                    resolve_removals_in_txn(transaction, &self.viewer, dataset, refs, faults).await?;
                (Doomed::Listed(ids), not_live)
            }
            Removals::All => (Doomed::All, Vec::new()),
            Removals::Staged(draft) => (
                Doomed::Staged(*draft),
                staged_not_live_in_txn(transaction, dataset.id, *draft).await?,
            ),
            Removals::NotIn { to } => (
                Doomed::Diff(Side::Removed.of_rollback(dataset.id, head.latest_version, *to)),
                Vec::new(),
            ),
            Removals::Found(ids) => (Doomed::Listed(ids.clone()), Vec::new()),
        })
    }

    async fn files_in_txn(
        &self,
        transaction: &Transaction,
        dataset: &Dataset,
        head: &DatasetHead,
        plan: &mut Plan,
        doomed: &Doomed,
        faults: &mut Faults,
    ) -> Result<(Files, Vec<Skipped>)> {
        let (files, duplicates) = match &mut plan.additions {
            Additions::Revived { to } => {
                let diff = Side::Added.of_rollback(dataset.id, head.latest_version, *to);
                return Ok((Files::Revived(diff), Vec::new()));
            }
            Additions::Staged(draft) => {
                let (refused, skipped) = staged_duplicates_in_txn(transaction, dataset.id, *draft).await?;
                refuse_duplicates(refused, faults);
                return Ok((Files::Staged(*draft), skipped));
            }
            Additions::Moved(files) => {
                let files = std::mem::take(files);
                let additions: Vec<Addition> = files
                    .into_iter()
                    .enumerate()
                    .map(|(index, file)| Addition { index, file })
                    .collect();
                let removed = |id| doomed.contains(id);
                let duplicates = duplicates_in_txn(transaction, dataset.id, &additions, removed).await?;
                refuse_duplicates(duplicates, faults);
                return Ok((Files::Moved(files_of(additions)), Vec::new()));
            }
            Additions::Given(add) => {
                let add = std::mem::take(add);
                let additions =
                    check_additions_in_txn(transaction, &*self.clock, &self.viewer, dataset, add, faults)
                        .await?;
                if can_be_tried_in_txn(transaction, plan, head.latest_version, &additions, faults).await? {
                    return Ok((Files::Untried(files_of(additions)), Vec::new()));
                }
                let removed = |id| doomed.contains(id);
                let duplicates = duplicates_in_txn(transaction, dataset.id, &additions, removed).await?;
                (additions, duplicates)
            }
        };
        let (files, skipped) = without_duplicates(files, duplicates, plan.on_duplicate, faults);
        Ok((Files::Given(files_of(files)), skipped))
    }
}

fn files_of(additions: Vec<Addition>) -> Vec<Partition> {
    additions.into_iter().map(|addition| addition.file).collect()
}

fn schema_path(plan: &Plan) -> &'static [&'static str] {
    match plan.schema {
        Some(SchemaRef::Fields(_)) => &["schema", "fields"],
        _ => &["schema", "version"],
    }
}

/// What stays of the additions: all where duplicates are refused, which is added to `faults`; else those that are new.
pub(in crate::store) fn without_duplicates(
    mut additions: Vec<Addition>,
    duplicates: Vec<Duplicate>,
    policy: DuplicatePolicy,
    faults: &mut Faults,
) -> (Vec<Addition>, Vec<Skipped>) {
    if policy == DuplicatePolicy::Reject {
        refuse_duplicates(duplicates, faults);
        return (additions, Vec::new());
    }
    let (duplicates, fatal): (Vec<_>, Vec<_>) = duplicates.into_iter().partition(|d| d.can_skip);
    refuse_duplicates(fatal, faults);
    let indexes: std::collections::HashSet<usize> = duplicates.iter().filter_map(|d| d.index).collect();
    additions.retain(|addition| !indexes.contains(&addition.index));
    let skipped = duplicates.into_iter().map(|d| Skipped {
        file_path: d.file_path,
        reason: d.reason,
    });
    (additions, skipped.collect())
}

/// Adds to `faults` that these are there already, where there are any.
pub(super) fn refuse_duplicates(duplicates: Vec<Duplicate>, faults: &mut Faults) {
    if !duplicates.is_empty() {
        let message = format!(
            "{} file(s) are there already, or twice in the request",
            duplicates.len()
        );
        faults.add(&["add"], FaultKind::DuplicatePartitions { duplicates }, message);
    }
}

/// The version that a rollback goes back to, and what its files look like.
async fn restored_in_txn(
    transaction: &Transaction,
    dataset: &Dataset,
    head: &DatasetHead,
    plan: &Plan,
    faults: &mut Faults,
) -> Result<Option<Manifest>> {
    let Additions::Revived { to } = plan.additions else {
        return Ok(None);
    };
    let found = manifest::Entity::find_by_id((dataset.id, to))
        .one(transaction)
        .await?;
    match &found {
        None => faults.push(Fault::not_found(
            &["to"],
            "expected a published version of the dataset",
        )),
        Some(manifest) if manifest.expired_at.is_some() => {
            faults.invalid(&["to"], format!("the history of version {to} has expired"));
        }
        Some(manifest) if manifest.version == head.latest_version => {
            faults.invalid(&["to"], format!("version {to} is the current one"));
        }
        Some(_) => {}
    }
    Ok(found)
}

/// Adds the conflicts with what others have published, and whether the request could be granted but for them.
async fn conflicts_in_txn(
    transaction: &Transaction,
    head: &DatasetHead,
    plan: &Plan,
    not_live: Vec<crate::store::error::NotLive>,
    anything_left: bool,
    faults: &mut Faults,
) -> Result<()> {
    let rebasable = faults.is_empty() && anything_left;
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
    let Some(expected) = plan.expected_version else {
        return Ok(());
    };
    if expected < 0 {
        faults.invalid(&["expectedVersion"], "expected 0 or more");
    } else if expected != head.latest_version {
        let current = manifest::Entity::find_by_id((head.dataset_id, head.latest_version))
            .one(transaction)
            .await?;
        let kind = FaultKind::VersionConflict {
            current_version: head.latest_version,
            published_by: current.as_ref().and_then(|manifest| manifest.created_by.clone()),
            published_at: current.as_ref().map(|manifest| manifest.published_at),
            rebasable: faults.is_empty(),
        };
        faults.add(
            &["expectedVersion"],
            kind,
            format!("the dataset is at version {}", head.latest_version),
        );
    }
    Ok(())
}

pub(super) fn check_sums(
    plan: &Plan,
    head: &DatasetHead,
    added: Sums,
    removed: Sums,
    skipped: &[Skipped],
    faults: &mut Faults,
) {
    if let Additions::Staged(_) = plan.additions {
        let adds = added.files > 0 || !skipped.is_empty();
        check_operation(plan.operation, adds, removed.files > 0, faults);
    } else if matches!(plan.removals, Removals::All)
        && plan.operation != ManifestOperation::Replace
        && removed.files == 0
    {
        faults.invalid(&["removeAll"], "the dataset has no files to remove");
    }
    if plan.operation == ManifestOperation::Compact && added.rows != removed.rows {
        let message = format!(
            "expected the {} rows of the removed files, got {}",
            removed.rows, added.rows
        );
        faults.invalid(&["add"], message);
    }
    let before = Sums {
        files: i64::from(head.partition_count) - removed.files,
        rows: head.total_rows - removed.rows,
        bytes: head.total_bytes - removed.bytes,
        ..Sums::default()
    };
    if before
        .checked_add(added)
        .is_none_or(|after| i32::try_from(after.files).is_err())
    {
        faults.invalid(&["add"], "the totals of the dataset would no longer fit");
    }
}

impl Files {
    /// What the files amount to, and what they are like.
    async fn sums_in_txn(&self, transaction: &Transaction, head: &DatasetHead) -> Result<(Sums, Shape)> {
        let mut sql = Sql::new(transaction);
        let from = match self {
            Self::Given(files) | Self::Untried(files) | Self::Moved(files) => return Ok(sums_of(files)),
            Self::Staged(draft) => {
                let (dataset, draft) = (sql.bind(head.dataset_id), sql.bind(*draft));
                format!(
                    "timestore.staged_partitions as child where dataset_id = {dataset} and draft_id = {draft}"
                )
            }
            Self::Revived(diff) => {
                format!("timestore.partitions as child where {}", diff.condition(&mut sql))
            }
        };
        let text = format!("select {SUMS} from {from}");
        let sums: Option<Sums> = sql.clone().one(transaction, text).await?;
        let text = format!("select distinct child.span_class from {from}");
        let mut span_classes = 0_i64;
        for row in sql.clone().rows(transaction, text).await? {
            span_classes |= 1 << row.try_get_by_index::<i16>(0)?;
        }
        let names = text_names(&sql, "child.partition_key");
        let text = format!("select distinct {names} from {from}");
        let names = sql.rows(transaction, text).await?;
        let key_names = match &names[..] {
            [only] => only.try_get_by_index(0)?,
            _ => None,
        };
        let shape = Shape {
            span_classes,
            key_names,
        };
        Ok((sums.unwrap_or_default(), shape))
    }
}

pub(super) fn sums_of(files: &[Partition]) -> (Sums, Shape) {
    let one = |file: &Partition| Sums {
        files: 1,
        rows: file.row_count,
        bytes: file.file_size_bytes,
        start_time: Some(file.start_time),
        end_time: Some(file.end_time),
    };
    let unfit = Sums {
        files: i64::MAX,
        ..Sums::default()
    };
    let sums = files
        .iter()
        .try_fold(Sums::default(), |sums, file| sums.checked_add(one(file)));
    let classes = files
        .iter()
        .fold(0_i64, |classes, file| classes | 1 << file.span_class);
    let shape = Shape {
        span_classes: classes,
        key_names: names_in_common(files.iter().map(|file| &file.partition_key)).map(KeyNames),
    };
    (sums.unwrap_or(unfit), shape)
}
