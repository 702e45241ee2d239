//! Pages of files, in one statement whatever the number of versions.
//!
//! Which span classes a dataset uses is part of the text of the statement. It hardly ever changes, so that it is remembered from
//! the last time: the statement itself tells whether it is still so, and the classes are looked up only where it is not.

use std::collections::HashMap;

use sea_orm::ConnectionTrait;
use timestore_entity::partition::Model as Partition;

use super::columns::{self, PartitionColumns};
use super::{PartitionFilter, PartitionPosition, PartitionQuery};
use crate::store::backend::{FirstOfEach, Relation, Sql, first_of_each, text_among, value_at};
use crate::store::keyed::{group, in_order};
use crate::store::manifest::ManifestKey;
use crate::store::visible::{ByManifest, Scope, expired, parents, position};
use crate::store::{Page, Result, Rows, Store};

/// How many values of a key the database compares a file with: it would go through all of them for each file.
const MAX_TEXTS: usize = 100;

/// What a statement finds.
#[derive(Default)]
struct Found {
    /// The files of each version.
    files: ByManifest<Vec<Partition>>,
    /// A version that has expired.
    expired: Option<ManifestKey>,
    /// The span classes that the datasets use.
    span_classes: i64,
}

impl Store {
    /// The same page of the files of each version in a window. Fails where a version has expired.
    pub(super) async fn pages(
        &self,
        keys: &[ManifestKey],
        query: &PartitionQuery,
    ) -> Result<ByManifest<Rows<Partition>>> {
        if let Some(remembered) = self.remembered(keys) {
            let found = self
                .find(&remembered, &query.filter, &query.page, query.columns)
                .await?;
            if let Some((dataset, version)) = found.expired {
                return Err(expired(&self.reader, dataset, version).await?);
            }
            if remembered.span_classes & found.span_classes == found.span_classes {
                return Ok(found.pages(&query.page));
            }
        }
        let scope = Scope::find(&self.reader, keys).await?;
        for key in keys {
            self.span_classes.insert(key.0, scope.span_classes);
        }
        self.scope_pages(&scope, &query.filter, &query.page, query.columns)
            .await
    }

    /// What is remembered of all these versions.
    fn remembered(&self, keys: &[ManifestKey]) -> Option<Scope> {
        let mut span_classes = 0;
        for (dataset, _) in keys {
            span_classes |= self.span_classes.get(dataset)?;
        }
        Some(Scope {
            keys: keys.to_vec(),
            span_classes,
        })
    }

    /// The same page of the files of each version in the filter's window, in one statement. Not all that the predicates rule out is left
    /// out.
    pub(in crate::store) async fn scope_pages(
        &self,
        scope: &Scope,
        filter: &PartitionFilter,
        page: &Page<PartitionPosition>,
        columns: PartitionColumns,
    ) -> Result<ByManifest<Rows<Partition>>> {
        Ok(self.find(scope, filter, page, columns).await?.pages(page))
    }

    async fn find(
        &self,
        scope: &Scope,
        filter: &PartitionFilter,
        page: &Page<PartitionPosition>,
        columns: PartitionColumns,
    ) -> Result<Found> {
        let columns = format!(
            "parent.dataset_id, parent.version, parent.expired_at is not null, head.span_classes, {}",
            columns.select()
        );
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
            let branches = scope.branches(&mut sql, filter.window, &conditions);
            let limit = page.limit_in_sql();
            let (parents, given) = parents(&sql, &from);
            let select = FirstOfEach {
                columns: &columns,
                parents: &parents,
                of: &given,
                children: "timestore.partitions",
                branches: &branches,
                order: &[("start_time", direction), ("id", direction)],
                limit,
                keeps_childless: true,
            };
            let text = first_of_each(&sql, &select);
            for row in sql.rows(&self.reader, text).await? {
                let version = (value_at(&row, 0)?, value_at(&row, 1)?);
                if value_at(&row, 2)? {
                    found.expired = Some(version);
                }
                found.span_classes |= value_at::<i64>(&row, 3)?;
                // A version may have no such file.
                if let Some(file) = columns::read(&row, 4)? {
                    found.files.entry(version).or_default().push(file);
                }
            }
        }
        Ok(found)
    }
}

impl Found {
    /// The files as pages, by start time, then id.
    fn pages(self, page: &Page<PartitionPosition>) -> ByManifest<Rows<Partition>> {
        let position = |file: &Partition| (file.start_time, file.id);
        let files = self.files.into_iter();
        files
            .map(|(version, files)| (version, in_order(page, files, position, false)))
            .collect()
    }
}

/// Files as they come, each after the version that it was read for.
pub(in crate::store) async fn by_manifest(
    connection: &impl ConnectionTrait,
    sql: Sql,
    text: String,
) -> Result<Vec<(i32, Partition)>> {
    let mut files = Vec::new();
    for row in sql.rows(connection, text).await? {
        let version = value_at(&row, 0)?;
        files.extend(columns::read(&row, 1)?.map(|file| (version, file)));
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
