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
use timestore_entity::dataset_head::KeyNames;
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

/// Versions that can be read, and what the files of their datasets look like.
pub(super) struct Scope {
    /// The versions.
    pub(super) keys: Vec<ManifestKey>,
    /// What the files of the dataset of each of them are like.
    pub(super) shapes: Vec<Shape>,
}

/// What all files are like that a dataset has ever had.
#[derive(Clone, Debug, Default)]
pub(super) struct Shape {
    /// Bit c is set when there are files of class c.
    pub(super) span_classes: i64,
    /// The names of the texts that their partition keys are made of, where that is known.
    pub(super) key_names: Option<KeyNames>,
}

#[derive(FromQueryResult)]
struct Readable {
    dataset_id: DatasetId,
    version: i32,
    expired: bool,
    span_classes: i64,
    key_names: Option<KeyNames>,
}

impl Scope {
    /// The versions among `keys` that exist; fails where the history of one has expired.
    pub(super) async fn find(connection: &impl ConnectionTrait, keys: &[ManifestKey]) -> Result<Self> {
        let mut scope = Self {
            keys: Vec::with_capacity(keys.len()),
            shapes: Vec::with_capacity(keys.len()),
        };
        for Relation { from, sql, .. } in relations(connection, manifest_columns(keys)) {
            let (parents, given) = parents(&sql, &from);
            let text = format!(
                "select parent.dataset_id, parent.version, parent.expired_at is not null as expired, \
                 head.span_classes, head.key_names from {parents} where {given}"
            );
            for row in sql.all::<Readable>(connection, text).await? {
                if row.expired {
                    return Err(expired(connection, row.dataset_id, row.version).await?);
                }
                scope.keys.push((row.dataset_id, row.version));
                scope.shapes.push(Shape {
                    span_classes: row.span_classes,
                    key_names: row.key_names,
                });
            }
        }
        Ok(scope)
    }

    /// Bit c is set when one of the datasets has files of class c.
    pub(super) fn span_classes(&self) -> i64 {
        let classes = self.shapes.iter().map(|shape| shape.span_classes);
        classes.fold(0, |all, classes| all | classes)
    }

    /// The names of the texts that the partition keys of all files are made of, where that is known of a single version.
    pub(super) fn key_names(&self) -> Option<&KeyNames> {
        match &self.shapes[..] {
            [only] => only.key_names.as_ref(),
            _ => None,
        }
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

    /// One condition on `child` for each span class and case: the file is visible at `parent`, and overlaps the window. Live files are told
    /// apart by the conditions of `among`, each served by an index, where there are any.
    pub(super) fn branches(
        &self,
        sql: &mut Sql,
        window: Option<(Timestamp, Timestamp)>,
        more: &[String],
        among: &[String],
    ) -> Vec<String> {
        let bounds = window.map(|(from, to)| (from, sql.bind(from), sql.bind(to)));
        let mut branches = Vec::new();
        for class in span::classes(self.span_classes()) {
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
            let live = format!("child.removed_version is null and {own}");
            match among {
                [] => branches.push(live),
                among => branches.extend(among.iter().map(|one| format!("{one} and {live}"))),
            }
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
