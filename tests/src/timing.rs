//! Doing things at planned moments on a machine that may be busy.
//!
//! A test of a deadline acts shortly before it and shortly after. If the machine was too busy to act on time, the
//! outcome says nothing about the server: the attempt is void, and the test is tried again. So is an attempt that fails while
//! the machine let a thread of this process wait for too long: the server may have waited, too.

use std::any::Any;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::sync::{Mutex, Once, PoisonError};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use rendezvous_model::size::tell;

use crate::target::{Client, Target};

/// How far from a deadline the tests act.
pub const MARGIN: Duration = Duration::from_millis(120);

/// How late an action may be done. Less than [`MARGIN`], so that one done in time is on its side of the deadline.
const SLACK: Duration = Duration::from_millis(100);

/// How often a test is tried before the machine is declared too busy.
const ATTEMPTS: usize = 8;

/// How many attempts that failed for another reason than time are void because the machine was late. Few: a fault that comes and
/// goes must not be pardoned each time.
const PARDONS: usize = 2;

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

/// Does something that is void if it takes longer than `limit`.
pub fn within<T>(limit: Duration, action: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(action));
    if begun.elapsed() > limit {
        too_slow();
    }
    result.unwrap_or_else(|panic| resume_unwind(panic))
}

/// Does something that is void if it takes too long.
pub fn quickly<T>(action: impl FnOnce() -> T) -> T {
    Since::doing(action).1
}

/// A new client, which has most of its time before it. On a disk that is slow to sync the answer may take longer than a client lives with
/// a short timing: then the attempt is void.
pub fn register(target: &Target) -> Client<'_> {
    let begun = Instant::now();
    let client = target.register();
    if begun.elapsed() > client.late_after() / 2 {
        too_slow();
    }
    client
}

/// Waits until no timed test runs, and keeps them from running until the result is dropped: for tests that load the
/// machine.
pub fn exclusive() -> File {
    let machine = machine();
    machine.lock().expect("a lock that is waited for");
    machine
}

/// Waits until `done` returns true.
///
/// # Panics
/// If `done` returns false for longer than `timeout`.
#[track_caller]
pub fn eventually(timeout: Duration, what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < timeout, "not within {timeout:?}: {what}");
        sleep(Duration::from_millis(5));
    }
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
    let machine = machine();
    machine.lock_shared().expect("a lock that is waited for");
    attempts(name, PARDONS, test);
}

/// Like [`attempt`], for a test that loads the machine: no timed test runs meanwhile. That the machine is late is the test's own
/// doing, so it pardons nothing.
///
/// # Panics
/// As [`attempt`].
pub fn attempt_exclusive(name: &str, test: impl Fn()) {
    let _exclusive = exclusive();
    attempts(name, 0, test);
}

fn attempts(name: &str, mut pardons: usize, test: impl Fn()) {
    was_late_since(Instant::now());
    for attempt in 1..=ATTEMPTS {
        let begun = Instant::now();
        let Err(panic) = catch_unwind(AssertUnwindSafe(&test)) else { return };
        if panic.is::<TooSlow>() {
            tell(&format!("void: {name}: attempt {attempt} was too slow to mean anything"));
        } else if pardons > 0 && was_late_since(begun) {
            pardons -= 1;
            tell(&format!(
                "void: {name}: attempt {attempt} failed while the machine was late: {}",
                text_of(&*panic)
            ));
        } else {
            resume_unwind(panic);
        }
    }
    panic!("{name}: the machine was too busy in each of {ATTEMPTS} attempts; run it with less load");
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no text")
        .lines()
        .next()
        .unwrap_or_default()
}

/// File whose lock stands for the machine, for all processes of this user: timed tests share it, and tests that load the machine
/// hold it alone. Closing the file, or the end of the process, releases the lock.
fn machine() -> File {
    let path = std::env::temp_dir().join(format!("rendezvous-tests-{}.lock", nix::unistd::geteuid()));
    let file = File::options().create(true).append(true).open(&path);
    file.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Whether the machine has let a thread of this process wait for longer than [`SLACK`] since then. The first call starts the
/// thread that finds out; a call waits until that thread has had a chance to notice.
fn was_late_since(then: Instant) -> bool {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    static START: Once = Once::new();
    const NAP: Duration = Duration::from_millis(20);
    START.call_once(|| {
        thread::spawn(|| {
            loop {
                let planned = Instant::now() + NAP;
                sleep(NAP);
                if planned.elapsed() > SLACK {
                    *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                }
            }
        });
    });
    if then.elapsed() > NAP {
        sleep(2 * NAP);
    }
    LAST.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|last| last > then)
}
