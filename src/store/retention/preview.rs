//! What applying a policy would do, before it is applied.

use sea_orm::FromQueryResult;
use timestore_entity::Timestamp;
use timestore_entity::dataset_head::Model as DatasetHead;
use timestore_entity::ids::{DatasetId, PartitionId};
use timestore_entity::partition::Model as Partition;

use super::oldest::{OldFile, OldestFirst};
use super::rules::{Rule, Rules};
use crate::model::span;
use crate::store::backend::Sql;
use crate::store::dataset::head_get;
use crate::store::history::first_kept;
use crate::store::partition::PartitionPosition;
use crate::store::visible::position;
use crate::store::{Page, Result, Rows, Store};

/// How many files, and what they amount to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromQueryResult)]
pub struct Tally {
    /// Files.
    pub files: i64,
    /// Rows of those files.
    pub rows: i64,
    /// Bytes of those files.
    pub bytes: i64,
}

/// What keeps files on their targets after they have left the current version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The snapshot that pins; none: versions that the rules for versions keep.
    pub snapshot: Option<String>,
    /// The version that is pinned, or the oldest one that is kept.
    pub version: i32,
    /// The files that it needs.
    pub held: Tally,
}

/// What applying a policy would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionPreview {
    /// The dataset.
    pub dataset_id: DatasetId,
    /// The version that it would be applied to.
    pub version: i32,
    /// The instant at which it would be applied.
    pub at: Timestamp,
    /// What would go by age.
    pub by_age: Tally,
    /// What would go by size, besides.
    pub by_size: Tally,
    /// Of what would go: what nothing would need any more, once the rules for versions were applied as well.
    pub freed: Tally,
    /// What would keep the rest.
    pub holds: Vec<Hold>,
    /// What the dataset would hold.
    pub remaining: Tally,
    /// The earliest start that would be left.
    pub start_time: Option<Timestamp>,
    /// The latest end that would be left.
    pub end_time: Option<Timestamp>,
    /// The youngest file that would go.
    last: Option<(Timestamp, PartitionId)>,
    cutoff: Option<Timestamp>,
    span_classes: i64,
}

/// A file that would go.
#[derive(Clone, Debug, PartialEq)]
pub struct Going {
    /// The file.
    pub file: Partition,
    /// Why.
    pub rule: Rule,
    /// What would keep it on its target: names of snapshots.
    pub snapshots: Vec<String>,
    /// Whether versions that the rules keep would.
    pub history: bool,
}

#[derive(FromQueryResult)]
struct Pin {
    name: String,
    version: i32,
}

impl Tally {
    fn add(&mut self, file: &OldFile) {
        self.files += 1;
        self.rows += file.row_count;
        self.bytes += file.file_size_bytes;
    }
}

impl Store {
    /// What applying `rules`, or the effective policy, to a dataset at `at`, or now, would do. Reads the files that would go, a
    /// page at a time.
    pub async fn retention_preview(
        &self,
        dataset: DatasetId,
        rules: Option<Rules>,
        at: Option<Timestamp>,
    ) -> Result<RetentionPreview> {
        let head = head_get(&self.reader, dataset).await?;
        let at = at.unwrap_or_else(|| self.clock.now());
        let rules = match rules {
            Some(rules) => rules.checked()?,
            None => Rules::from(&self.effective_policy_in_txn(&self.reader, dataset).await?),
        };
        let limits = rules.limits(at);
        let mut preview = RetentionPreview::of(&head, &rules, at);
        preview.holds = self.holds(&head, &rules, at).await?;
        if !limits.may_apply(head.start_time, head.total_bytes) {
            return Ok(preview);
        }
        let mut files = OldestFirst::new(&head);
        let mut left = head.total_bytes;
        while let Some(file) = files.next(&self.reader).await? {
            let Some(rule) = limits.rule(file.end_time, left) else {
                preview.start_time = files
                    .earliest_start(&self.reader)
                    .await?
                    .into_iter()
                    .chain([file.start_time])
                    .min();
                break;
            };
            left -= file.file_size_bytes;
            preview.take(&file, rule);
        }
        Ok(preview)
    }

    /// A page of the files that would go, by start, then id.
    pub async fn retention_preview_page(
        &self,
        preview: &RetentionPreview,
        page: &Page<PartitionPosition>,
    ) -> Result<Rows<Going>> {
        let Some((end, id)) = preview.last else {
            return Ok(Rows::default());
        };
        let mut sql = Sql::new(&self.reader);
        let (mut conditions, direction) = position(&mut sql, page);
        let (end, id) = (sql.bind(end), sql.bind(id));
        conditions.push(format!(
            "child.dataset_id = {} and child.removed_version is null and child.start_time <= {end} \
             and (child.end_time, child.id) <= ({end}, {id})",
            sql.bind(preview.dataset_id)
        ));
        let conditions = conditions.join(" and ");
        let limit = page.limit_in_sql();
        let order = format!("order by start_time {direction}, id {direction} limit {limit}");
        let branch = |class: i16| {
            format!(
                "select * from (select child.* from timestore.partitions as child \
                 where {conditions} and child.span_class = {class} {order}) as branch"
            )
        };
        let branches: Vec<String> = span::classes(preview.span_classes).map(branch).collect();
        let text = format!(
            "select * from ({}) as files {order}",
            branches.join(" union all ")
        );
        let files: Vec<Partition> = sql.all(&self.reader, text).await?;
        Ok(Rows::from_query(page, files).map(|file| preview.going(file)))
    }

    /// What would keep files: versions that the rules keep, and snapshots that last.
    async fn holds(&self, head: &DatasetHead, rules: &Rules, at: Timestamp) -> Result<Vec<Hold>> {
        let mut holds = Vec::new();
        let hold = |snapshot, version| Hold {
            snapshot,
            version,
            held: Tally::default(),
        };
        // The version that applying it publishes is the newest one by then.
        let first = first_kept(&self.reader, head, rules, head.latest_version + 1, at).await?;
        if first <= head.latest_version {
            holds.push(hold(None, first));
        }
        let mut sql = Sql::new(&self.reader);
        let text = format!(
            "select name, version from timestore.snapshots where dataset_id = {} \
             and (expires_at is null or expires_at > {}) order by name",
            sql.bind(head.dataset_id),
            sql.bind(at)
        );
        let pins: Vec<Pin> = sql.all(&self.reader, text).await?;
        holds.extend(pins.into_iter().map(|pin| hold(Some(pin.name), pin.version)));
        Ok(holds)
    }
}

impl RetentionPreview {
    /// Nothing goes.
    fn of(head: &DatasetHead, rules: &Rules, at: Timestamp) -> Self {
        Self {
            dataset_id: head.dataset_id,
            version: head.latest_version,
            at,
            by_age: Tally::default(),
            by_size: Tally::default(),
            freed: Tally::default(),
            holds: Vec::new(),
            remaining: Tally {
                files: head.partition_count.into(),
                rows: head.total_rows,
                bytes: head.total_bytes,
            },
            start_time: head.start_time,
            end_time: head.end_time,
            last: None,
            cutoff: rules.max_age.as_ref().and_then(|age| age.before(at)),
            span_classes: head.span_classes,
        }
    }

    /// What would go in all.
    pub fn going_total(&self) -> Tally {
        Tally {
            files: self.by_age.files + self.by_size.files,
            rows: self.by_age.rows + self.by_size.rows,
            bytes: self.by_age.bytes + self.by_size.bytes,
        }
    }

    fn take(&mut self, file: &OldFile, rule: Rule) {
        match rule {
            Rule::MaxAge => self.by_age.add(file),
            Rule::MaxTotalBytes => self.by_size.add(file),
        }
        let mut needed = false;
        for hold in &mut self.holds {
            if hold.needs(file.added_version) {
                hold.held.add(file);
                needed = true;
            }
        }
        if !needed {
            self.freed.add(file);
        }
        self.remaining.files -= 1;
        self.remaining.rows -= file.row_count;
        self.remaining.bytes -= file.file_size_bytes;
        self.last = Some((file.end_time, file.id));
        if self.remaining.files == 0 {
            (self.start_time, self.end_time) = (None, None);
        }
    }

    fn going(&self, file: Partition) -> Going {
        let old = self.cutoff.is_some_and(|cutoff| file.end_time < cutoff);
        let needed = self.holds.iter().filter(|hold| hold.needs(file.added_version));
        Going {
            rule: if old { Rule::MaxAge } else { Rule::MaxTotalBytes },
            snapshots: needed.clone().filter_map(|hold| hold.snapshot.clone()).collect(),
            history: needed.clone().any(|hold| hold.snapshot.is_none()),
            file,
        }
    }
}

impl Hold {
    /// Whether a live file that was added in `added` is among those of a version that is held: a pinned one, or one of those
    /// from the oldest kept one to the current one, which has all that is live.
    fn needs(&self, added: i32) -> bool {
        self.snapshot.is_none() || added <= self.version
    }
}
