//! What the program writes, and what it never writes.

use std::process::Command;

use nix::sys::signal::Signal;
use rendezvous_tests::process::{Process, command, log_until_stopped};
use rendezvous_tests::secrets::Needles;
use serde_json::Value;
use ureq::http::Method;

#[test]
fn no_key_is_ever_logged() {
    let process = Process::start(&["--log-level=trace"]);
    let (client, peer) = (process.target().register(), process.target().register());
    assert_eq!(client.pulse(), 1020);
    client.address_of(peer.id()).assert_problem(404, "address_unknown");
    client.status_of(peer.id()).assert_ok();
    client.verify().assert_ok();
    let key = client.key_hex();
    for header in [format!("Basic {key}"), format!("Bearer {key}{key}"), key.clone()] {
        process
            .target()
            .call(Method::POST, "/verify", &[&header])
            .assert_problem(401, "malformed_credentials");
    }
    process.target().call(Method::GET, &format!("/peer/{key}/udp?key={key}"), &[&client.bearer()]);
    process
        .target()
        .send_raw(format!("POST /verify HTTP/1.1\r\nKey: {key}\r\nbad header\r\n\r\n").as_bytes());
    client.logout().assert_ok();
    process.signal(Signal::SIGTERM);
    process.wait_for("stopped");

    let log = format!("{:?}", process.log());
    assert!(log.contains("registered") && log.contains("logged out"), "it did log: {log}");
    for client in [&client, &peer] {
        let needles = Needles::of(&client.registration.private_id);
        assert_eq!(needles.find(log.as_bytes()), None, "a key is in the log");
        assert!(!log.contains(&client.id().to_string()), "of an id, only the first digits are logged");
    }
}

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
