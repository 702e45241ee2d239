//! What the records say of the files of a storage target, for comparing it with what is there.
//!
//! The tables are read in the order of their keys, a page at a time, so that memory does not depend on how many files there are.

use std::collections::{HashMap, HashSet};

use sea_orm::{ConnectionTrait, FromQueryResult};
use timestore_entity::ids::{DatasetId, PartitionId, StorageTargetId};
use timestore_entity::storage_target::Model as StorageTarget;
use uuid::Uuid;

use crate::store::backend::{self, Column, Sql, in_relation, relations};
use crate::store::file_removal::KIN;
use crate::store::{Result, Store};

/// How many rows are read at a time.
const PAGE: u32 = 5_000;

/// What names a file that somebody may still need, or that is going to be deleted: the table, the columns of its key, and which
/// of its rows.
const NAMING: [(&str, &[&str], &str); 3] = [
    ("partitions", &["dataset_id", "id"], "true"),
    ("staged_partitions", &["dataset_id", "draft_id", "id"], "true"),
    (
        "file_removals",
        &["dataset_id", "partition_id"],
        "done_at is null",
    ),
];

/// That a version that can be read has the file.
const NEEDED: &str = "(file.removed_version is null or exists (select 1 from timestore.manifests as version \
     where version.dataset_id = file.dataset_id and version.version >= file.added_version \
     and version.version < file.removed_version and version.expired_at is null))";

/// A file that a version that can be read has.
#[derive(Clone, Debug, FromQueryResult)]
pub struct NeededFile {
    /// The dataset.
    pub dataset_id: DatasetId,
    /// The partition.
    pub id: PartitionId,
    /// The dataset's slug.
    pub slug: String,
    /// The path, relative to the target.
    pub file_path: String,
    /// The size.
    pub file_size_bytes: i64,
}

/// The key of a partition.
pub type FileKey = (DatasetId, PartitionId);

impl Store {
    /// Hands `take` the path, below a storage target, of every file there that any record names: a version of any dataset, a
    /// draft, or a removal that has not been settled, on this target or on one that leads to the same files. All at one instant.
    pub async fn storage_target_names(
        &self,
        target: StorageTargetId,
        mut take: impl FnMut(&str),
    ) -> Result<()> {
        #[derive(FromQueryResult)]
        struct Kin {
            target_id: StorageTargetId,
            above: String,
            below: String,
        }
        let transaction = backend::begin_snapshot(self.reader.primary()).await?;
        let mut sql = Sql::new(&transaction);
        let text = format!(
            "with {KIN} select target_id, above, below from kin where storage_target_id = {}",
            sql.bind(target)
        );
        let kin: Vec<Kin> = sql.all(&transaction, text).await?;
        let kin: HashMap<StorageTargetId, Kin> = kin.into_iter().map(|kin| (kin.target_id, kin)).collect();
        for (table, key, which) in NAMING {
            let mut after = None;
            loop {
                let (names, last) = names(&transaction, (table, key, which), kin.keys(), after).await?;
                for name in names {
                    let kin = &kin[&name.storage_target_id];
                    if let Some(rest) = name.file_path.strip_prefix(&kin.below) {
                        take(&format!("{}{rest}", kin.above));
                    }
                }
                after = last;
                if after.is_none() {
                    break;
                }
            }
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The first files after `after` on a storage target that a version that can be read has, of one dataset or of all.
    pub async fn storage_target_needs(
        &self,
        target: StorageTargetId,
        dataset: Option<DatasetId>,
        after: Option<FileKey>,
    ) -> Result<Vec<NeededFile>> {
        let mut sql = Sql::new(&self.reader);
        let mut conditions = vec![
            format!("file.storage_target_id = {}", sql.bind(target)),
            NEEDED.to_owned(),
        ];
        if let Some(dataset) = dataset {
            conditions.push(format!("file.dataset_id = {}", sql.bind(dataset)));
        }
        if let Some((dataset, id)) = after {
            let after = format!("({}, {})", sql.bind(dataset), sql.bind(id));
            conditions.push(format!("(file.dataset_id, file.id) > {after}"));
        }
        let text = format!(
            "select file.dataset_id, file.id, dataset.slug, file.file_path, file.file_size_bytes \
             from timestore.partitions as file join timestore.datasets as dataset on dataset.id = file.dataset_id \
             where {} order by file.dataset_id, file.id limit {PAGE}",
            conditions.join(" and ")
        );
        Ok(sql.all(&self.reader, text).await?)
    }

    /// Those of the files with these keys that a version that can be read has by now.
    pub async fn files_needed(&self, keys: &[FileKey]) -> Result<HashSet<FileKey>> {
        #[derive(FromQueryResult)]
        struct Row {
            dataset_id: DatasetId,
            id: PartitionId,
        }
        if keys.is_empty() {
            return Ok(HashSet::new());
        }
        let columns = vec![
            (
                "dataset_id",
                Column::Uuid(keys.iter().map(|key| key.0.0).collect()),
            ),
            ("id", Column::Uuid(keys.iter().map(|key| key.1.0).collect())),
        ];
        let mut needed = HashSet::new();
        for relation in relations(&self.reader, columns) {
            let text = format!(
                "select file.dataset_id, file.id from timestore.partitions as file where {} and {NEEDED}",
                in_relation("(file.dataset_id, file.id)", &relation)
            );
            let rows: Vec<Row> = relation.sql.all(&self.reader, text).await?;
            needed.extend(rows.into_iter().map(|row| (row.dataset_id, row.id)));
        }
        Ok(needed)
    }

    /// The storage targets that hold files of a dataset, by name.
    pub async fn dataset_storage_targets(&self, dataset: DatasetId) -> Result<Vec<StorageTarget>> {
        let mut sql = Sql::new(&self.reader);
        let dataset = sql.bind(dataset);
        let holds = |removed: &str| {
            format!(
                "exists (select 1 from timestore.partitions as file where file.dataset_id = {dataset} \
                 and file.storage_target_id = target.id and file.removed_version {removed})"
            )
        };
        let text = format!(
            "select * from timestore.storage_targets as target where {} or {} order by name",
            holds("is null"),
            holds("is not null")
        );
        Ok(sql.all(&self.reader, text).await?)
    }
}

#[derive(FromQueryResult)]
struct Name {
    storage_target_id: StorageTargetId,
    file_path: String,
}

/// A page of the rows of a table that lie on `targets`, and the key of its last row where there may be more.
async fn names(
    connection: &impl ConnectionTrait,
    (table, key, which): (&str, &[&str], &str),
    targets: impl Iterator<Item = &StorageTargetId>,
    after: Option<Vec<Uuid>>,
) -> Result<(Vec<Name>, Option<Vec<Uuid>>)> {
    let mut sql = Sql::new(connection);
    let targets: Vec<String> = targets.map(|target| sql.bind(*target)).collect();
    let columns = key.join(", ");
    let mut conditions = format!("storage_target_id in ({}) and {which}", targets.join(", "));
    if let Some(after) = after {
        let after: Vec<String> = after.into_iter().map(|id| sql.bind(id)).collect();
        conditions += &format!(" and ({columns}) > ({})", after.join(", "));
    }
    let text = format!(
        "select storage_target_id, file_path, {columns} from timestore.{table} where {conditions} \
         order by {columns} limit {PAGE}"
    );
    let rows = sql.rows(connection, text).await?;
    let full = rows.len() == PAGE as usize;
    let last = rows.last().filter(|_| full);
    let last = last.map(|row| key.iter().map(|column| row.try_get("", column)).collect());
    let names = rows.iter().map(|row| Name::from_query_result(row, ""));
    Ok((names.collect::<Result<_, _>>()?, last.transpose()?))
}
