//! Structured logs on standard error: text for people, JSON for programs.
//!
//! A datagram is never logged above TRACE, a request never above DEBUG, and of a client never more than the first
//! digits of its id. What could go wrong with every request is logged once in a while. A log that cannot be written is dropped: the server goes on without it.

use std::io::{IsTerminal, stderr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rendezvous_protocol::ClientId;
use tracing_subscriber::filter::LevelFilter;

use crate::settings::{LogFormat, LogLevel, LogSettings};

/// Starts logging for the whole process. Call it once.
pub fn init(settings: &LogSettings) {
    let on_terminal = stderr().is_terminal();
    let format = settings.format.unwrap_or(if on_terminal { LogFormat::Text } else { LogFormat::Json });
    let colour = on_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let builder = tracing_subscriber::fmt()
        .with_writer(stderr)
        .with_max_level(LevelFilter::from(settings.level))
        .with_target(false)
        .with_ansi(colour)
        // Or else whoever reads the log could stop the server by going away: the report of a failed write panics.
        .log_internal_errors(false);
    match format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}

/// Enough of an id to tell clients apart in a log, too little to look one up.
pub(crate) fn short(id: ClientId) -> String {
    let mut digits = id.to_string();
    digits.truncate(8);
    digits
}

/// Logs something that can happen all the time once in a while.
#[derive(Debug, Default)]
pub(crate) struct Sampled {
    last: Mutex<Option<Instant>>,
}

impl Sampled {
    const PERIOD: Duration = Duration::from_secs(10);

    pub(crate) fn log(&self, log: impl FnOnce()) {
        let Ok(mut last) = self.last.lock() else { return };
        if last.is_none_or(|last| last.elapsed() >= Self::PERIOD) {
            *last = Some(Instant::now());
            log();
        }
    }
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_all_the_time_is_logged_once_in_a_while() {
        let sampled = Sampled::default();
        let mut lines = 0;
        for _ in 0..1000 {
            sampled.log(|| lines += 1);
        }
        assert_eq!(lines, 1);
    }

    #[test]
    fn an_id_is_shortened_to_eight_digits() {
        assert_eq!(short(ClientId::from_bytes([0xAB; 16])), "abababab");
    }
}
