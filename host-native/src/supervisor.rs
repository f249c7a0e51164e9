//! What the server tells whoever supervises it, in the way of sd_notify(3). Without `NOTIFY_SOCKET` in the environment it tells nobody.

use std::cell::Cell;
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// Everything is bound and loaded, and clients are served.
pub(crate) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The server has begun to stop.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping: requests that were begun are finished")]);
}

fn tell(what: &[NotifyState<'_>]) {
    // Without its supervisor the server can do its work all the same.
    if let Err(error) = sd_notify::notify(what) {
        tracing::warn!(%error, "the supervisor cannot be told (NOTIFY_SOCKET)");
    }
}

/// Tells a supervisor that wants to hear it that the server is alive.
#[derive(Debug)]
pub(crate) struct Watchdog {
    /// How often; `None` if nobody wants to.
    period: Option<Duration>,
    last: Cell<Option<Instant>>,
}

impl Watchdog {
    /// As often as the environment asks for (`WATCHDOG_USEC`).
    pub(crate) fn from_environment() -> Self {
        Self::every(sd_notify::watchdog_enabled().map(|silence| silence / 2))
    }

    fn every(period: Option<Duration>) -> Self {
        Self { period, last: Cell::new(None) }
    }

    /// To be called as long as all is well, the more often the better.
    pub(crate) fn alive(&self) {
        if self.is_due(Instant::now()) {
            // A warning each time would be no help: if it was not heard, the supervisor will act.
            let _ = sd_notify::notify(&[NotifyState::Watchdog]);
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        let Some(period) = self.period else { return false };
        if self.last.get().is_some_and(|last| now.duration_since(last) < period) {
            return false;
        }
        self.last.set(Some(now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_is_told_once_in_each_period() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let watchdog = Watchdog::every(Some(second));
        let told = (0..100).filter(|&tenth| watchdog.is_due(start + tenth * second / 10)).count();
        assert_eq!(told, 10);
        assert!(!Watchdog::every(None).is_due(start));
    }
}
