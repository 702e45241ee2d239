//! Pages of files, in one statement whatever the number of versions.
//!
//! Versions of a dataset have most of their files in common. Where several of one dataset are asked for, each file comes once,
//! and which of the versions have it is found here, by its interval of versions; those whose pages are the same get the same page.
//!
//! Which span classes a dataset uses is part of the text of the statement. It hardly ever changes, so that it is remembered from
//! the last time: the statement itself tells whether it is still so, and the classes are looked up only where it is not.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use sea_orm::ConnectionTrait;
use serde_json::json;
use timestore_entity::ids::DatasetId;
use timestore_entity::partition::Model as Partition;

use super::columns::{self, VERSIONS};
use super::{PartitionFilter, PartitionPosition};
use crate::model::key_names::whole_keys;
use crate::store::backend::{
    Columns, FirstOfEach, Relation, Sql, each_with, first_of_each, is_key, text_among, value_at,
};
use crate::store::keyed::{group, in_order};
use crate::store::manifest::ManifestKey;
use crate::store::visible::{ByManifest, Scope, parents, position};
use crate::store::{Page, Result, Rows, Store};

/// How many values of a key the database compares a file with: it would go through all of them for each file.
const MAX_TEXTS: usize = 100;

/// What a statement finds.
#[derive(Default)]
struct Found {
    /// The files of each dataset that are on the page of one of its versions.
    files: HashMap<DatasetId, Vec<Partition>, RandomState>,
    /// Whether a version has expired, or its dataset has files with other keys than was thought.
    is_other: bool,
    /// The span classes that the datasets use.
    span_classes: i64,
}

impl Store {
    /// The same page of the files of each version. Fails where a version has expired. Not all that the predicates rule out is left out.
    pub(super) async fn pages(
        &self,
        keys: &[ManifestKey],
        filter: &PartitionFilter,
        page: &Page<PartitionPosition>,
        columns: Columns,
    ) -> Result<ByManifest<Arc<Rows<Partition>>>> {
        if let Some(remembered) = self.remembered(keys) {
            let found = self.find(&remembered, filter, page, columns).await?;
            if !found.is_other && remembered.span_classes() & found.span_classes == found.span_classes {
                return Ok(found.pages(keys, page));
            }
        }
        let mut scope = Scope::find(&self.reader, keys).await?;
        for ((dataset, _), shape) in scope.keys.iter().zip(&scope.shapes) {
            self.shapes.insert(*dataset, shape.clone());
        }
        let mut found = self.find(&scope, filter, page, columns).await?;
        if found.is_other {
            scope.shapes.iter_mut().for_each(|shape| shape.key_names = None);
            found = self.find(&scope, filter, page, columns).await?;
        }
        Ok(found.pages(&scope.keys, page))
    }

    /// The same of one version.
    pub(in crate::store) async fn page(
        &self,
        key: ManifestKey,
        filter: &PartitionFilter,
        page: &Page<PartitionPosition>,
        columns: Columns,
    ) -> Result<Rows<Partition>> {
        let mut pages = self.pages(&[key], filter, page, columns).await?;
        Ok(pages.remove(&key).map(Arc::unwrap_or_clone).unwrap_or_default())
    }

    /// What is remembered of all these versions.
    fn remembered(&self, keys: &[ManifestKey]) -> Option<Scope> {
        let shapes = keys.iter().map(|(dataset, _)| self.shapes.get(dataset));
        Some(Scope {
            keys: keys.to_vec(),
            shapes: shapes.collect::<Option<_>>()?,
        })
    }

    async fn find(
        &self,
        scope: &Scope,
        filter: &PartitionFilter,
        page: &Page<PartitionPosition>,
        columns: Columns,
    ) -> Result<Found> {
        let are_shared = scope.share_datasets();
        let columns = match are_shared {
            true => columns.or(VERSIONS),
            false => columns,
        };
        let names: Vec<&str> = columns.names::<Partition>().collect();
        let mut found = Found::default();
        for Relation { from, mut sql, .. } in scope.relations(&self.reader) {
            let (mut conditions, direction) = position(&mut sql, page);
            for predicate in &filter.keys {
                if let Some(texts) = predicate.texts().filter(|texts| texts.len() <= MAX_TEXTS) {
                    conditions.push(text_among(
                        &mut sql,
                        "child.partition_key",
                        &predicate.key,
                        &texts,
                    ));
                }
            }
            let (among, is_as_known) = by_key(&mut sql, scope, filter);
            let branches = scope.branches(&mut sql, filter.window, &conditions, &among);
            let (parents, given) = parents(&sql, &from);
            let select = FirstOfEach {
                columns: &format!(
                    "parent.dataset_id, case when parent.expired_at is null{is_as_known} then head.span_classes end, {}",
                    columns::select(columns)
                ),
                of_child: &names,
                parents: &parents,
                of: &given,
                children: "timestore.partitions",
                branches: &branches,
                order: &[("start_time", direction), ("id", direction)],
                limit: page.limit_in_sql(),
                keeps_childless: true,
            };
            let text = match are_shared {
                true => each_once(&sql, &select, columns),
                false => first_of_each(&sql, &select),
            };
            let rows = sql.rows(&self.reader, text).await?;
            let usual = rows.len().div_ceil(scope.keys.len());
            for row in rows {
                let dataset = value_at(&row, 0)?;
                match value_at::<Option<i64>>(&row, 1)? {
                    Some(span_classes) => found.span_classes |= span_classes,
                    None => found.is_other = true,
                }
                // A version may have no such file.
                if let Some(file) = columns::read(&row, 2, columns, dataset)? {
                    let files = found.files.entry(dataset);
                    files.or_insert_with(|| Vec::with_capacity(usual)).push(file);
                }
            }
        }
        Ok(found)
    }
}

/// Conditions for the whole keys that the predicates leave, and one more on the head, that keys are as was thought; none where there are
/// no such keys.
fn by_key(sql: &mut Sql, scope: &Scope, filter: &PartitionFilter) -> (Vec<String>, String) {
    let keys = scope.key_names().and_then(|names| {
        let keys = whole_keys(&names.0, &filter.keys)?;
        Some((names, keys))
    });
    let Some((names, keys)) = keys else {
        return (Vec::new(), String::new());
    };
    let among = keys.iter().map(|key| is_key(sql, key)).collect();
    let names = sql.bind(json!(names));
    (among, format!(" and head.key_names = {names}"))
}

/// The same files, each once, whatever the number of versions that it is on the page of: no more than their ids is read before that.
fn each_once(sql: &Sql, select: &FirstOfEach<'_>, columns: Columns) -> String {
    let ids = FirstOfEach {
        columns: "parent.dataset_id, child.id, max(parent.expired_at) as expired_at, max(head.span_classes) as span_classes",
        of_child: &["start_time", "id"],
        ..*select
    };
    let ids = first_of_each(sql, &ids);
    let given = format!("({ids} group by parent.dataset_id, child.id) as given");
    let from = each_with(sql, &given, select.children, "child", &["dataset_id", "id"]);
    let state = "case when given.expired_at is null then given.span_classes end";
    format!(
        "select given.dataset_id, {state}, {} from {from}",
        columns::select(columns)
    )
}

fn position_of(file: &Partition) -> PartitionPosition {
    (file.start_time, file.id)
}

impl Found {
    /// The page of each of these versions, by start time, then id.
    fn pages(
        mut self,
        keys: &[ManifestKey],
        page: &Page<PartitionPosition>,
    ) -> ByManifest<Arc<Rows<Partition>>> {
        let mut versions: HashMap<DatasetId, Vec<i32>> = HashMap::new();
        for (dataset, version) in keys {
            versions.entry(*dataset).or_default().push(*version);
        }
        let mut pages = HashMap::with_capacity(keys.len());
        for (dataset, versions) in versions {
            let files = self.files.remove(&dataset).unwrap_or_default();
            let of_dataset = match *versions {
                [only] => vec![(only, Arc::new(in_order(page, files, position_of, false)))],
                _ => pages_of_versions(page, files, versions),
            };
            pages.extend(
                of_dataset
                    .into_iter()
                    .map(|(version, rows)| ((dataset, version), rows)),
            );
        }
        pages
    }
}

/// The pages of versions of one dataset, from the files that are on any of them: the first of those that a version has are its page.
fn pages_of_versions(
    page: &Page<PartitionPosition>,
    mut files: Vec<Partition>,
    versions: Vec<i32>,
) -> Vec<(i32, Arc<Rows<Partition>>)> {
    files.sort_unstable_by_key(position_of);
    files.dedup_by_key(|file| file.id);
    if page.backwards {
        files.reverse();
    }
    let mut pages: HashMap<Rows<usize>, Arc<Rows<Partition>>> = HashMap::new();
    let page_of = |version: i32| {
        let has = |file: &Partition| {
            file.added_version <= version && file.removed_version.is_none_or(|removed| removed > version)
        };
        let wanted = page.limit as usize + 1;
        let places = (0..files.len()).filter(|at| has(&files[*at])).take(wanted);
        let rows = pages
            .entry(Rows::from_query(page, places.collect()))
            .or_insert_with_key(|places| Arc::new(places.clone().map(|at| files[at].clone())));
        (version, rows.clone())
    };
    versions.into_iter().map(page_of).collect()
}

/// Files as they come, each after its dataset and the version that it was read for.
pub(in crate::store) async fn by_manifest(
    connection: &impl ConnectionTrait,
    sql: Sql,
    text: String,
) -> Result<Vec<(i32, Partition)>> {
    let mut files = Vec::new();
    for row in sql.rows(connection, text).await? {
        let version = value_at(&row, 1)?;
        let file = columns::read(&row, 2, Columns::ALL, value_at(&row, 0)?)?;
        files.extend(file.map(|file| (version, file)));
    }
    Ok(files)
}

/// Sorts files, each with the version that it was read for, into pages by start time, then id.
pub(in crate::store) fn sorted(
    page: &Page<PartitionPosition>,
    files: Vec<(i32, Partition)>,
) -> ByManifest<Rows<Partition>> {
    let key_of =
        |(version, file): &(i32, Partition)| ((file.dataset_id, *version), (file.start_time, file.id));
    let pages = group(page, files, key_of, false);
    pages
        .into_iter()
        .map(|(key, page)| (key, page.map(|(_, file)| file)))
        .collect::<HashMap<_, _>>()
}
