//! The least of the values that are valid at a version, for one version after the other.

use std::collections::BTreeMap;

/// Values, each until a version. One that another undercuts for as long as it lasts is forgotten: what is left grows with the
/// version that ends it, so that there are at most as many as versions, and mostly very few.
#[derive(Debug)]
pub(super) struct Least<T>(BTreeMap<i32, T>);

impl<T> Default for Least<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Copy + Ord> Least<T> {
    /// Adds a value that is valid from now until before the version `end`.
    pub(super) fn add(&mut self, end: i32, value: T) {
        if self
            .0
            .range(end..)
            .next()
            .is_some_and(|(_, lasting)| *lasting <= value)
        {
            return;
        }
        while let Some((&before, _)) = self
            .0
            .range(..=end)
            .next_back()
            .filter(|(_, other)| **other >= value)
        {
            self.0.remove(&before);
        }
        self.0.insert(end, value);
    }

    /// The least value at `version`, no earlier than the one asked for last.
    pub(super) fn at(&mut self, version: i32) -> Option<T> {
        while let Some((&end, &value)) = self.0.first_key_value() {
            if end > version {
                return Some(value);
            }
            self.0.remove(&end);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_least_is_that_of_all_values_that_are_valid(
            values in prop::collection::vec((0..20, 1..20, 0..50), 0..60),
        ) {
            let mut least = Least::default();
            for version in 0..25 {
                for &(_, length, value) in values.iter().filter(|value| value.0 == version) {
                    least.add(version + length, value);
                }
                let valid = |&&(from, length, _): &&(i32, i32, i32)| from <= version && version < from + length;
                let expected = values.iter().filter(valid).map(|value| value.2).min();
                prop_assert_eq!(least.at(version), expected);
                prop_assert!(least.0.len() <= 25);
            }
        }
    }
}
