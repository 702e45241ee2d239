//! Coverage: what of a window the files of a version cover.

use async_graphql::SimpleObject;

use super::connection::to_int;
use super::scalar::{BigInt, DateTime};
use crate::model::coverage as model;

/// What of a stretch of time the files of a version cover.
#[derive(Clone, Debug, SimpleObject)]
pub struct Coverage {
    /// What some file spans, in order. Together with the gaps, this is the window.
    pub covered: Vec<TimeRange>,
    /// What no file spans, in order, from the end of one file to the start of the next, or to an end of the window.
    pub gaps: Vec<TimeRange>,
    /// What several files span, in order. Files that only touch do not overlap.
    pub overlaps: Vec<OverlapRange>,
    /// The window in parts of equal length, the last one shorter where it does not divide; empty when no `bucket` was given.
    pub buckets: Vec<CoverageBucket>,
    /// Whether one of `covered`, `gaps` and `overlaps` was longer than 10,000 and ends there.
    pub truncated: bool,
}

/// A stretch of time.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct TimeRange {
    /// Its first instant.
    pub from: DateTime,
    /// Its last instant.
    pub to: DateTime,
}

/// A stretch of time that several files span.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct OverlapRange {
    /// Its first instant.
    pub from: DateTime,
    /// Its last instant.
    pub to: DateTime,
    /// How many files span it.
    pub depth: i32,
}

/// A part of the window.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct CoverageBucket {
    /// Its first instant.
    pub from: DateTime,
    /// The first instant of the next part; of the last part, the end of the window.
    pub to: DateTime,
    /// How many files could hold a row of it.
    pub files: i32,
    /// How much of it is covered, in microseconds.
    pub covered_micros: BigInt,
}

impl From<model::Coverage> for Coverage {
    fn from(coverage: model::Coverage) -> Self {
        Self {
            covered: coverage.covered.into_iter().map(Into::into).collect(),
            gaps: coverage.gaps.into_iter().map(Into::into).collect(),
            overlaps: coverage.overlaps.into_iter().map(Into::into).collect(),
            buckets: coverage.buckets.into_iter().map(Into::into).collect(),
            truncated: coverage.truncated,
        }
    }
}

impl From<model::Range> for TimeRange {
    fn from(range: model::Range) -> Self {
        Self {
            from: range.from.into(),
            to: range.to.into(),
        }
    }
}

impl From<model::OverlapRange> for OverlapRange {
    fn from(range: model::OverlapRange) -> Self {
        Self {
            from: range.from.into(),
            to: range.to.into(),
            depth: to_int(range.depth.into()),
        }
    }
}

impl From<model::Bucket> for CoverageBucket {
    fn from(bucket: model::Bucket) -> Self {
        Self {
            from: bucket.from.into(),
            to: bucket.to.into(),
            files: to_int(bucket.files),
            covered_micros: bucket.covered_micros.into(),
        }
    }
}
