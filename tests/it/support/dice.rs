//! Chance that can be repeated: from a seed, which is printed, and taken from `TIMESTORE_TEST_SEED` where that is set.

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};

/// A source of chance.
pub struct Dice(TestRng);

impl Dice {
    /// From a seed that is printed when the test fails.
    pub fn new() -> Self {
        let given = std::env::var("TIMESTORE_TEST_SEED").ok();
        let seed: u64 = given.map_or_else(
            || uuid::Uuid::now_v7().as_u128() as u64,
            |seed| seed.parse().expect("TIMESTORE_TEST_SEED is a number"),
        );
        println!("TIMESTORE_TEST_SEED={seed}");
        Self::of(seed)
    }

    fn of(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Self(TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
    }

    /// Another one, which this one decides.
    pub fn fork(&mut self) -> Self {
        Self::of(self.0.next_u64())
    }

    /// 0 to `limit`, without `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.0.next_u64() % limit as u64).unwrap()
    }

    /// True once in so many times.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// Puts items into a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for n in (1..items.len()).rev() {
            items.swap(n, self.below(n + 1));
        }
    }
}
