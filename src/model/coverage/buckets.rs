//! The window in equal parts, with what reaches and covers each.
//!
//! Counting a file costs the search for its first and last bucket, however many lie between.

use timestore_entity::Timestamp;

use super::Range;
use crate::model::duration::IsoDuration;

/// The most buckets of a window.
pub const MAX_BUCKETS: usize = 10_000;

/// A part of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant of the next, or the end of the window, which belongs to the last bucket.
    pub to: Timestamp,
    /// How many files could hold a row of it.
    pub files: u64,
    /// How much of it is covered, in microseconds.
    pub covered_micros: i64,
}

/// The window in equal parts.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    /// Where the buckets begin, and where the last one ends. Empty where no buckets were asked for.
    edges: Vec<Timestamp>,
    /// How many more files reach a bucket than the one before it.
    more_files: Vec<i64>,
    covered_micros: Vec<i64>,
}

impl Buckets {
    /// The parts of `window` of length `bucket`; none where that is none.
    pub(super) fn new(window: Range, bucket: Option<IsoDuration>) -> Result<Self, String> {
        let Some(bucket) = bucket else {
            return Ok(Self::default());
        };
        if bucket.is_zero() {
            return Err("expected a bucket longer than zero".to_owned());
        }
        let mut edges = vec![window.from];
        for times in 1.. {
            let edge = bucket
                .times_after(times, window.from)
                .map_or(window.to, |edge| edge.min(window.to));
            edges.push(edge);
            if edge == window.to {
                break;
            }
            if edges.len() > MAX_BUCKETS {
                return Err(format!(
                    "expected a longer bucket, so that the window has at most {MAX_BUCKETS}"
                ));
            }
        }
        let count = edges.len() - 1;
        Ok(Self {
            edges,
            more_files: vec![0; count + 1],
            covered_micros: vec![0; count],
        })
    }

    /// The bucket that an instant of the window lies in.
    fn at(&self, time: Timestamp) -> usize {
        let begun = self.edges.partition_point(|edge| *edge <= time);
        begun
            .saturating_sub(1)
            .min(self.covered_micros.len().saturating_sub(1))
    }

    /// Counts a file, within the window, for the buckets that it could hold a row of.
    pub(super) fn count(&mut self, file: Range) {
        if !self.edges.is_empty() {
            let (first, last) = (self.at(file.from), self.at(file.to));
            self.more_files[first] += 1;
            self.more_files[last + 1] -= 1;
        }
    }

    /// Adds a covered range, disjoint from those before it.
    pub(super) fn cover(&mut self, range: Range) {
        let first = self.at(range.from);
        for (covered, edges) in self
            .covered_micros
            .iter_mut()
            .zip(self.edges.windows(2))
            .skip(first)
        {
            if edges[0] >= range.to {
                break;
            }
            let part = range.to.min(edges[1]) - range.from.max(edges[0]);
            *covered += part.num_microseconds().unwrap_or(i64::MAX);
        }
    }

    /// The buckets with what was counted.
    pub(super) fn finish(self) -> Vec<Bucket> {
        let parts = self
            .edges
            .windows(2)
            .zip(self.more_files)
            .zip(self.covered_micros);
        let bucket = |files: &mut i64, ((edges, more), covered_micros): ((&[Timestamp], i64), i64)| {
            *files += more;
            Some(Bucket {
                from: edges[0],
                to: edges[1],
                files: files.unsigned_abs(),
                covered_micros,
            })
        };
        parts.scan(0, bucket).collect()
    }
}
