//! Lists of files: a version's, what a version changed, and what differs between two.
//!
//! A cursor carries the version at which its list was read, the list, and the position in it.

use std::sync::Arc;

use async_graphql::parser::types::Field;
use async_graphql::{Context, Object};
use serde::{Deserialize, Serialize};
use timestore_entity::Timestamp;
use timestore_entity::ids::PartitionId;
use timestore_entity::partition::Model;
use uuid::Uuid;

use super::connection::to_int;
use super::context::ContextExt;
use super::error::{Error, Result};
use super::keys::{DiffCount, DiffPage, ManifestByKey};
use super::manifest::Manifest;
use super::pages::{Asked, ChangedFiles, FilePage, Files, Prunings};
use super::pagination::{List, MAX_PARTITIONS, PageArgs, PageInfo, Position};
use super::partition::Partition;
use super::plain::{Plain, Planner, Step, Written, WrittenList};
use super::predicate::FileChoice;
use super::pruning::Pruning;
use super::selected::Selected;
use crate::model::span::{EARLIEST, LATEST};
use crate::store::diff::{DiffKey, Side};
use crate::store::manifest::ManifestKey;
use crate::store::partition::{PartitionFilter, PartitionPosition, PartitionQuery};
use crate::store::{Columns, Page};

/// A page of files.
pub struct PartitionConnection {
    list: List,
    /// The version at which the page was read.
    version: i32,
    page: Page<PartitionPosition>,
    files: Arc<FilePage>,
    whole: Whole,
}

/// The whole of a list of files.
enum Whole {
    /// The files of a version that a filter lets through.
    Files(ManifestKey, PartitionFilter),
    /// So many files.
    Known(i32),
    /// One side of a difference.
    Diff(DiffKey),
}

/// Where a file stands in a list, and at which version the list was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Pinned {
    #[serde(rename = "v")]
    version: i32,
    /// Microseconds since 1970.
    #[serde(rename = "t")]
    start: i64,
    #[serde(rename = "i")]
    id: Uuid,
}

impl Pinned {
    fn new(version: i32, partition: &Partition) -> Self {
        let model = &partition.model;
        Self {
            version,
            start: model.start_time.timestamp_micros(),
            id: model.id.0,
        }
    }

    fn start(self) -> Option<Timestamp> {
        Timestamp::from_timestamp_micros(self.start).filter(|start| (EARLIEST..=LATEST).contains(start))
    }
}

impl Position for Pinned {
    fn is_possible(&self) -> bool {
        self.start().is_some()
    }
}

/// The page that `first` and `after` ask for, and the version that the cursor pins.
fn page(
    list: &List,
    first: Option<i32>,
    after: Option<String>,
) -> Result<(Page<PartitionPosition>, Option<i32>)> {
    let page = PageArgs::forwards(first, after).page::<Pinned>(list, MAX_PARTITIONS)?;
    let after = page
        .after
        .and_then(|pinned| Some((pinned.start()?, PartitionId(pinned.id))));
    Ok((
        Page::first(page.limit, after),
        page.after.map(|pinned| pinned.version),
    ))
}

/// Whether the fields that need the rows of a list are asked for.
fn wants_rows(ctx: &Context<'_>) -> bool {
    ["nodes", "edges", "pageInfo"]
        .into_iter()
        .any(|field| ctx.look_ahead().field(field).exists())
}

/// A page of the files of a version.
async fn files(
    ctx: &Context<'_>,
    manifest: &Manifest,
    version: ManifestKey,
    query: PartitionQuery,
) -> Result<Arc<FilePage>> {
    let files = Files {
        // Of an earlier version, which a cursor pins, nobody has looked whether it has expired; and one column changes later.
        is_lasting: version == manifest.key() && !query.columns.has(Partition::REMOVED),
        query,
    };
    let page = ctx.loaders().load(Asked::new(version, files)).await?;
    Ok(page.unwrap_or_default())
}

/// The columns that the fields of the files are made of, as far as they are asked for.
fn wanted_columns(ctx: &Context<'_>) -> Columns {
    let selected = Selected::now(ctx);
    let columns = selected.columns_of_list::<Model>(Partition::columns_of);
    columns.or(Partition::FEWEST)
}

impl PartitionConnection {
    /// The files of a version that a caller chooses.
    pub async fn of_files(
        ctx: &Context<'_>,
        manifest: &Manifest,
        choice: FileChoice,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Self> {
        let list = List::of(
            "partitions",
            format!("{}/{}", manifest.model.dataset_id, choice.fingerprint()),
        );
        let (page, pinned) = page(&list, first, after)?;
        let filter = choice.into_store()?;
        let version = pinned.unwrap_or(manifest.model.version);
        // Paging goes on at the version where it began while others publish: an earlier one, never a later one.
        let newest = manifest.model.version;
        if version < 1
            || version > newest
                && !ctx
                    .store()
                    .manifest_superseded((manifest.model.dataset_id, newest), version)
                    .await?
        {
            return Err(Error::bad_input(
                &["after"],
                "expected a cursor of this version, or of one before it",
            ));
        }
        let key = (manifest.model.dataset_id, version);
        // Expired versions are asked about one by one, so that the error of one spoils no other.
        let is_expired = version == manifest.model.version && manifest.model.expired_at.is_some();
        let files = if wants_rows(ctx) || is_expired {
            let query = PartitionQuery {
                filter: filter.clone(),
                page: page.clone(),
                columns: wanted_columns(ctx),
            };
            if is_expired {
                ctx.store().partition_pages(&[key], &query).await?;
            }
            files(ctx, manifest, key, query).await?
        } else {
            Arc::default()
        };
        let is_all = filter == PartitionFilter::default();
        let whole = match is_all && version == manifest.model.version {
            true => Whole::Known(manifest.model.partition_count),
            false => Whole::Files(key, filter),
        };
        Ok(Self {
            list,
            version,
            page,
            files,
            whole,
        })
    }

    /// What a version added or removed.
    pub async fn of_changes(
        ctx: &Context<'_>,
        manifest: &Manifest,
        side: Side,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Self> {
        let (kind, count) = match side {
            Side::Added => ("addedPartitions", manifest.model.added_count),
            Side::Removed => ("removedPartitions", manifest.model.removed_count),
        };
        let (dataset, version) = manifest.key();
        let list = List::of(kind, format!("{dataset}/{version}"));
        let (page, _) = page(&list, first, after)?;
        let is_expired = manifest.model.expired_at.is_some();
        let files = if wants_rows(ctx) || is_expired {
            if is_expired {
                ctx.store()
                    .partition_pages_changed(&[manifest.key()], side, &page)
                    .await?;
            }
            let asked = Asked::new(
                (dataset, version),
                ChangedFiles {
                    side,
                    page: page.clone(),
                },
            );
            ctx.loaders().load(asked).await?.unwrap_or_default()
        } else {
            Arc::default()
        };
        Ok(Self {
            list,
            version,
            page,
            files,
            whole: Whole::Known(count),
        })
    }

    /// One side of the difference between two versions.
    pub async fn of_diff(
        ctx: &Context<'_>,
        diff: DiffKey,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Self> {
        let (kind, version) = match diff.side {
            Side::Added => ("diffAdded", diff.to),
            Side::Removed => ("diffRemoved", diff.from),
        };
        let list = List::of(kind, format!("{}/{}/{}", diff.dataset_id, diff.from, diff.to));
        let (page, _) = page(&list, first, after)?;
        let files = if wants_rows(ctx) {
            ctx.loaders().expect(DiffPage(diff, page.clone())).await??
        } else {
            Arc::default()
        };
        Ok(Self {
            list,
            version,
            page,
            files,
            whole: Whole::Diff(diff),
        })
    }

    fn cursor(&self, partition: &Partition) -> String {
        self.list.cursor(&Pinned::new(self.version, partition))
    }

    async fn count(&self, ctx: &Context<'_>) -> Result<Pruning> {
        match &self.whole {
            Whole::Known(count) => Ok(Pruning::none(*count)),
            Whole::Diff(diff) => Ok(Pruning::none(to_int(
                ctx.loaders().expect(DiffCount(*diff)).await??,
            ))),
            Whole::Files(key, filter) if *filter == PartitionFilter::default() => {
                let manifest = ctx.loaders().expect(ManifestByKey(*key)).await?;
                Ok(Pruning::none(manifest.model.partition_count))
            }
            Whole::Files(key, filter) => {
                let pruning = ctx
                    .loaders()
                    .expect(Asked::new(*key, Prunings(filter.clone())))
                    .await?;
                Ok((*pruning).into())
            }
        }
    }
}

/// A page of files, by start time, then id.
#[Object]
impl PartitionConnection {
    /// The files of the page, each with its cursor.
    async fn edges(&self) -> WrittenList<'_, Vec<PartitionEdge<'_>>> {
        let edge = |node| PartitionEdge {
            connection: self,
            node,
        };
        WrittenList::new(self.files.rows.rows.iter().map(edge).collect())
    }

    /// The files of the page.
    async fn nodes(&self) -> WrittenList<'_, &[Partition]> {
        WrittenList::with_memo(&self.files.rows.rows, &self.files.written)
    }

    /// Where the page stands in the list.
    async fn page_info(&self) -> PageInfo {
        PageInfo::new(&self.page, &self.files.rows, |partition| self.cursor(partition))
    }

    /// How many files the whole list has. Counted only when asked for.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        Ok(self.count(ctx).await?.selected)
    }

    /// The version whose files these are. A cursor pins it. Of a difference, the version that has the files.
    async fn resolved_version(&self) -> i32 {
        self.version
    }

    /// How many files were looked at, and why those left out were. Counted only when asked for.
    async fn pruning(&self, ctx: &Context<'_>) -> Result<Pruning> {
        self.count(ctx).await
    }
}

/// A file of a page, with its cursor.
pub struct PartitionEdge<'a> {
    connection: &'a PartitionConnection,
    node: &'a Partition,
}

impl Plain for PartitionEdge<'_> {
    fn step<'p>(field: &'p Field, planner: &Planner<'p>) -> Option<Step<'p, Self>>
    where
        Self: 'p,
    {
        match field.name.node.as_str() {
            "cursor" => Some(Step::Scalar(|edge, json| {
                json.value(&edge.connection.cursor(edge.node));
            })),
            "node" => planner.object(field, |edge: &Self| Some(edge.node)),
            _ => None,
        }
    }
}

/// A file of a page, with its cursor.
#[Object]
impl PartitionEdge<'_> {
    /// Where the file stands in the list, for `after`. It pins the version.
    async fn cursor(&self) -> String {
        self.connection.cursor(self.node)
    }

    /// The file.
    async fn node(&self) -> Written<&Partition> {
        Written(self.node)
    }
}
