//! Standard error of a program, read while it runs.

use std::io::{BufRead, BufReader};
use std::process::ChildStderr;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

use serde_json::Value;

use super::TIMEOUT;

/// Log of a program. A thread reads the pipe to the end, so that the pipe never fills.
#[derive(Debug, Default)]
pub struct Log {
    lines: Mutex<Lines>,
    changed: Condvar,
}

/// Lines read so far: objects, and strings where the text is not JSON.
#[derive(Debug, Default)]
struct Lines {
    entries: Vec<Value>,
    ended: bool,
}

impl Log {
    /// Log that is read from `pipe` until it is closed.
    pub(super) fn read(pipe: ChildStderr) -> Arc<Self> {
        let log = Arc::new(Self::default());
        let written = Arc::clone(&log);
        thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                let entry = serde_json::from_str(&line).unwrap_or(Value::String(line));
                written.update(|lines| lines.entries.push(entry));
            }
            written.update(|lines| lines.ended = true);
        });
        log
    }

    /// Waits for a line whose message contains `what`, and returns the first in the whole log.
    ///
    /// `None` if the log ends without such a line, or 20 s pass.
    pub fn wait_for(&self, what: &str) -> Option<Value> {
        let deadline = Instant::now() + TIMEOUT;
        let mut looked_at = 0;
        let mut lines = self.lines.lock().expect("no panic");
        loop {
            let is_it = |line: &&Value| line["message"].as_str().is_some_and(|text| text.contains(what));
            if let Some(line) = lines.entries[looked_at..].iter().find(is_it) {
                return Some(line.clone());
            }
            looked_at = lines.entries.len();
            let left = deadline.saturating_duration_since(Instant::now());
            if lines.ended || left.is_zero() {
                return None;
            }
            lines = self.changed.wait_timeout(lines, left).expect("no panic").0;
        }
    }

    /// Waits until it has been read to its end.
    ///
    /// # Panics
    /// If that takes longer than 20 s.
    pub(super) fn wait_for_end(&self) {
        let lines = self.lines.lock().expect("no panic");
        let waited = self.changed.wait_timeout_while(lines, TIMEOUT, |lines| !lines.ended).expect("no panic");
        assert!(waited.0.ended, "the log was still open {TIMEOUT:?} after the program ended");
    }

    /// Whether it has been read to its end.
    pub(super) fn ended(&self) -> bool {
        self.lines.lock().expect("no panic").ended
    }

    /// The lines read so far.
    pub(super) fn entries(&self) -> Vec<Value> {
        self.lines.lock().expect("no panic").entries.clone()
    }

    /// The lines read so far, as text.
    pub(super) fn text(&self) -> String {
        let lines = self.lines.lock().expect("no panic");
        let text = |line: &Value| line.as_str().map_or_else(|| line.to_string(), str::to_owned);
        lines.entries.iter().map(text).collect::<Vec<_>>().join("\n")
    }

    fn update(&self, change: impl FnOnce(&mut Lines)) {
        change(&mut self.lines.lock().expect("no panic"));
        self.changed.notify_all();
    }
}
