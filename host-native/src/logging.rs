//! Structured logs on standard error: text for people, JSON for programs.
//!
//! What a single packet causes is never logged above TRACE, and of a client never more than the first digits of its
//! id.

use std::io::{IsTerminal, stderr};

use rendezvous_protocol::ClientId;
use tracing_subscriber::filter::LevelFilter;

use crate::settings::{LogFormat, LogLevel, LogSettings};

/// Starts logging for the whole process. Call it once.
pub fn init(settings: &LogSettings) {
    let on_terminal = stderr().is_terminal();
    let format = settings.format.unwrap_or(if on_terminal { LogFormat::Text } else { LogFormat::Json });
    let builder = tracing_subscriber::fmt()
        .with_writer(stderr)
        .with_max_level(LevelFilter::from(settings.level))
        .with_target(false)
        .with_ansi(on_terminal);
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
