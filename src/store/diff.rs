//! What changed: the files that a version itself added or removed, and the difference between any two versions.

use timestore_entity::ids::DatasetId;
use timestore_entity::partition::Model as Partition;

use super::backend::{Columns, FirstOfEach, Relation, Sql, first_of_each};
use super::manifest::ManifestKey;
use super::partition::pages::{by_manifest, sorted};
use super::partition::{PartitionPosition, columns};
use super::visible::{ByManifest, Scope, parents, position};
use super::{Page, Result, Rows, Store};

/// Which side of a change of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Files that the later version has and the earlier one has not.
    Added,
    /// Files that the earlier version has and the later one has not.
    Removed,
}

/// One side of the difference between two versions of a dataset. A file that is equal (target, path, size, checksum) in both
/// is on neither side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DiffKey {
    /// The dataset.
    pub dataset_id: DatasetId,
    /// The version to start from.
    pub from: i32,
    /// The version to arrive at.
    pub to: i32,
    /// Which side.
    pub side: Side,
}

impl Store {
    /// The same page of what each version itself added or removed, by start time, then id.
    pub async fn partition_pages_changed(
        &self,
        keys: &[ManifestKey],
        side: Side,
        page: &Page<PartitionPosition>,
    ) -> Result<ByManifest<Rows<Partition>>> {
        let scope = match side {
            Side::Added => Scope::find(&self.reader, keys).await?,
            // What a version removed was in the one before it, which must be readable as well.
            Side::Removed => {
                let before = keys.iter().map(|(dataset, version)| (*dataset, version - 1));
                let both: Vec<ManifestKey> = keys.iter().copied().chain(before).collect();
                let mut scope = Scope::find(&self.reader, &both).await?;
                scope.keys.retain(|key| keys.contains(key));
                scope
            }
        };
        let own = match side {
            Side::Added => "child.added_version = parent.version",
            Side::Removed => "child.removed_version = parent.version",
        };
        let mut files = Vec::new();
        for Relation { from, mut sql, .. } in scope.relations(&self.reader) {
            let (mut conditions, direction) = position(&mut sql, page);
            conditions.push(format!("child.dataset_id = parent.dataset_id and {own}"));
            let limit = page.limit_in_sql();
            let (parents, given) = parents(&sql, &from);
            let select = FirstOfEach {
                columns: &format!(
                    "child.dataset_id, parent.version, {}",
                    columns::select(Columns::ALL)
                ),
                of_child: &["*"],
                parents: &parents,
                of: &given,
                children: "timestore.partitions",
                branches: &[conditions.join(" and ")],
                order: &[("start_time", direction), ("id", direction)],
                limit,
                keeps_childless: false,
            };
            let text = first_of_each(&sql, &select);
            files.extend(by_manifest(&self.reader, sql, text).await?);
        }
        Ok(sorted(page, files))
    }

    /// A page of one side of a difference, by start time, then id. Its cost is that of the versions between the two.
    pub async fn partition_diff_page(
        &self,
        diff: &DiffKey,
        page: &Page<PartitionPosition>,
    ) -> Result<Rows<Partition>> {
        Scope::find(
            &self.reader,
            &[(diff.dataset_id, diff.from), (diff.dataset_id, diff.to)],
        )
        .await?;
        let mut sql = Sql::new(&self.reader);
        let (mut conditions, direction) = position(&mut sql, page);
        conditions.push(diff.condition(&mut sql));
        let text = format!(
            "select child.dataset_id, child.added_version, {} from timestore.partitions as child where {} \
             order by child.start_time {direction}, child.id {direction} limit {}",
            columns::select(Columns::ALL),
            conditions.join(" and "),
            page.limit_in_sql()
        );
        let rows = by_manifest(&self.reader, sql, text).await?;
        Ok(Rows::from_query(page, rows).map(|(_, file)| file))
    }

    /// How many files one side of a difference has.
    pub async fn partition_diff_count(&self, diff: &DiffKey) -> Result<u64> {
        Scope::find(
            &self.reader,
            &[(diff.dataset_id, diff.from), (diff.dataset_id, diff.to)],
        )
        .await?;
        let mut sql = Sql::new(&self.reader);
        let text = format!(
            "select count(*) from timestore.partitions as child where {}",
            diff.condition(&mut sql)
        );
        Ok(sql.count(&self.reader, text).await?)
    }
}

impl DiffKey {
    /// A condition on `child`: it is on this side.
    pub(super) fn condition(&self, sql: &mut Sql) -> String {
        let dataset = sql.bind(self.dataset_id);
        let (earlier, later) = (sql.bind(self.from.min(self.to)), sql.bind(self.from.max(self.to)));
        // Going back in time, what came since is removed.
        let came = (self.side == Side::Added) == (self.from <= self.to);
        let between = |column: &str| format!("{column} > {earlier} and {column} <= {later}");
        // By path, whichever database and whatever it knows of the files: see `store/visible.rs` and `later` in `store/history`.
        let removed = "equal.removed_version is not null and equal.removed_version + 0";
        let equal = format!(
            "equal.dataset_id = {dataset} and equal.storage_target_id = child.storage_target_id \
             and equal.file_path = child.file_path and equal.file_size_bytes = child.file_size_bytes \
             and equal.checksum is not distinct from child.checksum"
        );
        let absent = |condition: String| {
            format!(
                "(select 1 from timestore.partitions as equal where {equal} and {condition} limit 1) is null"
            )
        };
        // In each case, the file is in one of the two versions and its like is not in the other.
        let conditions = if came {
            vec![
                between("child.added_version"),
                format!("(child.removed_version is null or child.removed_version > {later})"),
                absent(format!(
                    "{removed} > {earlier} and {removed} <= {later} and equal.added_version <= {earlier}"
                )),
            ]
        } else {
            vec![
                "child.removed_version > 0".to_owned(),
                between("child.removed_version"),
                format!("child.added_version <= {earlier}"),
                absent(format!(
                    "equal.removed_version is null and {}",
                    between("equal.added_version + 0")
                )),
                absent(format!(
                    "{removed} > {later} and {}",
                    between("equal.added_version + 0")
                )),
            ]
        };
        format!("child.dataset_id = {dataset} and {}", conditions.join(" and "))
    }
}
