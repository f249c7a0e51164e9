//! A panic is a bug, and a server that is half alive after one is worse than one that its supervisor restarts.

use std::io::{Write, stderr};
use std::panic::PanicHookInfo;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// How long the log may take. A log that nobody reads, or a lock that the panic left locked, must not keep the process alive.
const PATIENCE: Duration = Duration::from_millis(300);

/// Ends the process (SIGABRT) at the first panic in any of its threads, whatever the build's profile, and logs where it was.
///
/// Of the panic's message only what was written into the program is logged: what was put into it at run time could be anything, a
/// key included.
pub fn end_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, ToString::to_string);
        let message = message(panic);
        let (logged, done) = channel();
        let log = move || {
            if tracing::dispatcher::has_been_set() {
                tracing::error!(place, bug = message, "a bug: the process ends");
            } else {
                // A command that does not log.
                let _ = writeln!(stderr(), "rendezvous: a bug at {place}: {message}");
            }
            let _ = logged.send(());
        };
        if thread::Builder::new().name("last words".into()).spawn(log).is_ok() {
            let _ = done.recv_timeout(PATIENCE);
        }
        std::process::abort();
    }));
}

fn message(panic: &PanicHookInfo<'_>) -> &'static str {
    panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("(a message made at run time)")
}
