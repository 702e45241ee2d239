//! What applying a retention policy would do.

use async_graphql::{Context, Enum, InputObject, Object, SimpleObject};

use super::connection::{Connection, Count, Listed, to_int};
use super::context::ContextExt;
use super::error::Result;
use super::pagination::{List, MAX_LIMIT, PageArgs};
use super::partition::Partition;
use super::plain::Plain;
use super::scalar::{BigInt, DateTime, Duration};
use crate::store::partition::PartitionPosition;
use crate::store::retention::{self as store, Going, Rules, Tally};

/// The rules of a policy that decide which files and versions go. What is absent is not a rule.
#[derive(Debug, InputObject)]
pub struct RetentionRulesInput {
    /// Files whose latest row is older than this go.
    pub max_age: Option<Duration>,
    /// The oldest files go until the rest has no more bytes than this.
    pub max_total_bytes: Option<BigInt>,
    /// So many of the newest versions are kept.
    pub keep_versions: Option<i32>,
    /// Versions that were superseded longer ago than this expire.
    pub max_version_age: Option<Duration>,
}

impl RetentionRulesInput {
    /// As the store takes them.
    pub fn into_store(self) -> Rules {
        Rules {
            max_age: self.max_age.map(|duration| duration.0),
            max_total_bytes: self.max_total_bytes.map(|bytes| bytes.0),
            keep_versions: self.keep_versions,
            max_version_age: self.max_version_age.map(|duration| duration.0),
        }
    }
}

/// A rule that makes files go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "store::Rule")]
pub enum RetentionRule {
    /// The latest row of the file is older than `maxAge`.
    MaxAge,
    /// The dataset has more bytes than `maxTotalBytes`, and the file is among its oldest.
    MaxTotalBytes,
}

/// How many files, and what they amount to.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct FileTally {
    /// Files.
    pub files: i32,
    /// Their rows.
    pub rows: BigInt,
    /// Their bytes.
    pub bytes: BigInt,
}

impl From<Tally> for FileTally {
    fn from(tally: Tally) -> Self {
        Self {
            files: to_int(tally.files.unsigned_abs()),
            rows: tally.rows.into(),
            bytes: tally.bytes.into(),
        }
    }
}

/// What a rule makes go.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct RetentionByRule {
    /// The rule.
    pub rule: RetentionRule,
    /// The files that go by it, and by no rule before it.
    pub going: FileTally,
}

/// What keeps files on their targets after they have left the current version.
#[derive(Clone, Debug, SimpleObject)]
pub struct RetentionHold {
    /// The name of the snapshot that pins them; null: versions that the policy keeps.
    pub snapshot: Option<String>,
    /// The version that is pinned, or the oldest one that the policy keeps.
    pub version: i32,
    /// Those of the files that go which it needs.
    pub held: FileTally,
}

/// What applying a retention policy would do. Nothing is changed.
#[derive(Clone, Debug)]
pub struct RetentionPreview(pub store::RetentionPreview);

/// What applying a retention policy would do. Nothing is changed.
#[Object]
impl RetentionPreview {
    /// The version that it would be applied to; 0 where there is none.
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// The instant at which it would be applied.
    async fn at(&self) -> DateTime {
        self.0.at.into()
    }

    /// The files that would leave the current version.
    async fn going(&self) -> FileTally {
        self.0.going_total().into()
    }

    /// The same, by rule. A file that goes by several rules counts for the first.
    async fn by_rule(&self) -> Vec<RetentionByRule> {
        let by = |rule: store::Rule, tally: Tally| RetentionByRule {
            rule: rule.into(),
            going: tally.into(),
        };
        vec![
            by(store::Rule::MaxAge, self.0.by_age),
            by(store::Rule::MaxTotalBytes, self.0.by_size),
        ]
    }

    /// Those of them that nothing would need any more once old versions have expired too: they would be queued for removal.
    async fn freed(&self) -> FileTally {
        self.0.freed.into()
    }

    /// What would keep the others on their targets, and how many. A file can be held by several.
    async fn holds(&self) -> Vec<RetentionHold> {
        let hold = |hold: &store::Hold| RetentionHold {
            snapshot: hold.snapshot.clone(),
            version: hold.version,
            held: hold.held.into(),
        };
        self.0.holds.iter().map(hold).collect()
    }

    /// What the dataset would hold.
    async fn remaining(&self) -> FileTally {
        self.0.remaining.into()
    }

    /// The time of the earliest row that would be left.
    async fn start_time(&self) -> Option<DateTime> {
        self.0.start_time.map(Into::into)
    }

    /// The time of the latest row that would be left.
    async fn end_time(&self) -> Option<DateTime> {
        self.0.end_time.map(Into::into)
    }

    /// The files that would go, by start, then id. To page through them while time passes, state `at`.
    async fn files(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, up to 100; 50 when omitted.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
    ) -> Result<Connection<RetentionPreviewFile>> {
        let list = List::of("retentionPreview", self.0.dataset_id);
        let page = PageArgs::forwards(first, after).page(&list, MAX_LIMIT)?;
        let rows = ctx.store().retention_preview_page(&self.0, &page).await?;
        let count = Count::Known(self.0.going_total().files.unsigned_abs());
        let rows = rows.map(RetentionPreviewFile).into();
        Ok(Connection::new(list, page, rows, count))
    }
}

/// A file that would go.
pub struct RetentionPreviewFile(Going);

impl Plain for RetentionPreviewFile {}

impl Listed for RetentionPreviewFile {
    const NAME: &'static str = "RetentionPreviewFile";
    type Position = PartitionPosition;

    fn position(&self) -> PartitionPosition {
        (self.0.file.start_time, self.0.file.id)
    }
}

/// A file that would go.
#[Object]
impl RetentionPreviewFile {
    /// The file.
    async fn partition(&self) -> Partition {
        self.0.file.clone().into()
    }

    /// The rule by which it goes.
    async fn rule(&self) -> RetentionRule {
        self.0.rule.into()
    }

    /// The snapshots that would keep it on its target, by name.
    async fn held_by_snapshots(&self) -> &[String] {
        &self.0.snapshots
    }

    /// Whether versions that the policy keeps would.
    async fn held_by_history(&self) -> bool {
        self.0.history
    }
}
