//! Large sets of paths, in eight bytes each. Two paths have the same hash once in so many files as nobody has; then a file that is
//! not named is taken for one that is. The other way round nothing is said without a second look.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};

/// Of so many files that no record names, the paths are kept, to look at them again; the others are counted.
const KEPT: usize = 1_000;

/// A set to be filled, sorted, and asked.
#[derive(Debug, Default)]
pub(super) struct Hashes {
    state: RandomState,
    hashes: Vec<u64>,
}

impl Hashes {
    /// Adds a value.
    pub(super) fn add<T: Hash + ?Sized>(&mut self, value: &T) {
        self.hashes.push(self.state.hash_one(value));
    }

    /// Makes it ready to be asked.
    pub(super) fn sort(&mut self) {
        self.hashes.sort_unstable();
    }

    /// Whether a value is in the set.
    pub(super) fn contains<T: Hash + ?Sized>(&self, value: &T) -> bool {
        self.hashes.binary_search(&self.state.hash_one(value)).is_ok()
    }
}

/// Files that no record names, as far as is known.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    state: RandomState,
    /// By hash, with the path of some.
    files: HashMap<u64, Option<String>>,
}

impl Strangers {
    /// Adds a file.
    pub(super) fn add(&mut self, path: String) {
        let hash = self.state.hash_one(&path);
        let kept = (self.files.len() < KEPT).then_some(path);
        self.files.entry(hash).or_insert(kept);
    }

    /// A record names it after all.
    pub(super) fn forget(&mut self, path: &str) {
        self.files.remove(&self.state.hash_one(path));
    }

    /// The paths that were kept, and how many others there are.
    pub(super) fn paths(self) -> (Vec<String>, u64) {
        let all = self.files.len();
        let paths: Vec<String> = self.files.into_values().flatten().collect();
        let others = all - paths.len();
        (paths, others as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_added() {
        let mut hashes = Hashes::default();
        for n in 0..1_000 {
            hashes.add(&(&format!("{n}.parquet")[..], n));
        }
        hashes.sort();
        assert!(hashes.contains(&("7.parquet", 7)));
        assert!(!hashes.contains(&("7.parquet", 8)));
    }

    #[test]
    fn strangers_beyond_the_first_are_counted_and_forgotten_all_the_same() {
        let mut strangers = Strangers::default();
        for n in 0..KEPT + 10 {
            strangers.add(format!("{n}"));
        }
        strangers.forget("3");
        strangers.forget(&format!("{}", KEPT + 3));
        strangers.forget("never seen");
        let (paths, others) = strangers.paths();
        assert_eq!((paths.len(), others), (KEPT - 1, 9));
    }
}
