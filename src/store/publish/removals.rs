//! The files that a publish removes: found, or reported with who removed them before; counted; and marked as removed.

use std::collections::{BTreeSet, HashMap, HashSet};

use sea_orm::{ConnectionTrait, FromQueryResult};
use timestore_entity::Timestamp;
use timestore_entity::dataset::Model as Dataset;
use timestore_entity::ids::{DatasetId, ManifestDraftId, PartitionId, StorageTargetId};
use timestore_entity::manifest::Model as Manifest;
use uuid::Uuid;

use super::additions::Targets;
use crate::auth::Requester;
use crate::model::naming;
use crate::store::backend::{Batch, Column, Relation, Sql, Transaction, in_relation, relations};
use crate::store::diff::{DiffKey, Side};
use crate::store::error::NotLive;
use crate::store::faults::Faults;
use crate::store::keyed::rows_by_number;
use crate::store::{Fault, PartitionRef, Result};

/// Which live files go.
pub(super) enum Doomed {
    /// These.
    Listed(HashSet<PartitionId>),
    /// All of them.
    All,
    /// Those that a draft names.
    Staged(ManifestDraftId),
    /// Those on this side of a difference.
    Diff(DiffKey),
}

/// What the files that go amount to.
#[derive(Clone, Copy, Debug, Default, FromQueryResult)]
pub(super) struct Sums {
    pub(super) files: i64,
    pub(super) rows: i64,
    pub(super) bytes: i64,
    pub(super) start_time: Option<Timestamp>,
    pub(super) end_time: Option<Timestamp>,
}

/// The select list that [`Sums`] reads, over files called `child`.
pub(super) const SUMS: &str = "count(*) as files, cast(coalesce(sum(child.row_count), 0) as bigint) as rows, \
     cast(coalesce(sum(child.file_size_bytes), 0) as bigint) as bytes, \
     min(child.start_time) as start_time, max(child.end_time) as end_time";

impl Sums {
    /// The sums of two sets without a file in common; none where a total leaves 64 bits.
    pub(super) fn checked_add(self, other: Self) -> Option<Self> {
        Some(Self {
            files: self.files.checked_add(other.files)?,
            rows: self.rows.checked_add(other.rows)?,
            bytes: self.bytes.checked_add(other.bytes)?,
            start_time: [self.start_time, other.start_time].into_iter().flatten().min(),
            end_time: self.end_time.max(other.end_time),
        })
    }
}

impl Doomed {
    /// Whether a file of the request's own dataset goes. Only asked of what a request names itself.
    pub(super) fn contains(&self, id: PartitionId) -> bool {
        match self {
            Self::Listed(ids) => ids.contains(&id),
            Self::All => true,
            Self::Staged(_) | Self::Diff(_) => false,
        }
    }

    /// Statements under construction, each with a condition on live files called `child`; together they name each file once.
    fn conditions(&self, connection: &impl ConnectionTrait, dataset: DatasetId) -> Vec<(Sql, String)> {
        let live = |sql: &mut Sql| {
            format!(
                "child.dataset_id = {} and child.removed_version is null",
                sql.bind(dataset)
            )
        };
        if let Self::Listed(ids) = self {
            // In order, so that every transaction locks rows in the same order.
            let ids: BTreeSet<Uuid> = ids.iter().map(|id| id.0).collect();
            let ids = Column::Uuid(ids.into_iter().collect());
            let each = |mut relation: Relation| {
                let live = live(&mut relation.sql);
                let condition = format!("{live} and {}", in_relation("child.id", &relation));
                (relation.sql, condition)
            };
            return relations(connection, vec![("id", ids)])
                .into_iter()
                .map(each)
                .collect();
        }
        let mut sql = Sql::new(connection);
        let live = live(&mut sql);
        let condition = match self {
            Self::Listed(_) | Self::All => live,
            Self::Staged(draft) => {
                let (dataset, draft) = (sql.bind(dataset), sql.bind(*draft));
                format!(
                    "{live} and child.id in (select partition_id from timestore.staged_removals \
                     where dataset_id = {dataset} and draft_id = {draft})"
                )
            }
            Self::Diff(diff) => format!("{live} and {}", diff.condition(&mut sql)),
        };
        vec![(sql, condition)]
    }

    /// What they amount to.
    pub(super) async fn sums_in_txn(&self, transaction: &Transaction, dataset: DatasetId) -> Result<Sums> {
        let mut sums = Sums::default();
        for (sql, condition) in self.conditions(transaction, dataset) {
            let text = format!("select {SUMS} from timestore.partitions as child where {condition}");
            let more: Option<Sums> = sql.one(transaction, text).await?;
            // They are part of the dataset's totals, which fit.
            sums = sums.checked_add(more.unwrap_or_default()).unwrap_or(sums);
        }
        Ok(sums)
    }

    /// Marks them, `count` files, as removed by `version`.
    pub(super) fn add_removal(
        &self,
        batch: &mut Batch,
        connection: &impl ConnectionTrait,
        dataset: DatasetId,
        count: u64,
        version: i32,
    ) {
        let removal = |(mut sql, condition): (Sql, String)| {
            let version = sql.bind(version);
            sql.statement(format!(
                "update timestore.partitions as child set removed_version = {version} where {condition}"
            ))
        };
        let removals = self.conditions(connection, dataset).into_iter().map(removal);
        batch.add("removed files", count, removals.collect());
    }
}

impl Side {
    /// What a rollback from `current` to `to` removes, or adds.
    pub(super) fn of_rollback(self, dataset_id: DatasetId, current: i32, to: i32) -> DiffKey {
        DiffKey {
            dataset_id,
            from: current,
            to,
            side: self,
        }
    }
}

#[derive(FromQueryResult)]
struct Known {
    given: i32,
    id: PartitionId,
    file_path: String,
    removed_version: Option<i32>,
}

/// The live files that `refs` name, each once, and what is not live among them. Names that can name nothing are added to
/// `faults` at `remove.<index>`.
pub(in crate::store) async fn resolve_removals_in_txn(
    transaction: &Transaction,
    by: &Requester,
    dataset: &Dataset,
    refs: &[PartitionRef],
    faults: &mut Faults,
) -> Result<(HashSet<PartitionId>, Vec<NotLive>)> {
    let (mut by_id, mut by_path) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new(), Vec::new()));
    let mut targets = Targets::new(by, dataset);
    for (index, reference) in refs.iter().enumerate() {
        let (given, at) = (i32::try_from(index).unwrap_or(i32::MAX), index.to_string());
        match reference {
            PartitionRef::Id(of, id) if *of == dataset.id => {
                by_id.0.push(given);
                by_id.1.push(id.0);
            }
            PartitionRef::Id(..) | PartitionRef::Unknown(_) => {
                faults.push(Fault::not_found(
                    &["remove", &at, "id"],
                    "expected the id of a partition of this dataset",
                ));
            }
            PartitionRef::Path {
                storage_target,
                file_path,
            } => {
                let path = ["remove", &at, "path", "storageTarget"];
                let target = targets
                    .resolve_in_txn(transaction, storage_target.as_ref(), &path, faults)
                    .await?;
                let file_path =
                    faults.check(&["remove", &at, "path", "filePath"], naming::file_path(file_path));
                if let (Some(target), Some(file_path)) = (target, file_path) {
                    by_path.0.push(given);
                    by_path.1.push(target);
                    by_path.2.push(file_path);
                }
            }
        }
    }
    let mut known = find_by_id(transaction, dataset.id, &by_id).await?;
    known.extend(find_by_path(transaction, dataset.id, &by_path, "is null").await?);
    let live: HashSet<PartitionId> = known
        .iter()
        .filter(|k| k.removed_version.is_none())
        .map(|k| k.id)
        .collect();
    let answered: HashSet<i32> = known
        .iter()
        .filter(|k| k.removed_version.is_none())
        .map(|k| k.given)
        .collect();
    let named = by_id.0.iter().chain(&by_path.0);
    let missing: Vec<i32> = named.filter(|given| !answered.contains(given)).copied().collect();
    if missing.is_empty() {
        return Ok((live, Vec::new()));
    }
    known.extend(find_by_path(transaction, dataset.id, &by_path, "is not null").await?);
    let not_live = not_live(transaction, dataset.id, refs, &missing, &known).await?;
    Ok((live, not_live))
}

async fn find_by_id(
    transaction: &Transaction,
    dataset: DatasetId,
    (given, ids): &(Vec<i32>, Vec<Uuid>),
) -> Result<Vec<Known>> {
    let columns = vec![
        ("given", Column::Int(given.clone())),
        ("id", Column::Uuid(ids.clone())),
    ];
    find(transaction, dataset, columns, "known.id = given.id").await
}

async fn find_by_path(
    transaction: &Transaction,
    dataset: DatasetId,
    (given, targets, paths): &(Vec<i32>, Vec<StorageTargetId>, Vec<String>),
    removed: &str,
) -> Result<Vec<Known>> {
    let columns = vec![
        ("given", Column::Int(given.clone())),
        (
            "storage_target_id",
            Column::Uuid(targets.iter().map(|target| target.0).collect()),
        ),
        ("file_path", Column::Text(paths.clone())),
    ];
    let same = "known.storage_target_id = given.storage_target_id and known.file_path = given.file_path";
    find(
        transaction,
        dataset,
        columns,
        &format!("known.removed_version {removed} and {same}"),
    )
    .await
}

async fn find(
    transaction: &Transaction,
    dataset: DatasetId,
    columns: Vec<(&'static str, Column)>,
    same: &str,
) -> Result<Vec<Known>> {
    let mut known = Vec::new();
    for Relation { from, mut sql, .. } in relations(transaction, columns) {
        let dataset = sql.bind(dataset);
        let text = format!(
            "select given.given, known.id, known.file_path, known.removed_version \
             from {from} cross join timestore.partitions as known where known.dataset_id = {dataset} and {same}"
        );
        known.extend(sql.all::<Known>(transaction, text).await?);
    }
    Ok(known)
}

/// For each missing file, which version removed it last, and who published that.
async fn not_live(
    transaction: &Transaction,
    dataset: DatasetId,
    refs: &[PartitionRef],
    missing: &[i32],
    known: &[Known],
) -> Result<Vec<NotLive>> {
    let mut last: HashMap<i32, &Known> = HashMap::new();
    for known in known.iter().filter(|known| known.removed_version.is_some()) {
        let last = last.entry(known.given).or_insert(known);
        if known.removed_version > last.removed_version {
            *last = known;
        }
    }
    let versions: BTreeSet<i32> = last.values().filter_map(|known| known.removed_version).collect();
    let keys: Vec<(DatasetId, i32)> = versions.into_iter().map(|version| (dataset, version)).collect();
    let manifests: Vec<Manifest> = rows_by_number(transaction, "manifests", "version", &keys).await?;
    let authors: HashMap<i32, Option<String>> =
        manifests.into_iter().map(|m| (m.version, m.created_by)).collect();
    let each = |given: &i32| {
        let known = last.get(given);
        let removed_version = known.and_then(|known| known.removed_version);
        let named = match refs.get(usize::try_from(*given).unwrap_or_default()) {
            Some(PartitionRef::Path { file_path, .. }) => Some(file_path.clone()),
            _ => None,
        };
        NotLive {
            file_path: known.map(|known| known.file_path.clone()).or(named),
            removed_version,
            removed_by: removed_version.and_then(|version| authors.get(&version).cloned().flatten()),
        }
    };
    Ok(missing.iter().map(each).collect())
}
