//! Manifests: the versions of a dataset, read. They are written by [`super::publish`].

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, EntityTrait};
use timestore_entity::idempotency_record;
use timestore_entity::ids::DatasetId;
use timestore_entity::manifest::{Entity, Model as Manifest};

use super::backend::{Column, Columns, FirstOfEach, Relation, Sql, first_of_each, in_relation, relations};
use super::dataset::dataset_get_with_head_lock_in_txn;
use super::keyed::{DatasetList, group, pages_by_dataset, rows_by_number};
use super::schema_version::SchemaVersionKey;
use super::{DatasetRef, Fault, ManifestRef, Page, Result, Rows, Store};
use crate::model::naming;

/// A manifest, by its key: the dataset and the version.
pub type ManifestKey = (DatasetId, i32);

/// What became of a publish, as far as its key tells.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one a request")]
pub enum CommitStatus {
    /// It was committed, as this manifest; none where it left a dataset without versions as it was.
    Committed(Option<Manifest>),
    /// No publish with this key was committed, and none is under way.
    NotSeen,
    /// The key was used, and has been forgotten since.
    Expired,
}

impl Store {
    /// The manifests with these keys.
    pub async fn manifests_by_key(&self, keys: &[ManifestKey]) -> Result<HashMap<ManifestKey, Manifest>> {
        let found = manifests_by_key(&self.reader, keys).await?;
        if self.reader.may_lag() && keys.iter().any(|key| !found.contains_key(key)) {
            self.reader.catch_up().await?;
            return manifests_by_key(&self.reader, keys).await;
        }
        Ok(found)
    }

    /// The manifests that these references name.
    pub async fn manifests_resolve(
        &self,
        refs: &[(DatasetId, ManifestRef)],
    ) -> Result<HashMap<(DatasetId, ManifestRef), Manifest>> {
        let found = manifests_resolve_in_txn(&self.reader, refs).await?;
        // A replica that lags would say of an instant what was not true then.
        let is_open = |key: &(DatasetId, ManifestRef)| {
            matches!(key.1, ManifestRef::AsOf(_)) || !found.contains_key(key)
        };
        if self.reader.may_lag() && refs.iter().any(is_open) {
            self.reader.catch_up().await?;
            return manifests_resolve_in_txn(&self.reader, refs).await;
        }
        Ok(found)
    }

    /// The same page of each dataset's manifests, newest first, with these columns.
    pub async fn manifest_pages(
        &self,
        ids: &[DatasetId],
        page: &Page<i32>,
        columns: Columns,
    ) -> Result<HashMap<DatasetId, Rows<Manifest>>> {
        let columns = columns.or(Columns::named::<Manifest>(&["dataset_id"]));
        let list = DatasetList {
            table: "manifests",
            key: "version",
            descending: true,
        };
        pages_by_dataset(&self.reader, &list, ids, page, columns, |row: &Manifest| {
            (row.dataset_id, row.version)
        })
        .await
    }

    /// The same page of the manifests that used each schema version, newest first, with these columns.
    pub async fn manifest_pages_by_schema_version(
        &self,
        keys: &[SchemaVersionKey],
        page: &Page<i32>,
        columns: Columns,
    ) -> Result<HashMap<SchemaVersionKey, Rows<Manifest>>> {
        let columns = columns.or(Columns::named::<Manifest>(&["dataset_id", "schema_version"]));
        let mut found: Vec<Manifest> = Vec::new();
        for Relation { from, mut sql, .. } in relations(&self.reader, schema_version_columns(keys)) {
            let keyset = page.keyset(&mut sql, "child.version", true);
            let own =
                "child.dataset_id = parent.dataset_id and child.schema_version = parent.version".to_owned();
            let branch = [vec![own], keyset.conditions].concat().join(" and ");
            let select = FirstOfEach {
                columns: &columns.select::<Manifest>("child"),
                of_child: &["*"],
                parents: "timestore.schema_versions as parent",
                of: &format!("(parent.dataset_id, parent.version) in (select * from {from})"),
                children: "timestore.manifests",
                branches: &[branch],
                order: &[("version", keyset.direction)],
                limit: keyset.limit,
                keeps_childless: false,
            };
            let text = first_of_each(&sql, &select);
            found.extend(sql.by_place::<Manifest>(&self.reader, text, columns).await?);
        }
        let key_of = |row: &Manifest| {
            (
                (row.dataset_id, row.schema_version.unwrap_or_default()),
                row.version,
            )
        };
        Ok(group(page, found, key_of, true))
    }

    /// How many manifests used each schema version.
    pub async fn manifest_counts_by_schema_version(
        &self,
        keys: &[SchemaVersionKey],
    ) -> Result<HashMap<SchemaVersionKey, u64>> {
        let mut counts = HashMap::new();
        for relation in relations(&self.reader, schema_version_columns(keys)) {
            let text = format!(
                "select dataset_id, schema_version, count(*) as n from timestore.manifests where {} \
                 group by dataset_id, schema_version",
                in_relation("(dataset_id, schema_version)", &relation)
            );
            for row in relation.sql.rows(&self.reader, text).await? {
                let key = (row.try_get("", "dataset_id")?, row.try_get("", "schema_version")?);
                counts.insert(key, row.try_get::<i64>("", "n")?.unsigned_abs());
            }
        }
        Ok(counts)
    }

    /// Whether a publish with this key was committed. Waits for publishes of the dataset that are under way, so that
    /// `NotSeen` is not said of one that may still commit.
    pub async fn commit_status(&self, dataset: &DatasetRef, idempotency_key: &str) -> Result<CommitStatus> {
        let key = naming::idempotency_key(idempotency_key)
            .map_err(|message| Fault::invalid(&["idempotencyKey"], message))?;
        let transaction = self.begin().await?;
        let (dataset, _) = dataset_get_with_head_lock_in_txn(&transaction, &self.viewer, dataset).await?;
        let record = idempotency_record::Entity::find_by_id((dataset.id, key))
            .one(&transaction)
            .await?;
        let Some(record) = record else {
            return Ok(CommitStatus::NotSeen);
        };
        if record.expires_at <= self.clock.now() {
            return Ok(CommitStatus::Expired);
        }
        let manifest = match record.version {
            Some(version) => {
                Entity::find_by_id((dataset.id, version))
                    .one(&transaction)
                    .await?
            }
            None => None,
        };
        Ok(CommitStatus::Committed(manifest))
    }
}

/// The manifests with these keys, as `connection` sees them.
async fn manifests_by_key(
    connection: &impl ConnectionTrait,
    keys: &[ManifestKey],
) -> Result<HashMap<ManifestKey, Manifest>> {
    let rows: Vec<Manifest> = rows_by_number(connection, "manifests", "version", keys).await?;
    Ok(rows
        .into_iter()
        .map(|row| ((row.dataset_id, row.version), row))
        .collect())
}

/// The manifests that these references name, as `connection` sees them: one statement for each kind of reference.
pub(super) async fn manifests_resolve_in_txn(
    connection: &impl ConnectionTrait,
    refs: &[(DatasetId, ManifestRef)],
) -> Result<HashMap<(DatasetId, ManifestRef), Manifest>> {
    let (mut versions, mut instants, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for (id, reference) in refs {
        match reference {
            ManifestRef::Version(version) => versions.push((*id, *version)),
            ManifestRef::AsOf(instant) => instants.push((id.0, *instant)),
            ManifestRef::Snapshot(name) if naming::snapshot_name(name).is_err() => {}
            ManifestRef::Snapshot(name) => names.push((id.0, name.clone())),
        }
    }
    let mut resolved = HashMap::new();
    if !versions.is_empty() {
        for row in rows_by_number::<Manifest>(connection, "manifests", "version", &versions).await? {
            resolved.insert((row.dataset_id, ManifestRef::Version(row.version)), row);
        }
    }
    if !instants.is_empty() {
        let (ids, instants) = instants.into_iter().unzip();
        for relation in relations(
            connection,
            vec![("dataset_id", Column::Uuid(ids)), ("at", Column::Time(instants))],
        ) {
            // The unique index on (dataset_id, published_at) answers the subquery from its end.
            let text = format!(
                "select m.*, given.at as given_at from {} cross join timestore.manifests as m \
                 where m.dataset_id = given.dataset_id and m.published_at = (select max(earlier.published_at) from timestore.manifests as earlier \
                 where earlier.dataset_id = given.dataset_id and earlier.published_at <= given.at)",
                relation.from
            );
            collect(connection, relation.sql, text, &mut resolved, |row| {
                Ok(ManifestRef::AsOf(row.try_get("", "given_at")?))
            })
            .await?;
        }
    }
    if !names.is_empty() {
        let (ids, names) = names.into_iter().unzip();
        for relation in relations(
            connection,
            vec![("dataset_id", Column::Uuid(ids)), ("name", Column::Text(names))],
        ) {
            let text = format!(
                "select m.*, s.name as given_name from timestore.snapshots as s join timestore.manifests as m \
                 on m.dataset_id = s.dataset_id and m.version = s.version where {}",
                in_relation("(s.dataset_id, s.name)", &relation)
            );
            collect(connection, relation.sql, text, &mut resolved, |row| {
                Ok(ManifestRef::Snapshot(row.try_get("", "given_name")?))
            })
            .await?;
        }
    }
    Ok(resolved)
}

async fn collect(
    connection: &impl ConnectionTrait,
    sql: Sql,
    text: String,
    resolved: &mut HashMap<(DatasetId, ManifestRef), Manifest>,
    reference: impl Fn(&sea_orm::QueryResult) -> Result<ManifestRef, sea_orm::DbErr>,
) -> Result<()> {
    use sea_orm::FromQueryResult;
    for row in sql.rows(connection, text).await? {
        let manifest = Manifest::from_query_result(&row, "")?;
        resolved.insert((manifest.dataset_id, reference(&row)?), manifest);
    }
    Ok(())
}

fn schema_version_columns(keys: &[SchemaVersionKey]) -> Vec<(&'static str, Column)> {
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
