//! The deterministic generator of the tests and the benchmarks: SplitMix64, of the library that the simulator uses, too.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::SplitMix64;

/// Deterministic random numbers: the same seed gives the same numbers on every machine.
#[derive(Clone, Debug)]
pub struct TestRng(SplitMix64);

impl TestRng {
    /// Generator that starts from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(SplitMix64::seed_from_u64(seed))
    }

    /// Number from the whole range.
    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        // The upper half of a product is spread as evenly as its factor.
        ((u128::from(self.number()) * end as u128) >> 64) as usize
    }

    /// True once in `times` calls, on average.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of `values`, each as likely as the others.
    pub fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }
}

/// Spreads `number` over all 64 bits: different numbers give different results.
pub fn scatter(number: u64) -> u64 {
    TestRng::new(number).number()
}
