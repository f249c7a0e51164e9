//! Notices that the process did not run: stopped, suspended with the machine, or starved.
//!
//! What arrived meanwhile is still in the sockets, and was sent in time. So before an input is handled, somebody
//! must ask whether there was a gap, and tell the servers. Every thread asks, each time it reads the clock; nobody
//! gets an answer before the servers were told.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use rendezvous_protocol::{Instant, Millis, Timing};

#[derive(Debug)]
pub(crate) struct AbsenceWatch {
    /// A gap longer than this is an absence.
    threshold: Millis,
    /// When any thread was last seen running.
    last_run: AtomicU64,
    telling: Mutex<()>,
}

impl AbsenceWatch {
    /// A watch over a process that runs at `now`.
    pub(crate) fn new(timing: &Timing, now: Instant) -> Self {
        Self {
            threshold: timing.longest_stall(),
            last_run: AtomicU64::new(now.as_millis()),
            telling: Mutex::new(()),
        }
    }

    /// The process runs at `now`. If it was absent until then, calls `tell` with the time since which it was, and does
    /// not return before that is done, by whichever thread. The one that called `tell` gets to know how long the
    /// absence was.
    pub(crate) fn check(&self, now: Instant, tell: impl FnOnce(Instant)) -> Option<Millis> {
        if now.since(self.last_run()) > self.threshold {
            let _telling = self.telling.lock().expect("telling the servers does not panic");
            let since = self.last_run();
            let gap = now.since(since);
            if gap > self.threshold {
                tell(since);
                self.ran(now);
                return Some(gap);
            }
        } else {
            self.ran(now);
        }
        None
    }

    fn ran(&self, now: Instant) {
        // Within a millisecond only the first call writes, so that threads do not fight over the cache line.
        if self.last_run.load(Ordering::Relaxed) < now.as_millis() {
            self.last_run.fetch_max(now.as_millis(), Ordering::Release);
        }
    }

    fn last_run(&self) -> Instant {
        Instant::from_millis(self.last_run.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(grace: u64) -> AbsenceWatch {
        let timing = Timing::new(Millis(10_000), Millis(grace), Millis(60_000)).unwrap();
        AbsenceWatch::new(&timing, Instant::ZERO)
    }

    /// Checks at each of these times; the gaps that were told.
    fn told(watch: &AbsenceWatch, times: &[u64]) -> Vec<u64> {
        let mut calls = 0;
        let mut gaps = vec![];
        for &now in times {
            let mut began = None;
            let gap = watch.check(Instant::from_millis(now), |since| {
                calls += 1;
                began = Some(since.as_millis());
            });
            assert_eq!(gap.map(|gap| now - gap.0), began);
            gaps.extend(gap.map(|gap| gap.0));
        }
        assert_eq!(calls, gaps.len());
        gaps
    }

    const NEVER: [u64; 0] = [];

    #[test]
    fn a_gap_longer_than_a_second_is_an_absence() {
        assert_eq!(told(&watch(200), &[1000, 2000, 2100, 3100]), NEVER);
        assert_eq!(told(&watch(200), &[1001, 1002, 2002, 3003]), [1001, 1001]);
    }

    #[test]
    fn a_gap_within_a_longer_grace_is_none() {
        assert_eq!(told(&watch(5000), &[5000, 10_000]), NEVER);
        assert_eq!(told(&watch(5000), &[5001]), [5001]);
    }

    #[test]
    fn an_absence_is_told_once() {
        assert_eq!(told(&watch(200), &[9000, 9000, 9001, 8999]), [9000]);
    }

    #[test]
    fn a_thread_with_an_old_reading_does_not_turn_the_watch_back() {
        assert_eq!(told(&watch(200), &[900, 100, 1800]), NEVER);
    }

    #[test]
    fn no_thread_gets_past_the_watch_before_the_servers_were_told() {
        use std::sync::atomic::AtomicBool;
        let watch = watch(200);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    watch.check(Instant::from_millis(60_000), |_since| {
                        std::thread::sleep(std::time::Duration::from_millis(50));
                        done.store(true, Ordering::SeqCst);
                    });
                    assert!(done.load(Ordering::SeqCst));
                });
            }
        });
    }
}
