//! What of a window files cover, where they leave gaps, and where they overlap.
//!
//! Files come one by one, in the order of their start times; memory is bounded by what is answered and by the
//! files that are open at one instant. Where they come from is the store's business.

mod buckets;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use timestore_entity::Timestamp;

use self::buckets::Buckets;
pub use self::buckets::{Bucket, MAX_BUCKETS};
use super::duration::IsoDuration;

/// The most covered ranges, gaps and overlaps that are listed, of each.
pub const MAX_RANGES: usize = 10_000;

/// What of a window files cover.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// What some file spans. Together with the gaps, this is the window.
    pub covered: Vec<Range>,
    /// What no file spans, between their ends and the window's.
    pub gaps: Vec<Range>,
    /// What several files span. Files that touch do not overlap there, nor does a file of one instant.
    pub overlaps: Vec<OverlapRange>,
    /// The window in equal parts, where they were asked for.
    pub buckets: Vec<Bucket>,
    /// Whether any list but the buckets is only the first [`MAX_RANGES`] of all.
    pub truncated: bool,
}

/// A stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Its first instant.
    pub from: Timestamp,
    /// Its last instant.
    pub to: Timestamp,
}

/// A stretch of time that several files span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverlapRange {
    /// Its first instant.
    pub from: Timestamp,
    /// Its last instant.
    pub to: Timestamp,
    /// By how many files.
    pub depth: u32,
}

/// The coverage of `window` by `files`, which come in the order of their start times; see [`Sweep`].
pub fn coverage(
    window: Range,
    bucket: Option<IsoDuration>,
    tolerance: Option<IsoDuration>,
    files: impl IntoIterator<Item = (Timestamp, Timestamp)>,
) -> Result<Coverage, String> {
    let mut sweep = Sweep::new(window, bucket, tolerance)?;
    for (start, end) in files {
        sweep.add(start, end)?;
    }
    Ok(sweep.finish())
}

/// Takes files in the order of their start times, and ends with their coverage.
#[derive(Debug)]
pub struct Sweep {
    window: Range,
    tolerance: IsoDuration,
    last_start: Timestamp,
    /// The covered range that the next file may extend.
    current: Option<Range>,
    /// When the files that are open now end.
    open: BinaryHeap<Reverse<Timestamp>>,
    /// Since when exactly those are open.
    open_since: Timestamp,
    buckets: Buckets,
    found: Coverage,
}

impl Sweep {
    /// Looks at `window`, both ends included, in parts of length `bucket`. A stretch no longer than
    /// `tolerance`, between two files or between a file and an end of the window, counts as covered. An error
    /// when the window runs backwards, or the bucket is zero or so short that there are more than
    /// [`MAX_BUCKETS`].
    pub fn new(
        window: Range,
        bucket: Option<IsoDuration>,
        tolerance: Option<IsoDuration>,
    ) -> Result<Self, String> {
        if window.to < window.from {
            return Err("expected a window that does not run backwards".to_owned());
        }
        Ok(Self {
            window,
            tolerance: tolerance.unwrap_or_default(),
            last_start: Timestamp::MIN_UTC,
            current: None,
            open: BinaryHeap::new(),
            open_since: window.from,
            buckets: Buckets::new(window, bucket)?,
            found: Coverage::default(),
        })
    }

    /// Takes a file. One that starts before an earlier one is an error; one outside the window changes
    /// nothing.
    pub fn add(&mut self, start: Timestamp, end: Timestamp) -> Result<(), String> {
        if start < self.last_start {
            return Err("expected files in the order of their start times".to_owned());
        }
        self.last_start = start;
        let file = Range {
            from: start.max(self.window.from),
            to: end.min(self.window.to),
        };
        if file.from > file.to {
            return Ok(());
        }
        self.buckets.count(file);
        self.extend(file);
        if file.from < file.to {
            self.close_files(file.from);
            self.open.push(Reverse(file.to));
        }
        Ok(())
    }

    /// What the files taken so far cover.
    pub fn finish(mut self) -> Coverage {
        self.close_files(self.window.to);
        let Range { from, to } = self.window;
        match self.current {
            None => self.gap(from, to),
            Some(last) if last.to == to || self.is_bridged(last.to, to) => self.cover(Range { to, ..last }),
            Some(last) => {
                self.cover(last);
                self.gap(last.to, to);
            }
        }
        self.found.buckets = self.buckets.finish();
        self.found
    }

    /// Adds a file to what is covered.
    fn extend(&mut self, file: Range) {
        let window_from = self.window.from;
        self.current = Some(match self.current {
            Some(last) if file.from <= last.to || self.is_bridged(last.to, file.from) => Range {
                from: last.from,
                to: last.to.max(file.to),
            },
            Some(last) => {
                self.cover(last);
                self.gap(last.to, file.from);
                file
            }
            None if file.from == window_from || self.is_bridged(window_from, file.from) => Range {
                from: window_from,
                to: file.to,
            },
            None => {
                self.gap(window_from, file.from);
                file
            }
        });
    }

    fn is_bridged(&self, from: Timestamp, to: Timestamp) -> bool {
        // What lies beyond all that the catalog holds is beyond `to`.
        self.tolerance.after(from).is_none_or(|reach| reach >= to)
    }

    fn cover(&mut self, range: Range) {
        self.buckets.cover(range);
        push(&mut self.found.covered, range, &mut self.found.truncated);
    }

    fn gap(&mut self, from: Timestamp, to: Timestamp) {
        push(
            &mut self.found.gaps,
            Range { from, to },
            &mut self.found.truncated,
        );
    }

    /// Closes the files that end up to `time`, and notes where several were open.
    fn close_files(&mut self, time: Timestamp) {
        while let Some(&Reverse(end)) = self.open.peek()
            && end <= time
        {
            self.note_depth(end);
            self.open.pop();
        }
        self.note_depth(time);
    }

    fn note_depth(&mut self, to: Timestamp) {
        let from = std::mem::replace(&mut self.open_since, to);
        let depth = u32::try_from(self.open.len()).unwrap_or(u32::MAX);
        if depth < 2 || from >= to {
            return;
        }
        match self.found.overlaps.last_mut() {
            // One file ended where another began.
            Some(last) if last.to == from && last.depth == depth => last.to = to,
            _ => push(
                &mut self.found.overlaps,
                OverlapRange { from, to, depth },
                &mut self.found.truncated,
            ),
        }
    }
}

fn push<T>(list: &mut Vec<T>, item: T, truncated: &mut bool) {
    if list.len() < MAX_RANGES {
        list.push(item);
    } else {
        *truncated = true;
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    fn at(micros: i64) -> Timestamp {
        DateTime::from_timestamp_micros(micros).unwrap()
    }

    fn range(from: i64, to: i64) -> Range {
        Range {
            from: at(from),
            to: at(to),
        }
    }

    fn micros(micros: i64) -> IsoDuration {
        format!("PT{}.{:06}S", micros / 1_000_000, micros % 1_000_000)
            .parse()
            .unwrap()
    }

    fn of(window: Range, bucket: Option<i64>, tolerance: Option<i64>, files: &[(i64, i64)]) -> Coverage {
        let files = files.iter().map(|(start, end)| (at(*start), at(*end)));
        coverage(window, bucket.map(micros), tolerance.map(micros), files).unwrap()
    }

    #[test]
    fn a_window_without_files_is_one_gap() {
        let found = of(range(0, 10), Some(5), Some(100), &[(-5, -1), (11, 20)]);
        assert_eq!(
            (found.covered, found.gaps, found.overlaps),
            (vec![], vec![range(0, 10)], vec![])
        );
        assert!(
            found
                .buckets
                .iter()
                .all(|bucket| (bucket.files, bucket.covered_micros) == (0, 0))
        );
        assert_eq!(of(range(3, 3), None, None, &[]).gaps, [range(3, 3)]);
        assert_eq!(of(range(3, 3), None, None, &[(0, 9)]).covered, [range(3, 3)]);
    }

    #[test]
    fn gaps_and_covered_ranges_make_up_the_window() {
        let found = of(
            range(0, 100),
            None,
            None,
            &[(-5, 10), (10, 20), (25, 25), (30, 40), (35, 38)],
        );
        assert_eq!(found.covered, [range(0, 20), range(25, 25), range(30, 40)]);
        assert_eq!(found.gaps, [range(20, 25), range(25, 30), range(40, 100)]);
        assert_eq!(
            found.overlaps,
            [OverlapRange {
                from: at(35),
                to: at(38),
                depth: 2
            }]
        );
    }

    #[test]
    fn small_gaps_are_tolerated_between_files_and_at_the_ends() {
        let files = [(1, 9), (10, 19), (22, 29)];
        let found = of(range(0, 30), None, Some(1), &files);
        assert_eq!(
            (found.covered, found.gaps),
            (vec![range(0, 19), range(22, 30)], vec![range(19, 22)])
        );
        assert_eq!(of(range(0, 30), None, Some(3), &files).gaps, []);
    }

    #[test]
    fn overlaps_tell_how_many_files() {
        let found = of(
            range(0, 100),
            None,
            None,
            &[(0, 50), (10, 30), (20, 30), (30, 40), (35, 35), (50, 60)],
        );
        let overlap = |from, to, depth| OverlapRange {
            from: at(from),
            to: at(to),
            depth,
        };
        assert_eq!(
            found.overlaps,
            [overlap(10, 20, 2), overlap(20, 30, 3), overlap(30, 40, 2)]
        );
        let chained = of(range(0, 100), None, None, &[(0, 100), (10, 20), (20, 30)]);
        assert_eq!(chained.overlaps, [overlap(10, 30, 2)]);
    }

    #[test]
    fn buckets_count_files_that_could_hold_a_row() {
        let found = of(range(0, 25), Some(10), None, &[(0, 10), (12, 13), (25, 30)]);
        let bucket = |from, to, files, covered_micros| Bucket {
            from: at(from),
            to: at(to),
            files,
            covered_micros,
        };
        assert_eq!(
            found.buckets,
            [bucket(0, 10, 1, 10), bucket(10, 20, 2, 1), bucket(20, 25, 1, 0)]
        );
    }

    #[test]
    fn buckets_follow_the_calendar() {
        let window = Range {
            from: "2024-01-31T00:00:00Z".parse().unwrap(),
            to: "2024-04-15T00:00:00Z".parse().unwrap(),
        };
        let found = coverage(window, Some("P1M".parse().unwrap()), None, []).unwrap();
        let edges: Vec<_> = found
            .buckets
            .iter()
            .map(|bucket| bucket.to.to_rfc3339()[..10].to_owned())
            .collect();
        assert_eq!(edges, ["2024-02-29", "2024-03-31", "2024-04-15"]);
    }

    #[test]
    fn what_cannot_be_answered_is_refused() {
        assert!(coverage(range(1, 0), None, None, []).is_err());
        assert!(coverage(range(0, 1), Some(IsoDuration::default()), None, []).is_err());
        assert!(coverage(range(0, 10_001), Some(micros(1)), None, []).is_err());
        assert!(coverage(range(0, 10), None, None, [(at(5), at(6)), (at(4), at(6))]).is_err());
        assert_eq!(
            of(range(0, 10_000), Some(1), None, &[]).buckets.len(),
            MAX_BUCKETS
        );
        assert_eq!(of(range(0, 0), Some(1), None, &[(0, 0)]).buckets.len(), 1);
    }

    #[test]
    fn long_lists_end_early_and_say_so() {
        let files: Vec<(i64, i64)> = (0..20_000).map(|n| (n * 10, n * 10 + 5)).collect();
        let found = of(range(0, 200_000), Some(100_000), None, &files);
        assert_eq!(
            (found.covered.len(), found.gaps.len(), found.truncated),
            (MAX_RANGES, MAX_RANGES, true)
        );
        assert_eq!(
            found
                .buckets
                .iter()
                .map(|bucket| bucket.covered_micros)
                .sum::<i64>(),
            100_000
        );
        assert!(!of(range(0, 200_000), None, None, &files[..1]).truncated);
    }

    proptest! {
        #[test]
        fn it_agrees_with_counting_every_microsecond(
            mut files in proptest::collection::vec((-5_i64..45, 0_i64..12), 0..12),
            (from, length) in (0_i64..10, 0_i64..30),
            tolerance in 0_i64..4,
            bucket in 1_i64..12,
        ) {
            files.sort_unstable();
            let files: Vec<(i64, i64)> = files.into_iter().map(|(start, span)| (start, start + span)).collect();
            let to = from + length;
            let found = of(range(from, to), Some(bucket), Some(tolerance), &files);
            let within = |ranges: &[Range], unit: i64| {
                ranges.iter().any(|range| range.from <= at(unit) && at(unit + 1) <= range.to)
            };

            // A unit is the stretch between two neighbouring microseconds; files clipped to the window span
            // some of them.
            let clip = |(start, end): &(i64, i64)| ((*start).max(from), (*end).min(to));
            let clipped: Vec<(i64, i64)> = files.iter().map(clip).filter(|(start, end)| start <= end).collect();
            let depth = |unit: i64| clipped.iter().filter(|(s, e)| *s <= unit && unit < *e).count();
            // An instant is touched by a file that holds it; stretches between touched instants up to the
            // tolerance are covered.
            let touched: Vec<i64> = (from..=to).filter(|t| clipped.iter().any(|(s, e)| s <= t && t <= e)).collect();
            let is_covered = |unit: i64| {
                let before = touched.iter().copied().filter(|t| *t <= unit).max().unwrap_or(from);
                let after = touched.iter().copied().filter(|t| *t > unit).min().unwrap_or(to);
                depth(unit) > 0 || (!touched.is_empty() && after - before <= tolerance)
            };
            for unit in from..to {
                prop_assert_eq!(within(&found.covered, unit), is_covered(unit), "{} {:?}", unit, found);
                prop_assert_eq!(within(&found.gaps, unit), !is_covered(unit), "{} {:?}", unit, found);
                let deep = found.overlaps.iter().find(|o| o.from <= at(unit) && at(unit + 1) <= o.to);
                prop_assert_eq!(deep.map_or(0, |o| o.depth as usize), if depth(unit) > 1 { depth(unit) } else { 0 });
            }
            for instant in &touched {
                prop_assert!(found.covered.iter().any(|r| r.from <= at(*instant) && at(*instant) <= r.to));
            }
            for pair in found.overlaps.windows(2) {
                let touch = pair[0].to == pair[1].from && pair[0].depth != pair[1].depth;
                prop_assert!(touch || pair[0].to < pair[1].from);
            }
            for part in &found.buckets {
                let (start, end) = (part.from.timestamp_micros(), part.to.timestamp_micros());
                let in_part = |(s, e): &&(i64, i64)| (*s < end || end == to) && *e >= start;
                prop_assert_eq!(part.files as usize, clipped.iter().filter(in_part).count());
                prop_assert_eq!(part.covered_micros, (start..end).filter(|unit| is_covered(*unit)).count() as i64);
            }
        }
    }
}
