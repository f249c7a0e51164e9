//! What is going on, on standard error, for whoever waits.

use std::io::{self, Write};
use std::time::{Duration, Instant};

/// How often to say how far something is.
const EVERY: Duration = Duration::from_secs(2);

/// A line for whoever waits.
pub(crate) fn say(what: impl std::fmt::Display) {
    // Nobody is left to tell if this fails.
    let _ = writeln!(io::stderr(), "bench: {what}");
}

/// How far something long is.
pub(crate) struct Progress {
    what: &'static str,
    total: usize,
    start: Instant,
    said: Instant,
}

impl Progress {
    /// Something that ends at `total`.
    pub(crate) fn new(what: &'static str, total: usize) -> Self {
        let start = Instant::now();
        Self { what, total, start, said: start }
    }

    /// It is this far. Says so now and then.
    pub(crate) fn at(&mut self, done: usize) {
        if self.said.elapsed() >= EVERY {
            self.said = Instant::now();
            say(format_args!("{}: {done} of {}, {:.0}/s", self.what, self.total, self.rate(done)));
        }
    }

    /// It is done.
    pub(crate) fn end(self, done: usize) {
        let seconds = self.start.elapsed().as_secs_f64();
        say(format_args!("{}: {done} in {seconds:.1} s, {:.0}/s", self.what, self.rate(done)));
    }

    fn rate(&self, done: usize) -> f64 {
        done as f64 / self.start.elapsed().as_secs_f64()
    }
}
