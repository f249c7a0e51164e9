//! How long a client waits for what: design, section 12, and why.

use crate::jitter::Jitter;
use crate::{Millis, Timing};

/// How long a client waits for the answer to a request.
pub const REQUEST_TIMEOUT: Millis = Millis::from_secs(10);

/// How often a pulse that is not answered is repeated: after 1, 2 and 4 s, at the usual interval. One pulse an interval would, with
/// one datagram in five lost, cost a server of 100,000 clients more than one registration in each 210 s.
pub(super) const REPEATS: u32 = 3;

/// How often a logout is asked for before a client leaves without an answer.
pub(super) const GOODBYES: u32 = 3;

/// After a failure a client waits up to this long, after each further one twice as long, and never longer than the last.
const FIRST_BACK_OFF: Millis = Millis::from_secs(1);
const LONGEST_BACK_OFF: Millis = Millis::from_secs(30);

/// No server puts a client off for longer than this, whatever it says.
const LONGEST_RETRY_AFTER: Millis = Millis::from_secs(60 * 60);

/// From one pulse to the next: two thirds of the interval up to 23 thirtieths, 20 to 23 s, evenly spread so that clients that started
/// together drift apart. A pulse at 23 s and its repeats at 24, 26 and 30 s all come before the 31 s from which on they are late,
/// so it takes four losses in a row to be late, not three; and none comes at 30 s, when Linux forgets a mapping.
pub(super) fn next_pulse(timing: &Timing, jitter: &mut Jitter) -> Millis {
    let interval = timing.pulse_interval().0;
    at_least_one(jitter.between(Millis(interval / 3 * 2), Millis(interval / 30 * 23)))
}

/// From the first accepted pulse to the second: a tenth of the interval, 3 s. A NAT that has seen one exchange only may forget
/// it after 30 s; Linux keeps it for 120 s once a datagram comes more than 2 s after the first.
pub(super) fn second_pulse(timing: &Timing) -> Millis {
    at_least_one(Millis(timing.pulse_interval().0 / 10))
}

/// From a pulse that was repeated so often to its next repeat, or to giving it up: 1, 2, 4 and 8 s.
pub(super) fn repeat_after(timing: &Timing, repeats: u32) -> Millis {
    at_least_one(Millis((timing.pulse_interval().0 / 30) << repeats.min(REPEATS)))
}

/// How often a client looks itself up: ten intervals, 5 min. Nothing else tells it that a NAT gave it another address while
/// its pulses went on.
pub(super) fn address_check(timing: &Timing) -> Millis {
    at_least_one(Millis(timing.pulse_interval().0.saturating_mul(10)))
}

/// From a failure to the next try: full jitter, so that those who were cut off together do not come back together, and
/// no less than the server asked for.
pub(super) fn back_off(jitter: &mut Jitter, failures: u32, retry_after: Option<Millis>) -> Millis {
    let most = Millis(FIRST_BACK_OFF.0 << failures.min(8)).min(LONGEST_BACK_OFF);
    retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER) + jitter.between(Millis(1), most)
}

/// No wait is shorter than the clock can tell, or time would stand still.
fn at_least_one(millis: Millis) -> Millis {
    millis.max(Millis(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pulse_and_all_its_repeats_come_before_it_is_late() {
        let timing = Timing::default();
        let mut jitter = Jitter::new(1);
        let (mut earliest, mut latest) = (Millis(u64::MAX), Millis(0));
        for _ in 0..1000 {
            let pulse = next_pulse(&timing, &mut jitter);
            (earliest, latest) = (earliest.min(pulse), latest.max(pulse));
            let last = (0..REPEATS).fold(pulse, |at, repeats| at + repeat_after(&timing, repeats));
            assert!(last < timing.late_after(), "{last:?}");
        }
        assert!((20_000..20_100).contains(&earliest.0), "{earliest:?}");
        assert!((22_900..=23_000).contains(&latest.0), "{latest:?}");
        assert_eq!(second_pulse(&timing), Millis(3_000));
        let waits = [0, 1, 2, 3].map(|repeats| repeat_after(&timing, repeats).0);
        assert_eq!(waits, [1_000, 2_000, 4_000, 8_000]);
    }

    #[test]
    fn no_wait_is_zero_however_short_the_interval() {
        let timing = Timing::new(Millis(1), Millis(0), Millis(1)).unwrap();
        let mut jitter = Jitter::new(2);
        assert!(next_pulse(&timing, &mut jitter).0 >= 1);
        assert!(second_pulse(&timing).0 >= 1 && repeat_after(&timing, 0).0 >= 1);
        assert!(address_check(&timing).0 >= 1 && back_off(&mut jitter, 0, None).0 >= 1);
    }

    #[test]
    fn the_back_off_grows_to_its_longest_and_heeds_the_server() {
        let mut jitter = Jitter::new(3);
        for (failures, most) in [(0, 1_000), (1, 2_000), (4, 16_000), (5, 30_000), (u32::MAX, 30_000)] {
            let longest = (0..500).map(|_| back_off(&mut jitter, failures, None).0).max();
            assert!(longest.is_some_and(|longest| longest <= most && longest > most / 10 * 9), "{longest:?}");
        }
        assert!(back_off(&mut jitter, 0, Some(Millis(5_000))).0 > 5_000);
        let longest = back_off(&mut jitter, 0, Some(Millis(u64::MAX)));
        assert!((3_600_001..=3_601_000).contains(&longest.0), "{longest:?}");
    }
}
