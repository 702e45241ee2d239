//! The live files of a dataset, oldest first: by the time of their latest row, then by id.
//!
//! The window index has them by start. A page of it ends at some start `s`; what comes later starts, and so ends, no earlier
//! than `s`. Hence what has been read and ends before `s` is in its final order, and the rest waits in a heap: a merge that
//! needs no index by end, and memory for one page and for the files that straddle its end.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use sea_orm::{ConnectionTrait, FromQueryResult};
use timestore_entity::Timestamp;
use timestore_entity::dataset_head::Model as DatasetHead;
use timestore_entity::ids::{DatasetId, PartitionId};

use crate::model::span;
use crate::store::Result;
use crate::store::backend::Sql;

/// How many files are read at a time.
const PAGE: u32 = 5_000;

/// A live file, as far as retention looks at it. Ordered by age, the oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, FromQueryResult)]
pub(super) struct OldFile {
    pub(super) end_time: Timestamp,
    pub(super) id: PartitionId,
    pub(super) start_time: Timestamp,
    pub(super) row_count: i64,
    pub(super) file_size_bytes: i64,
    pub(super) added_version: i32,
}

/// Reads the live files of a dataset, oldest first.
pub(super) struct OldestFirst {
    dataset: DatasetId,
    classes: Vec<i16>,
    /// The start and id up to which the index has been read.
    read: Option<(Timestamp, PartitionId)>,
    /// Whether the index has more.
    more: bool,
    waiting: BinaryHeap<Reverse<OldFile>>,
}

impl OldestFirst {
    /// Of the dataset with this head.
    pub(super) fn new(head: &DatasetHead) -> Self {
        Self {
            dataset: head.dataset_id,
            classes: span::classes(head.span_classes).collect(),
            read: None,
            more: true,
            waiting: BinaryHeap::new(),
        }
    }

    /// The next file.
    pub(super) async fn next(&mut self, connection: &impl ConnectionTrait) -> Result<Option<OldFile>> {
        while self.more && !self.settled() {
            self.read_page(connection).await?;
        }
        Ok(self.waiting.pop().map(|Reverse(file)| file))
    }

    /// The earliest start among the files that have not been taken.
    pub(super) async fn earliest_start(
        &mut self,
        connection: &impl ConnectionTrait,
    ) -> Result<Option<Timestamp>> {
        // What has not been read starts no earlier than anything that has.
        while self.more && self.waiting.is_empty() {
            self.read_page(connection).await?;
        }
        Ok(self.waiting.iter().map(|Reverse(file)| file.start_time).min())
    }

    /// Whether the first of those that wait comes before everything that has not been read.
    fn settled(&self) -> bool {
        let first = self.waiting.peek().map(|Reverse(file)| file.end_time);
        first
            .zip(self.read)
            .is_some_and(|(first, (read, _))| first < read)
    }

    async fn read_page(&mut self, connection: &impl ConnectionTrait) -> Result<()> {
        if self.classes.is_empty() {
            self.more = false;
            return Ok(());
        }
        let mut sql = Sql::new(connection);
        let mut live = format!(
            "dataset_id = {} and removed_version is null",
            sql.bind(self.dataset)
        );
        if let Some((start, id)) = self.read {
            live += &format!(" and (start_time, id) > ({}, {})", sql.bind(start), sql.bind(id));
        }
        let order = format!("order by start_time, id limit {PAGE}");
        let branch = |class: &i16| {
            format!(
                "select * from (select end_time, id, start_time, row_count, file_size_bytes, added_version \
                 from timestore.partitions where {live} and span_class = {class} {order}) as branch"
            )
        };
        let branches: Vec<String> = self.classes.iter().map(branch).collect();
        let text = format!(
            "select * from ({}) as files {order}",
            branches.join(" union all ")
        );
        let files: Vec<OldFile> = sql.all(connection, text).await?;
        self.more = files.len() == PAGE as usize;
        self.read = files.last().map(|file| (file.start_time, file.id)).or(self.read);
        self.waiting.extend(files.into_iter().map(Reverse));
        Ok(())
    }
}
