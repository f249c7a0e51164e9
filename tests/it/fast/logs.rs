//! What the program writes, and what it never writes.

use std::process::Command;

use rendezvous_tests::process::{command, log_until_stopped};
use serde_json::Value;

#[test]
fn where_nobody_looks_on_logs_are_json() {
    let lines = log_lines(&[]);
    for line in &lines {
        let entry: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(entry["timestamp"].is_string() && entry["level"].is_string() && entry["message"].is_string());
    }
    assert!(lines.len() >= 5);
}

#[test]
fn text_can_be_asked_for() {
    let lines = log_lines(&["--log-format=text"]);
    assert!(lines.iter().all(|line| !line.starts_with('{') && !line.contains('\u{1b}')), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("listening for pulses (udp)")), "{lines:#?}");
}

/// A log that cannot be written used to end the server: the report of the failure could not be written either, and
/// panicked.
#[test]
fn regression_a_reader_of_the_log_that_goes_away_does_not_end_the_server() {
    let (status, lines) = log_until_stopped(on_free_ports(&[]), false);
    assert!(lines.iter().any(|line| line.contains("ready")), "{lines:#?}");
    assert_eq!(status.code(), Some(0));
}

/// The whole log of a server that is started with these flags and stopped at once.
fn log_lines(flags: &[&str]) -> Vec<String> {
    let (status, lines) = log_until_stopped(on_free_ports(flags), true);
    assert_eq!(status.code(), Some(0));
    lines
}

fn on_free_ports(flags: &[&str]) -> Command {
    let mut command = command();
    command.arg("--store=memory:");
    let listeners =
        ["--udp-listen", "--http-listen", "--admin-listen"].map(|flag| format!("{flag}=127.0.0.1:0"));
    command.args(listeners).args(flags);
    command
}
