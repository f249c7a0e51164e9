//! Doing things at planned moments on a machine that may be busy.
//!
//! A test of a deadline acts shortly before it and shortly after. If the machine was too busy to act on time, the
//! outcome says nothing about the server: the attempt is void, and the test is tried again.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::size::tell;

/// How far from a deadline the tests act.
pub const MARGIN: Duration = Duration::from_millis(120);

/// How late an action may be done. Less than [`MARGIN`], so that one done in time is on its side of the deadline.
const SLACK: Duration = Duration::from_millis(100);

/// How often a test is tried before the machine is declared too busy.
const ATTEMPTS: usize = 8;

/// Timed tests share the machine with each other, but not with those that load it. A test that failed holding it
/// leaves nothing in it that could be wrong.
static MACHINE: RwLock<()> = RwLock::new(());

/// The panic of an attempt that was too slow to mean anything.
#[derive(Debug)]
struct TooSlow;

/// The time since an event that the server saw too, shortly after.
#[derive(Debug)]
pub struct Since(Instant);

impl Since {
    /// The time since something that happened then.
    pub fn when(then: Instant) -> Self {
        Self(then)
    }

    /// Does something that starts the clock: its beginning counts.
    pub fn doing<T>(action: impl FnOnce() -> T) -> (Self, T) {
        let since = Self(Instant::now());
        let result = since.at(Duration::ZERO, action);
        (since, result)
    }

    /// Does something `offset` after the event. The attempt is void if it is not done in time.
    pub fn at<T>(&self, offset: Duration, action: impl FnOnce() -> T) -> T {
        let planned = self.0 + offset;
        sleep(planned.saturating_duration_since(Instant::now()));
        let result = catch_unwind(AssertUnwindSafe(action));
        if planned.elapsed() > SLACK {
            // Also if it failed: too late, it had every right to.
            too_slow();
        }
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

/// Does something that is void if it takes too long.
pub fn quickly<T>(action: impl FnOnce() -> T) -> T {
    Since::doing(action).1
}

/// Waits until no timed test runs, and keeps them from running until the result is dropped: for tests that load the
/// machine.
pub fn alone() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().unwrap_or_else(PoisonError::into_inner)
}

/// Ends an attempt that was too slow to mean anything.
///
/// # Panics
/// Always: [`attempt`] takes it for what it is.
pub fn too_slow() -> ! {
    panic_any(TooSlow)
}

/// Runs a test until an attempt was quick enough to mean something.
///
/// # Panics
/// As the test does, and if no attempt was quick enough.
pub fn attempt(name: &str, test: impl Fn()) {
    let _shared = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
    attempts(name, test);
}

/// Like [`attempt`], for a test that loads the machine: no timed test runs meanwhile.
///
/// # Panics
/// As [`attempt`].
pub fn attempt_alone(name: &str, test: impl Fn()) {
    let _alone = alone();
    attempts(name, test);
}

fn attempts(name: &str, test: impl Fn()) {
    for attempt in 1..=ATTEMPTS {
        match catch_unwind(AssertUnwindSafe(&test)) {
            Ok(()) => return,
            Err(panic) if panic.is::<TooSlow>() => {
                tell(&format!("void: {name}: attempt {attempt} was too slow to mean anything"));
            }
            Err(panic) => resume_unwind(panic),
        }
    }
    panic!("{name}: the machine was too busy in each of {ATTEMPTS} attempts; run it with less load");
}
