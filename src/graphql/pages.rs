//! Nested lists, in batches: the same page of the lists of many parents is one call of the store.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::iter::repeat_n;
use std::sync::Arc;

use futures_util::future::try_join_all;
use timestore_entity::ids::DatasetId;
use timestore_entity::partition::Model;

use super::loader::{Found, Key};
use super::manifest::Manifest;
use super::partition::Partition;
use super::plain::Memo;
use super::schema_version::SchemaVersion;
use super::snapshot::Snapshot;
use super::versions::{Lasting, Standing, Versions};
use crate::store::diff::Side;
use crate::store::manifest::ManifestKey;
use crate::store::partition::{PartitionFilter, PartitionPosition, PartitionQuery, Pruning};
use crate::store::schema_version::SchemaVersionKey;
use crate::store::{self, Columns, Page, Rows, Store};

/// A question that the store answers for many parents at once.
pub trait Question: Clone + Debug + Eq + Hash + Send + Sync + 'static {
    /// Of what it is asked.
    type Parent: Clone + Eq + Hash + Send + Sync + 'static;
    /// The answer for one parent.
    type Answer: Send + Sync + 'static;

    /// Asks it of all these.
    fn ask(
        &self,
        store: &Store,
        parents: &[Self::Parent],
    ) -> impl Future<Output = store::Result<Answers<Self>>> + Send;

    /// What is remembered of the answer from earlier requests.
    fn kept(&self, _: &Versions, _: &Self::Parent) -> Option<Arc<Self::Answer>> {
        None
    }

    /// Remembers the answer, where it never changes.
    fn keep(&self, _: &Versions, _: &Self::Parent, _: &Arc<Self::Answer>) {}
}

/// The answers for several parents, who may share one.
pub type Answers<Q> = HashMap<<Q as Question>::Parent, Arc<<Q as Question>::Answer>>;

/// A question and of what it is asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Asked<Q: Question> {
    /// Of what.
    pub parent: Q::Parent,
    /// The question.
    pub question: Arc<Q>,
}

impl<Q: Question> Asked<Q> {
    /// Asks `question` of `parent`.
    pub fn new(parent: Q::Parent, question: Q) -> Self {
        Self {
            parent,
            question: Arc::new(question),
        }
    }
}

impl<Q: Question> Key for Asked<Q> {
    type Value = Arc<Q::Answer>;

    async fn load(store: &Store, keys: Vec<Self>) -> store::Result<Found<Self>> {
        let mut questions: HashMap<Arc<Q>, Vec<Q::Parent>> = HashMap::new();
        for key in keys {
            questions.entry(key.question).or_default().push(key.parent);
        }
        let answers = questions.into_iter().map(async |(question, parents)| {
            let answers = question.ask(store, &parents).await?;
            Ok::<_, store::StoreError>((question, answers))
        });
        let mut found = Found::<Self>::default();
        for (question, answers) in try_join_all(answers).await? {
            found.extend(answers.into_iter().map(|(parent, answer)| {
                (
                    Self {
                        parent,
                        question: question.clone(),
                    },
                    answer,
                )
            }));
        }
        Ok(found)
    }

    fn kept(&self, versions: &Versions) -> Option<Self::Value> {
        self.question.kept(versions, &self.parent)
    }

    fn keep(&self, versions: &Versions, answer: &Self::Value) {
        self.question.keep(versions, &self.parent, answer);
    }
}

/// Of what a list is asked, and where its dataset stands, where that is known.
pub type Placed<P> = (P, Option<Standing>);

macro_rules! standing_lists {
    ($($(#[doc = $doc:expr])* $name:ident: $parent:ty => $row:ident = $method:ident;)+) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(pub Page<i32>, pub Columns);

        impl Question for $name {
            type Parent = Placed<$parent>;
            type Answer = Rows<$row>;

            async fn ask(
                &self,
                store: &Store,
                parents: &[Self::Parent],
            ) -> store::Result<Answers<Self>> {
                let mut standings: HashMap<$parent, Vec<_>> = HashMap::with_capacity(parents.len());
                for &(parent, standing) in parents {
                    standings.entry(parent).or_default().push(standing);
                }
                let asked: Vec<$parent> = standings.keys().copied().collect();
                let mut found = HashMap::with_capacity(parents.len());
                for (parent, rows) in store.$method(&asked, &self.0, self.1).await? {
                    let standings = standings.remove(&parent).unwrap_or_default();
                    let copies = repeat_n(rows, standings.len());
                    found.extend(standings.into_iter().zip(copies).map(|(standing, rows)| {
                        ((parent, standing), Arc::new(rows.map(|row| $row::at(row, standing))))
                    }));
                }
                Ok(found)
            }

            fn kept(&self, versions: &Versions, parent: &Self::Parent) -> Option<Arc<Rows<$row>>> {
                versions.get(&Lasting::$name(parent.0, self.0.clone(), parent.1?, self.1))
            }

            fn keep(&self, versions: &Versions, parent: &Self::Parent, rows: &Arc<Rows<$row>>) {
                if let Some(standing) = parent.1 {
                    let what = Lasting::$name(parent.0, self.0.clone(), standing, self.1);
                    versions.keep(what, rows.clone());
                }
            }
        }
    )+};
}

standing_lists! {
    /// Some columns of a page of the schema versions of a dataset.
    SchemaVersions: DatasetId => SchemaVersion = schema_version_pages;
    /// Some columns of a page of the manifests of a dataset.
    Manifests: DatasetId => Manifest = manifest_pages;
    /// Some columns of a page of the manifests that used a schema version.
    ManifestsUsing: SchemaVersionKey => Manifest = manifest_pages_by_schema_version;
}

/// A page of the snapshots of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Snapshots(pub Page<String>);

impl Question for Snapshots {
    type Parent = DatasetId;
    type Answer = Rows<Snapshot>;

    async fn ask(&self, store: &Store, parents: &[DatasetId]) -> store::Result<Answers<Self>> {
        let pages = store.snapshot_pages(parents, &self.0).await?;
        Ok(pages
            .into_iter()
            .map(|(parent, rows)| (parent, Arc::new(rows.map(Into::into))))
            .collect())
    }
}

/// A page of files.
#[derive(Default)]
pub struct FilePage {
    /// The files.
    pub rows: Rows<Partition>,
    /// How they were written before.
    pub written: Memo,
}

impl From<Rows<Partition>> for FilePage {
    fn from(rows: Rows<Partition>) -> Self {
        Self {
            rows,
            written: Memo::default(),
        }
    }
}

/// A page of the files of a version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Files {
    /// Which ones.
    pub query: PartitionQuery,
    /// Whether the answer never changes.
    pub is_lasting: bool,
}

impl Question for Files {
    type Parent = ManifestKey;
    type Answer = FilePage;

    async fn ask(&self, store: &Store, parents: &[ManifestKey]) -> store::Result<Answers<Self>> {
        let pages = store.partition_pages(parents, &self.query).await?;
        // Versions that share a page of the store share one here, which is written once for all of them.
        let mut shared: HashMap<*const Rows<Model>, Arc<FilePage>> = HashMap::new();
        let page = |(parent, rows): (ManifestKey, Arc<Rows<Model>>)| {
            let page = shared.entry(Arc::as_ptr(&rows)).or_insert_with(|| {
                let rows = Arc::unwrap_or_clone(rows);
                Arc::new(rows.map(Partition::from).into())
            });
            (parent, page.clone())
        };
        Ok(pages.into_iter().map(page).collect())
    }

    fn kept(&self, versions: &Versions, version: &ManifestKey) -> Option<Arc<FilePage>> {
        self.is_lasting.then(|| versions.files(*version, &self.query))?
    }

    fn keep(&self, versions: &Versions, version: &ManifestKey, files: &Arc<FilePage>) {
        if self.is_lasting {
            versions.keep_files(*version, &self.query, files);
        }
    }
}

/// A page of what a version added or removed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChangedFiles {
    /// Added, or removed.
    pub side: Side,
    /// The page.
    pub page: Page<PartitionPosition>,
}

impl Question for ChangedFiles {
    type Parent = ManifestKey;
    type Answer = FilePage;

    async fn ask(&self, store: &Store, parents: &[ManifestKey]) -> store::Result<Answers<Self>> {
        let pages = store
            .partition_pages_changed(parents, self.side, &self.page)
            .await?;
        Ok(pages
            .into_iter()
            .map(|(parent, rows)| (parent, Arc::new(rows.map(Into::into).into())))
            .collect())
    }
}

/// How many files of a version a filter lets through.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Prunings(pub PartitionFilter);

impl Question for Prunings {
    type Parent = ManifestKey;
    type Answer = Pruning;

    async fn ask(&self, store: &Store, parents: &[ManifestKey]) -> store::Result<Answers<Self>> {
        let prunings = store.partition_prunings(parents, &self.0).await?;
        Ok(prunings
            .into_iter()
            .map(|(parent, pruning)| (parent, Arc::new(pruning)))
            .collect())
    }
}
