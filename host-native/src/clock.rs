//! The two clocks of a host: one to decide by, one to print.

use nix::time::{ClockId, clock_gettime};
use rendezvous_protocol::{Clock, Instant, UnixTime};

/// The decision clock. It counts the time that the machine was suspended too, so that a server which slept notices
/// it, and nobody can set it.
const DECISION: ClockId = ClockId::CLOCK_BOOTTIME;

/// Reads both clocks.
pub(crate) fn read() -> Clock {
    Clock {
        now: Instant::from_millis(millis(DECISION)),
        unix: UnixTime::from_millis(millis(ClockId::CLOCK_REALTIME)),
    }
}

fn millis(clock: ClockId) -> u64 {
    let time = clock_gettime(clock).expect("the system has this clock, and its time fits");
    // A wall clock set to before 1970 reads as 1970: it is only printed.
    let secs = u64::try_from(time.tv_sec()).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec()).unwrap_or(0);
    secs.saturating_mul(1000).saturating_add(nanos / 1_000_000)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use super::*;

    #[test]
    fn the_decision_clock_advances_in_milliseconds() {
        let before = read();
        std::thread::sleep(Duration::from_millis(30));
        let passed = read().now.since(before.now).0;
        assert!((29..10_000).contains(&passed), "{passed} ms");
    }

    #[test]
    fn the_printed_clock_is_the_wall_clock() {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert!(read().unix.as_secs().abs_diff(wall) <= 1);
    }
}
