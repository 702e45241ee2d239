//! Datasets, read together with their heads, and with what else is asked for of each.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::FutureExt;
use sea_orm::{DbErr, QueryResult};
use timestore_entity::dataset::Model as Dataset;
use timestore_entity::dataset_head::Model as DatasetHead;
use timestore_entity::enums::DatasetStatus;
use timestore_entity::ids::DatasetId;
use timestore_entity::manifest::Model as Manifest;
use timestore_entity::retention_policy::Model as RetentionPolicy;
use timestore_entity::schema_version::Model as SchemaVersion;

use super::together::{Found, Load};
use crate::model::naming;
use crate::store::access::{own_scopes, readable};
use crate::store::backend::{
    ByPlace, Column, Columns, Others, Reader, Sql, Transaction, for_update, in_relation, is_null_at,
    relations, value_at,
};
use crate::store::keyed::rows_by;
use crate::store::storage_target::storage_target_find_in_txn;
use crate::store::{DatasetRef, Fault, Page, Result, Rows, StorageTargetRef, Store};

/// What is read of datasets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DatasetParts {
    /// Of each itself.
    pub dataset: Columns,
    /// Of its head.
    pub head: Columns,
    /// Of its retention policy.
    pub policy: Option<Columns>,
    /// Of its newest version.
    pub manifest: Option<Columns>,
    /// Of its newest schema version.
    pub schema_version: Option<Columns>,
}

/// A dataset, and what it was read together with.
#[derive(Clone, Debug, PartialEq)]
pub struct DatasetState {
    /// The dataset.
    pub dataset: Dataset,
    /// Its head; none where the catalog has lost it.
    pub head: Option<DatasetHead>,
    /// Its retention policy, if it has one of its own and that is read.
    pub policy: Option<RetentionPolicy>,
    /// Its newest version, if it has one and that is read.
    pub manifest: Option<Manifest>,
    /// Its newest schema version, if it has one and that is read.
    pub schema_version: Option<SchemaVersion>,
    /// What was read.
    pub parts: DatasetParts,
}

impl DatasetParts {
    /// All columns, and the policy.
    pub const USUAL: Self = Self {
        dataset: Columns::ALL,
        head: Columns::ALL,
        policy: Some(Columns::ALL),
        manifest: None,
        schema_version: None,
    };

    /// No more than is always read.
    pub const FEWEST: Self = Self {
        dataset: Columns::named::<Dataset>(&[]),
        head: Columns::named::<DatasetHead>(&[]),
        policy: None,
        manifest: None,
        schema_version: None,
    };

    /// What one or the other reads.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let or = |one: Option<Columns>, other: Option<Columns>| match (one, other) {
            (Some(one), Some(other)) => Some(one.or(other)),
            (one, other) => one.or(other),
        };
        Self {
            dataset: self.dataset.or(other.dataset),
            head: self.head.or(other.head),
            policy: or(self.policy, other.policy),
            manifest: or(self.manifest, other.manifest),
            schema_version: or(self.schema_version, other.schema_version),
        }
    }
}

/// The dataset for which `condition` holds, and its head, which is locked until the end of the transaction.
pub(super) async fn state_lock_in_txn(
    transaction: &Transaction,
    sql: Sql,
    condition: &str,
) -> Result<Option<(Dataset, DatasetHead)>> {
    let lock = match for_update(&sql, Others::Wait) {
        "" => String::new(),
        lock => format!("{lock} of head"),
    };
    let text = format!(
        "select {}, {} from timestore.datasets as dataset \
         join timestore.dataset_heads as head on head.dataset_id = dataset.id where {condition}{lock}",
        Columns::ALL.select::<Dataset>("dataset"),
        Columns::ALL.select::<DatasetHead>("head")
    );
    let rows = sql.rows(transaction, text).await?;
    let read = |row| {
        Ok((
            Dataset::read(row, 0, Columns::ALL)?,
            DatasetHead::read(row, Dataset::COLUMNS.len(), Columns::ALL)?,
        ))
    };
    rows.first().map(read).transpose()
}

/// Of a schema version, no more than its number: the head knows that of the newest.
const NUMBER: Columns = Columns::named::<SchemaVersion>(&[]);

/// The number of the newest schema version, if there is one.
fn numbered(head: &DatasetHead) -> Option<SchemaVersion> {
    (head.latest_schema_version > 0).then(|| SchemaVersion {
        version: head.latest_schema_version,
        ..SchemaVersion::unread()
    })
}

/// Reads the rows that were joined to that of a dataset, one after the other.
struct Joined<'a> {
    row: &'a QueryResult,
    at: usize,
}

impl Joined<'_> {
    /// The next one, whose first column is that of the dataset, and whose second is never null; none where it is not read, or is not
    /// there.
    fn next<M: ByPlace>(&mut self, columns: Option<Columns>) -> Result<Option<M>, DbErr> {
        let Some(columns) = columns.map(|columns| columns.without(Columns::FIRST)) else {
            return Ok(None);
        };
        let first = self.at;
        self.at += columns.count::<M>();
        match is_null_at(self.row, first)? {
            true => Ok(None),
            false => M::read(self.row, first, columns).map(Some),
        }
    }
}

/// Which datasets a list holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DatasetFilter {
    /// Only those with this status.
    pub status: Option<DatasetStatus>,
    /// Archived ones too, where no status is named.
    pub include_archived: bool,
    /// Only those whose slug, name or description contains this, in any case, as far as the database folds letters.
    pub search: Option<String>,
    /// Only those whose default target this is.
    pub storage_target: Option<StorageTargetRef>,
}

impl Store {
    /// The datasets with these ids.
    pub async fn datasets_by_id(&self, ids: &[DatasetId]) -> Result<HashMap<DatasetId, DatasetState>> {
        let refs = ids.iter().copied().map(DatasetRef::Id).collect();
        let found = self.datasets_asked(refs, DatasetParts::USUAL).await?;
        Ok(found
            .into_values()
            .map(|found| (found.dataset.id, found))
            .collect())
    }

    /// These parts of the datasets with these ids, or slugs in lower case.
    pub async fn datasets_asked(
        &self,
        refs: Vec<DatasetRef>,
        parts: DatasetParts,
    ) -> Result<HashMap<DatasetRef, DatasetState>> {
        let reader = self.reader.clone();
        let load: Load = Arc::new(move |refs| {
            let reader = reader.clone();
            async move { found_asked(&reader, refs, parts).await }.boxed()
        });
        let found = match self.reader.may_lag() {
            // Every request has a replica of its own, for as long as that serves it.
            true => load(refs).await?,
            false => self.looked_up.look_up(parts, refs, load).await?,
        };
        let may_read = |state: &DatasetState| self.viewer.may_read(own_scopes(&state.dataset));
        let seen = found.into_iter().map(|(by, (revision, state))| {
            self.targets.see(revision);
            (by, state)
        });
        Ok(seen.filter(|(_, state)| may_read(state)).collect())
    }

    /// The heads of these datasets.
    pub async fn dataset_heads(&self, ids: &[DatasetId]) -> Result<HashMap<DatasetId, DatasetHead>> {
        let ids = ids.iter().map(|id| id.0);
        let heads: Vec<DatasetHead> = rows_by(&self.reader, "dataset_heads", "dataset_id", ids).await?;
        Ok(heads.into_iter().map(|head| (head.dataset_id, head)).collect())
    }

    /// A page of the datasets that `filter` lets through, by slug, ascending, or descending where asked.
    pub async fn dataset_page(
        &self,
        filter: &DatasetFilter,
        descending: bool,
        page: &Page<String>,
        parts: DatasetParts,
    ) -> Result<Rows<DatasetState>> {
        let mut sql = Sql::new(&self.reader);
        let mut conditions = self.conditions(filter, &mut sql).await?;
        let keyset = page.keyset(&mut sql, "dataset.slug", descending);
        conditions.extend(keyset.conditions);
        let condition = format!("{} {}", conditions.join(" and "), keyset.order);
        let found = states(&self.reader, sql, parts, &condition).await?;
        let seen = found.into_iter().map(|(revision, state)| {
            self.targets.see(revision);
            state
        });
        Ok(Rows::from_query(page, seen.collect()))
    }

    /// How many datasets `filter` lets through.
    pub async fn dataset_count(&self, filter: &DatasetFilter) -> Result<u64> {
        let mut sql = Sql::new(&self.reader);
        let conditions = self.conditions(filter, &mut sql).await?;
        let text = format!(
            "select count(*) from timestore.datasets as dataset where {}",
            conditions.join(" and ")
        );
        Ok(sql.count(&self.reader, text).await?)
    }

    async fn conditions(&self, filter: &DatasetFilter, sql: &mut Sql) -> Result<Vec<String>> {
        let mut conditions = vec!["true".to_owned()];
        conditions.extend(readable(
            sql,
            &self.viewer,
            "dataset.read_scopes",
            "dataset.write_scopes",
        ));
        let status = filter
            .status
            .or((!filter.include_archived).then_some(DatasetStatus::Active));
        if let Some(status) = status {
            conditions.push(format!("dataset.status = {}", sql.bind(status.as_str())));
        }
        if let Some(search) = filter.search.as_deref().filter(|search| !search.is_empty()) {
            naming::description(search).map_err(|message| Fault::invalid(&["filter", "search"], message))?;
            let pattern = sql.bind(format!("%{}%", escape_like(search)));
            let matches = |column| format!("lower({column}) like lower({pattern}) escape '\\'");
            let columns = [
                "dataset.slug",
                "dataset.name",
                "coalesce(dataset.description, '')",
            ]
            .map(matches);
            conditions.push(format!("({})", columns.join(" or ")));
        }
        if let Some(target) = &filter.storage_target {
            let target = storage_target_find_in_txn(&self.reader, target).await?;
            conditions.push(match target {
                Some(target) => format!("dataset.default_storage_target_id = {}", sql.bind(target.id)),
                None => "false".to_owned(),
            });
        }
        Ok(conditions)
    }
}

/// These parts of the datasets with these ids, or slugs in lower case, whoever may see them.
async fn found_asked(reader: &Reader, refs: Vec<DatasetRef>, parts: DatasetParts) -> Result<Found> {
    let (mut ids, mut slugs) = (Vec::new(), Vec::new());
    for by in refs {
        match by {
            DatasetRef::Id(id) => ids.push(id.0),
            DatasetRef::Slug(slug) => slugs.push(slug),
            DatasetRef::Unknown(_) => {}
        }
    }
    let mut found = Found::new();
    for relation in relations(reader, vec![("id", Column::Uuid(ids))]) {
        let given = in_relation("dataset.id", &relation);
        for (revision, state) in states(reader, relation.sql, parts, &given).await? {
            found.insert(DatasetRef::Id(state.dataset.id), (revision, state));
        }
    }
    for relation in relations(reader, vec![("slug", Column::Text(slugs))]) {
        let given = in_relation("dataset.slug", &relation);
        for (revision, state) in states(reader, relation.sql, parts, &given).await? {
            found.insert(DatasetRef::Slug(state.dataset.slug.clone()), (revision, state));
        }
    }
    Ok(found)
}

/// The datasets where `condition` holds, whoever may see them, each with the revision of the storage targets.
async fn states(
    reader: &Reader,
    sql: Sql,
    parts: DatasetParts,
    condition: &str,
) -> Result<Vec<(i64, DatasetState)>> {
    let state = |row: &QueryResult| {
        let revision = value_at(row, 0)?;
        let dataset = Dataset::read(row, 1, parts.dataset)?;
        let dataset_id = dataset.id;
        let at = 1 + parts.dataset.count::<Dataset>();
        let mut joined = Joined { row, at };
        let head = joined.next(Some(parts.head))?;
        let head = head.map(|head| DatasetHead { dataset_id, ..head });
        let policy = joined.next(parts.policy)?;
        let manifest = joined.next(parts.manifest)?;
        let schema_version = match parts.schema_version {
            Some(NUMBER) => head.as_ref().and_then(numbered),
            columns => joined.next(columns)?,
        };
        let state = DatasetState {
            dataset,
            head,
            policy: policy.map(|policy| RetentionPolicy { dataset_id, ..policy }),
            manifest: manifest.map(|manifest| Manifest {
                dataset_id,
                ..manifest
            }),
            schema_version: schema_version.map(|schema| SchemaVersion { dataset_id, ..schema }),
            parts,
        };
        Ok((revision, state))
    };
    let rows = sql.rows(reader, parts.select(condition)).await?;
    rows.iter().map(state).collect()
}

/// Datasets with what is joined to them, in the order in which [`Joined`] reads it.
struct Select {
    columns: String,
    from: String,
}

impl Select {
    /// Joins the one row of `table`, as `alias`, that `on` leaves of a dataset.
    fn join<M: ByPlace>(&mut self, table: &str, alias: &str, on: &str, columns: Columns) {
        let columns = columns.without(Columns::FIRST).select::<M>(alias);
        self.columns += &format!(", {columns}");
        self.from +=
            &format!(" left join timestore.{table} as {alias} on {alias}.dataset_id = dataset.id{on}");
    }
}

impl DatasetParts {
    /// The revision of the storage targets, then datasets where `condition` holds, each with its parts.
    fn select(self, condition: &str) -> String {
        let mut select = Select {
            columns: self.dataset.select::<Dataset>("dataset"),
            from: "timestore.datasets as dataset".to_owned(),
        };
        select.join::<DatasetHead>("dataset_heads", "head", "", self.head);
        if let Some(policy) = self.policy {
            select.join::<RetentionPolicy>("retention_policies", "policy", "", policy);
        }
        if let Some(manifest) = self.manifest {
            let newest = " and newest.version = head.latest_version";
            select.join::<Manifest>("manifests", "newest", newest, manifest);
        }
        if let Some(schema_version) = self.schema_version.filter(|columns| *columns != NUMBER) {
            let newest = " and schema.version = head.latest_schema_version";
            select.join::<SchemaVersion>("schema_versions", "schema", newest, schema_version);
        }
        let Select { columns, from } = select;
        format!(
            "select storage.revision, {columns} from {from} \
             cross join (select (select revision from timestore.storage_revisions) as revision) as storage \
             where {condition}"
        )
    }
}

fn escape_like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
