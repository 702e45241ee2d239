//! The SQL of "which files does version V have, and which of them overlap a window".
//!
//! A file is visible at V when it was added at or before V, and is live or was removed after V. The two cases have a partial
//! index each. Of removed files there are three indexes, and what a condition says of `removed_version` names the one that it
//! means: `<> 0` by window, `> 0` by the version that removed it, `is not null` by path; `removed_version + 0` names none of them.
//! Within an index, files are ordered by span class and start time: a file of class c that overlaps
//! `[from, to]` starts in `[from - 2^c, to]`, so that each class is one range scan, ordered and limited by itself.

use std::collections::{HashMap, HashSet};

use sea_orm::{ConnectionTrait, FromQueryResult};
use timestore_entity::Timestamp;
use timestore_entity::ids::DatasetId;

use super::backend::{Column, Relation, Sql, named, relations};
use super::history::oldest_kept;
use super::manifest::ManifestKey;
use super::partition::PartitionPosition;
use super::{Page, Result, StoreError};
use crate::model::span;

/// What the branches speak of, for the versions in the relation `from`: `parent`, a manifest, and `head`, that of its dataset; and a
/// condition on them.
pub(super) fn parents(sql: &Sql, from: &str) -> (String, String) {
    let (manifest, given) = named(
        sql,
        from,
        "timestore.manifests",
        "parent",
        &["dataset_id", "version"],
    );
    let head = "join timestore.dataset_heads as head on head.dataset_id = parent.dataset_id";
    (format!("{manifest} {head}"), given)
}

/// Versions that can be read, and the span classes that their datasets have ever used.
pub(super) struct Scope {
    /// The versions.
    pub(super) keys: Vec<ManifestKey>,
    /// Bit c is set when one of the datasets has files of class c.
    pub(super) span_classes: i64,
}

#[derive(FromQueryResult)]
struct Readable {
    dataset_id: DatasetId,
    version: i32,
    expired: bool,
    span_classes: i64,
}

impl Scope {
    /// The versions among `keys` that exist; fails where the history of one has expired.
    pub(super) async fn find(connection: &impl ConnectionTrait, keys: &[ManifestKey]) -> Result<Self> {
        let mut scope = Self {
            keys: Vec::with_capacity(keys.len()),
            span_classes: 0,
        };
        for Relation { from, sql, .. } in relations(connection, manifest_columns(keys)) {
            let (parents, given) = parents(&sql, &from);
            let text = format!(
                "select parent.dataset_id, parent.version, parent.expired_at is not null as expired, head.span_classes \
                 from {parents} where {given}"
            );
            for row in sql.all::<Readable>(connection, text).await? {
                if row.expired {
                    return Err(expired(connection, row.dataset_id, row.version).await?);
                }
                scope.keys.push((row.dataset_id, row.version));
                scope.span_classes |= row.span_classes;
            }
        }
        Ok(scope)
    }

    /// Whether several of the versions are of one dataset.
    pub(super) fn share_datasets(&self) -> bool {
        let mut datasets = HashSet::with_capacity(self.keys.len());
        !self.keys.iter().all(|(dataset, _)| datasets.insert(dataset))
    }

    /// These versions as relations to select from.
    pub(super) fn relations(&self, connection: &impl ConnectionTrait) -> Vec<Relation> {
        relations(connection, manifest_columns(&self.keys))
    }

    /// One condition on `child` for each span class and case: the file is visible at `parent`, and overlaps the window.
    pub(super) fn branches(
        &self,
        sql: &mut Sql,
        window: Option<(Timestamp, Timestamp)>,
        more: &[String],
    ) -> Vec<String> {
        let bounds = window.map(|(from, to)| (from, sql.bind(from), sql.bind(to)));
        let mut branches = Vec::new();
        for class in span::classes(self.span_classes) {
            let mut own = vec![
                "child.dataset_id = parent.dataset_id".to_owned(),
                format!("child.span_class = {class}"),
            ];
            if let Some((from, bound_from, bound_to)) = &bounds {
                let earliest = sql.bind(span::lower_bound(*from, class));
                own.push(format!(
                    "child.start_time >= {earliest} and child.start_time <= {bound_to}"
                ));
                own.push(format!("child.end_time >= {bound_from}"));
            }
            own.extend_from_slice(more);
            // No index on the version that added a file, which knows neither the order nor the window.
            own.push("child.added_version + 0 <= parent.version".to_owned());
            let own = own.join(" and ");
            branches.push(format!("child.removed_version is null and {own}"));
            // At the newest version nothing has been removed since: the second case is not even looked at.
            branches.push(format!(
                "child.removed_version <> 0 and child.removed_version > parent.version \
                 and head.latest_version > parent.version and {own}"
            ));
        }
        branches
    }
}

/// Conditions on `child` for a page ordered by start time, then id, and the direction in which its rows come.
pub(super) fn position(sql: &mut Sql, page: &Page<PartitionPosition>) -> (Vec<String>, &'static str) {
    let mut conditions = Vec::new();
    for (position, comparison) in [(page.after, ">"), (page.before, "<")] {
        if let Some((start, id)) = position {
            let position = format!("({}, {})", sql.bind(start), sql.bind(id));
            conditions.push(format!("(child.start_time, child.id) {comparison} {position}"));
        }
    }
    (conditions, if page.backwards { "desc" } else { "asc" })
}

/// The error of reading a version whose history has expired.
pub(super) async fn expired(
    connection: &impl ConnectionTrait,
    dataset_id: DatasetId,
    version: i32,
) -> Result<StoreError> {
    let oldest = oldest_kept(connection, dataset_id).await?;
    Ok(StoreError::Expired {
        version,
        oldest: oldest.unwrap_or_default(),
    })
}

fn manifest_columns(keys: &[ManifestKey]) -> Vec<(&'static str, Column)> {
    vec![
        (
            "dataset_id",
            Column::Uuid(keys.iter().map(|(dataset, _)| dataset.0).collect()),
        ),
        (
            "version",
            Column::Int(keys.iter().map(|(_, version)| *version).collect()),
        ),
    ]
}

/// Puts rows under the version that they were read for.
pub(super) type ByManifest<T> = HashMap<ManifestKey, T>;
