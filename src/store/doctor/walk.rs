//! What a walk over the files of a dataset tells, in the order in which they were added: whether each has the span class that
//! windows look for it under, and whether the time bounds of every version that can be read are those of its files.

use std::cmp::Reverse;
use std::collections::VecDeque;

use sea_orm::{ConnectionTrait, EntityTrait, FromQueryResult};
use timestore_entity::ids::{DatasetId, PartitionId};
use timestore_entity::{Timestamp, dataset_head};

use super::bounds::Least;
use super::{Examination, Flaw};
use crate::model::check::Check;
use crate::model::span;
use crate::store::Result;
use crate::store::backend::Sql;

/// How many files, or versions, are read at a time.
const PAGE: u32 = 5_000;

#[derive(FromQueryResult)]
struct File {
    id: PartitionId,
    file_path: String,
    start_time: Timestamp,
    end_time: Timestamp,
    span_class: i16,
    added_version: i32,
    removed_version: Option<i32>,
}

#[derive(FromQueryResult)]
struct Version {
    version: i32,
    start_time: Option<Timestamp>,
    end_time: Option<Timestamp>,
}

pub(super) async fn examine_in_txn(of: &mut Examination<'_>) -> Result<()> {
    let (connection, dataset) = (of.transaction, of.dataset);
    let head = dataset_head::Entity::find_by_id(dataset).one(connection).await?;
    let mut walk = Walk {
        known: head.map_or(0, |head| head.span_classes),
        spans: Flaw::none(Check::SpanClass),
        start: Least::default(),
        end: Least::default(),
    };
    let mut bounds = Flaw::none(Check::TimeBounds);
    let mut files = Files::of(dataset);
    let mut after = 0;
    loop {
        let versions = readable(connection, dataset, after).await?;
        for version in &versions {
            while let Some(file) = files.next_up_to(connection, version.version).await? {
                walk.pass(&file);
            }
            let (start, end) = walk.bounds(version.version);
            if (start, end) != (version.start_time, version.end_time) {
                bounds.add(|| format!("version {} has other time bounds than its files", version.version));
            }
        }
        match versions.last() {
            Some(last) => after = last.version,
            None => break,
        }
    }
    // Files of versions that are newer than all that can be read.
    while let Some(file) = files.next_up_to(connection, i32::MAX).await? {
        walk.pass(&file);
    }
    of.keep(walk.spans);
    of.keep(bounds);
    Ok(())
}

struct Walk {
    /// The span classes that the head knows of.
    known: i64,
    spans: Flaw,
    start: Least<Timestamp>,
    end: Least<Reverse<Timestamp>>,
}

impl Walk {
    fn pass(&mut self, file: &File) {
        let end = file.removed_version.unwrap_or(i32::MAX);
        self.start.add(end, file.start_time);
        self.end.add(end, Reverse(file.end_time));
        let class = span::span_class(file.start_time, file.end_time);
        if class != file.span_class {
            let (path, said) = (&file.file_path, file.span_class);
            self.spans
                .add(|| format!("{path} has span class {said} instead of {class}"));
        } else if !span::classes(self.known).any(|known| known == class) {
            let path = &file.file_path;
            self.spans
                .add(|| format!("{path} has span class {class}, which the head does not know of"));
        }
    }

    fn bounds(&mut self, version: i32) -> (Option<Timestamp>, Option<Timestamp>) {
        let end = self.end.at(version).map(|Reverse(end)| end);
        (self.start.at(version), end)
    }
}

/// The files of a dataset, in the order in which they were added, a page at a time.
struct Files {
    dataset: DatasetId,
    read: Option<(i32, Timestamp, PartitionId)>,
    more: bool,
    page: VecDeque<File>,
}

impl Files {
    fn of(dataset: DatasetId) -> Self {
        Self {
            dataset,
            read: None,
            more: true,
            page: VecDeque::new(),
        }
    }

    /// The next file, unless it was added after `version`.
    async fn next_up_to(&mut self, connection: &impl ConnectionTrait, version: i32) -> Result<Option<File>> {
        if self.page.is_empty() && self.more {
            self.read_page(connection).await?;
        }
        Ok(self.page.pop_front_if(|file| file.added_version <= version))
    }

    async fn read_page(&mut self, connection: &impl ConnectionTrait) -> Result<()> {
        let mut sql = Sql::new(connection);
        let mut of = format!("dataset_id = {}", sql.bind(self.dataset));
        if let Some((added, start, id)) = self.read {
            of += &format!(
                " and (added_version, start_time, id) > ({}, {}, {})",
                sql.bind(added),
                sql.bind(start),
                sql.bind(id)
            );
        }
        let text = format!(
            "select id, file_path, start_time, end_time, span_class, added_version, removed_version \
             from timestore.partitions where {of} order by added_version, start_time, id limit {PAGE}"
        );
        let page: Vec<File> = sql.all(connection, text).await?;
        self.more = page.len() == PAGE as usize;
        let last = page
            .last()
            .map(|file| (file.added_version, file.start_time, file.id));
        self.read = last.or(self.read);
        self.page = page.into();
        Ok(())
    }
}

/// The first versions after `after` that can be read.
async fn readable(connection: &impl ConnectionTrait, dataset: DatasetId, after: i32) -> Result<Vec<Version>> {
    let mut sql = Sql::new(connection);
    let text = format!(
        "select version, start_time, end_time from timestore.manifests where dataset_id = {} and expired_at is null \
         and version > {} order by version limit {PAGE}",
        sql.bind(dataset),
        sql.bind(after)
    );
    Ok(sql.all(connection, text).await?)
}
