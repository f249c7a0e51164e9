//! The clock that the machines live by.

use rendezvous_protocol::Instant;

/// It goes on while the machine is suspended: a client that slept knows that it did.
#[cfg(target_os = "linux")]
pub(super) fn now() -> Instant {
    crate::clock::read().now
}

/// As far as the system has such a clock: std promises no more.
#[cfg(not(target_os = "linux"))]
pub(super) fn now() -> Instant {
    static BEGAN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let passed = BEGAN.get_or_init(std::time::Instant::now).elapsed().as_millis();
    Instant::from_millis(u64::try_from(passed).unwrap_or(u64::MAX))
}
