//! How a value is spread, counted by several threads at once: for figures that a scrape reads.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of values up to 2^`FIRST`, up to twice that, and so on; the last of the `BUCKETS` counts all that are larger.
#[derive(Debug)]
pub(crate) struct Histogram<const FIRST: u32, const BUCKETS: usize> {
    counts: [AtomicU64; BUCKETS],
    sum: AtomicU64,
}

/// What was in a histogram at one moment, or nearly: it may lack a part of what is being counted meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// For each bucket its upper bound, `None` for the last one, and how many values it holds.
    pub(crate) buckets: Vec<(Option<u64>, u64)>,
    pub(crate) sum: u64,
}

impl<const FIRST: u32, const BUCKETS: usize> Default for Histogram<FIRST, BUCKETS> {
    fn default() -> Self {
        Self { counts: array::from_fn(|_| AtomicU64::new(0)), sum: AtomicU64::new(0) }
    }
}

impl<const FIRST: u32, const BUCKETS: usize> Histogram<FIRST, BUCKETS> {
    /// Counts a value.
    pub(crate) fn note(&self, value: u64) {
        // The bits that the value takes beyond its bucket's bound.
        let beyond = u64::BITS - (value.saturating_sub(1) >> FIRST).leading_zeros();
        self.counts[(beyond as usize).min(BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Reading {
        let count = |(index, count): (usize, &AtomicU64)| {
            let bound = (index + 1 < BUCKETS).then(|| 1 << (FIRST as usize + index));
            (bound, count.load(Ordering::Relaxed))
        };
        Reading {
            buckets: self.counts.iter().enumerate().map(count).collect(),
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

impl Reading {
    /// How many values were counted.
    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_in_the_first_bucket_that_it_does_not_exceed() {
        let histogram = Histogram::<3, 4>::default();
        for value in [0, 1, 8, 9, 16, 17, 32, 33, u64::from(u32::MAX)] {
            histogram.note(value);
        }
        let reading = histogram.read();
        assert_eq!(reading.buckets, [(Some(8), 3), (Some(16), 2), (Some(32), 2), (None, 2)]);
        assert_eq!((reading.count(), reading.sum), (9, 116 + u64::from(u32::MAX)));
    }

    #[test]
    fn sizes_of_batches_begin_at_one() {
        let histogram = Histogram::<0, 8>::default();
        for size in 1..=64 {
            histogram.note(size);
        }
        let counts: Vec<_> = histogram.read().buckets.into_iter().map(|(_, count)| count).collect();
        assert_eq!(counts, [1, 1, 2, 4, 8, 16, 32, 0]);
    }
}
