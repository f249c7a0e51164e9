//! How many clients were heard of late, kept up to date by every call, so that nobody has to look at each of them.

use alloc::boxed::Box;
use alloc::vec;

use crate::{Instant, Timing};

/// A ring of counters: for each slice of the last while, how many records were last heard in it.
///
/// The answer is right but for clients that were heard within one slice of the limit between ONLINE and PENDING.
#[derive(Debug)]
pub(super) struct Recency {
    /// A power of two of them. The newest slice, and as many before it as there is room for.
    counts: Box<[u32]>,
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
        Self { counts, shift, newest: 0 }
    }

    /// The time is `now`, which is never earlier than at the call before. What falls out of the ring is no longer counted.
    #[inline]
    pub(super) fn advance(&mut self, now: Instant) {
        let slice = now.as_millis() >> self.shift;
        if slice != self.newest {
            self.turn(slice);
        }
    }

    /// A record that was last heard `before` was heard at `after`; `None` is a time that there is not, or a record that there
    /// is not.
    #[inline]
    pub(super) fn moved(&mut self, before: Option<Instant>, after: Option<Instant>) {
        if let Some(count) = before.and_then(|before| self.count_mut(before)) {
            *count = count.wrapping_sub(1);
        }
        if let Some(count) = after.and_then(|after| self.count_mut(after)) {
            *count = count.wrapping_add(1);
        }
    }

    /// How many records were heard less than `timing`'s interval and grace before `now`.
    pub(super) fn online(&self, timing: &Timing, now: Instant) -> usize {
        // Heard at this millisecond or later.
        let since = (now.as_millis() + 1).saturating_sub(timing.late_after().0);
        let kept = (self.newest + 1).saturating_sub(self.counts.len() as u64);
        let slices = kept.max(since >> self.shift)..=self.newest;
        slices.filter_map(|slice| self.counts.get(self.position(slice))).map(|&count| count as usize).sum()
    }

    /// How long a slice is, in milliseconds.
    pub(super) const fn slice(&self) -> u64 {
        1 << self.shift
    }

    /// The counter of the slice that holds this time, if the ring has it still.
    #[inline]
    fn count_mut(&mut self, at: Instant) -> Option<&mut u32> {
        let slice = at.as_millis() >> self.shift;
        if self.newest.wrapping_sub(slice) >= self.counts.len() as u64 {
            return None;
        }
        let position = self.position(slice);
        self.counts.get_mut(position)
    }

    #[inline]
    fn position(&self, slice: u64) -> usize {
        slice as usize & (self.counts.len().wrapping_sub(1))
    }

    /// The slices that begin now hold nobody yet.
    #[cold]
    fn turn(&mut self, slice: u64) {
        let new = slice.saturating_sub(self.newest).min(self.counts.len() as u64);
        for slice in (slice + 1).saturating_sub(new)..=slice {
            let position = self.position(slice);
            if let Some(count) = self.counts.get_mut(position) {
                *count = 0;
            }
        }
        self.newest = slice;
    }
}

/// How many counters it takes, with slices of this length, to have those of all clients that are not late.
const fn counters(late_after: u64, shift: u32) -> u64 {
    // The first and the last of them only in part.
    ((late_after >> shift) + 2).next_power_of_two()
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
            ((30_000, 1000), (512, 64)),
            ((500, 100), (16, 64)),
            ((1, 0), (1, 4)),
            ((300_000, 1000), (512, 1024)),
            ((crate::timing::MAX_DURATION.0, 0), (8_388_608, 4096)),
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
        recency.moved(None, Some(at(1024)));
        for (now, online) in [(1024, 1), (32_023, 1), (32_024 + 511, 0), (1_000_000, 0)] {
            assert_eq!(recency.online(&timing, at(now)), online, "{now}");
        }
        recency.advance(at(20_000));
        recency.moved(Some(at(1024)), Some(at(20_000)));
        assert_eq!(recency.online(&timing, at(40_000)), 1, "it is counted once");
        recency.moved(Some(at(20_000)), None);
        assert_eq!(recency.online(&timing, at(20_000)), 0);
    }

    #[test]
    fn who_was_heard_before_the_ring_begins_is_not_taken_out_of_it() {
        let timing = timing(30_000, 1000);
        let mut recency = Recency::new(&timing);
        recency.moved(None, Some(at(0)));
        // A whole turn later, to the very counter.
        let later = 64 * 512;
        recency.advance(at(later));
        recency.moved(None, Some(at(later)));
        recency.moved(Some(at(0)), None);
        assert_eq!(recency.online(&timing, at(later)), 1);
        recency.advance(Instant::MAX);
        assert_eq!(recency.online(&timing, Instant::MAX), 0, "and a jump of the clock empties it");
    }
}
