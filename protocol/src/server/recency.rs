//! How many clients were heard of late, kept up to date by every call, so that nobody has to look at each of them.

use alloc::boxed::Box;
use alloc::vec;

use crate::{Instant, Timing};

/// For each slice of the last while, how many records were last heard in it.
///
/// The answer is right but for clients that were heard within one slice of the limit between ONLINE and PENDING.
///
/// A pulse must not pay for it: it takes one counter down and another one up.
#[derive(Debug)]
pub(super) struct Recency {
    /// By the age of the slice. The first is the newest one, and lacks those that `newest_count` has.
    counts: Box<[u32]>,
    /// How many records were heard since the newest slice began, those included that were heard again in it.
    newest_count: u32,
    /// A slice is 2 to the power of this in milliseconds, so that finding one takes a shift.
    shift: u32,
    /// The slice that the latest call was in.
    newest: u64,
}

/// The longest slice, as a power of two of milliseconds: 512 ms.
const LONGEST_SLICE: u32 = 9;

/// How many slices there are at least before a client is late, unless slices would be shorter than a millisecond.
const SLICES: u64 = 32;

/// The most counters: 16 KiB. With a client late only after half an hour or more, slices are longer than
/// [`LONGEST_SLICE`], and still less than a thousandth of that time.
const MOST_COUNTERS: u64 = 4096;

impl Recency {
    pub(super) fn new(timing: &Timing) -> Self {
        let late_after = timing.late_after().0;
        let wanted = (late_after / SLICES).max(1).ilog2().min(LONGEST_SLICE);
        let shift = (wanted..u64::BITS).find(|&shift| counters(late_after, shift) <= MOST_COUNTERS);
        let shift = shift.unwrap_or(wanted);
        let counts = vec![0; counters(late_after, shift) as usize].into_boxed_slice();
        Self { counts, newest_count: 0, shift, newest: 0 }
    }

    /// The time is `now`, which is never earlier than at the call before. What is too old is no longer counted.
    #[inline]
    pub(super) fn advance(&mut self, now: Instant) {
        let slice = now.as_millis() >> self.shift;
        if slice != self.newest {
            self.turn(slice);
        }
    }

    /// A record that was last heard `before`, if ever, is heard now: at the time of the last call of [`Recency::advance`].
    #[inline]
    pub(super) fn heard(&mut self, before: Option<Instant>) {
        self.forget(before);
        self.newest_count = self.newest_count.wrapping_add(1);
    }

    /// A record that was last heard then, if ever, is no longer there.
    #[inline]
    pub(super) fn forget(&mut self, heard: Option<Instant>) {
        let Some(heard) = heard else { return };
        let age = self.newest.wrapping_sub(heard.as_millis() >> self.shift);
        if let Some(count) = self.counts.get_mut(age as usize) {
            *count = count.wrapping_sub(1);
        }
    }

    /// How many records were heard less than `timing`'s interval and grace before `now`.
    pub(super) fn online(&self, timing: &Timing, now: Instant) -> usize {
        // Heard at this millisecond or later.
        let since = (now.as_millis() + 1).saturating_sub(timing.late_after().0);
        let slices = (self.newest + 1).saturating_sub(since >> self.shift);
        let counted = self.counts.iter().take(usize::try_from(slices).unwrap_or(usize::MAX));
        let newest = if slices > 0 { self.newest_count } else { 0 };
        // The first counter may be as much below zero as the newest one is too high.
        counted.fold(newest, |sum, &count| sum.wrapping_add(count)) as usize
    }

    /// How long a slice is, in milliseconds.
    pub(super) const fn slice(&self) -> u64 {
        1 << self.shift
    }

    /// Every slice is older now, and those that begin hold nobody yet.
    #[cold]
    fn turn(&mut self, slice: u64) {
        let passed = usize::try_from(slice.saturating_sub(self.newest)).unwrap_or(usize::MAX);
        let passed = passed.min(self.counts.len());
        if let Some(newest) = self.counts.first_mut() {
            *newest = newest.wrapping_add(self.newest_count);
        }
        self.counts.rotate_right(passed);
        self.counts.iter_mut().take(passed).for_each(|count| *count = 0);
        self.newest_count = 0;
        self.newest = slice;
    }
}

/// How many counters it takes, with slices of this length, to have those of all clients that are not late: the first and the
/// last slice are there only in part.
const fn counters(late_after: u64, shift: u32) -> u64 {
    (late_after >> shift) + 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Millis;

    fn timing(interval: u64, grace: u64) -> Timing {
        Timing::new(Millis(interval), Millis(grace), Millis(grace + 1000)).unwrap()
    }

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn a_slice_is_short_and_the_ring_covers_all_who_are_online() {
        let shapes = [
            ((30_000, 1000), (512, 62)),
            ((500, 100), (16, 39)),
            ((1, 0), (1, 3)),
            ((300_000, 1000), (512, 589)),
            ((crate::timing::MAX_DURATION.0, 0), (8_388_608, 3771)),
        ];
        for ((interval, grace), shape) in shapes {
            let timing = timing(interval, grace);
            let recency = Recency::new(&timing);
            assert_eq!((recency.slice(), recency.counts.len()), shape, "{timing:?}");
            assert!(recency.slice() * (recency.counts.len() as u64 - 1) >= timing.late_after().0);
        }
    }

    #[test]
    fn who_was_heard_counts_until_interval_and_grace_are_over() {
        let timing = timing(30_000, 1000);
        let mut recency = Recency::new(&timing);
        recency.advance(at(1024));
        recency.heard(None);
        for (now, online) in [(1024, 1), (32_023, 1), (32_024 + 511, 0), (1_000_000, 0)] {
            assert_eq!(recency.online(&timing, at(now)), online, "{now}");
        }
        recency.advance(at(20_000));
        recency.heard(Some(at(1024)));
        assert_eq!(recency.online(&timing, at(40_000)), 1, "it is counted once");
        recency.forget(Some(at(20_000)));
        assert_eq!(recency.online(&timing, at(20_000)), 0);
    }

    #[test]
    fn who_was_heard_before_the_first_slice_is_not_taken_out_of_another() {
        let timing = timing(30_000, 1000);
        let mut recency = Recency::new(&timing);
        recency.heard(None);
        let later = recency.counts.len() as u64 * recency.slice();
        recency.advance(at(later));
        recency.heard(None);
        recency.forget(Some(at(0)));
        assert_eq!(recency.online(&timing, at(later)), 1);
        recency.advance(Instant::MAX);
        assert_eq!(recency.online(&timing, Instant::MAX), 0, "and a jump of the clock leaves nobody");
    }

    #[test]
    fn who_is_heard_again_and_again_in_a_slice_counts_once() {
        let timing = timing(30_000, 1000);
        let mut recency = Recency::new(&timing);
        recency.heard(None);
        for _ in 0..10 {
            recency.heard(Some(at(0)));
        }
        assert_eq!(recency.online(&timing, at(0)), 1);
        recency.advance(at(600));
        assert_eq!(recency.online(&timing, at(600)), 1);
        recency.forget(Some(at(0)));
        assert_eq!(recency.online(&timing, at(600)), 0);
    }
}
