//! `rendezvous client`: what scripts can do.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use nix::sys::signal::Signal;
use rendezvous_tests::directory::Directory;
use rendezvous_tests::local::LocalServer;
use rendezvous_tests::process::{OwnedChild, command, run_to_end};
use serde_json::Value;

/// A script's surroundings: a server, and a key file.
struct Script {
    server: LocalServer,
    directory: Directory,
}

impl Script {
    fn new(name: &str) -> Self {
        Self { server: LocalServer::with_default_timing(), directory: Directory::new(name) }
    }

    fn key_file(&self) -> PathBuf {
        self.directory.path().join("me.key")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command();
        command.arg("client").args(arguments);
        command.args(["--server", self.server.target().http()]).arg("--key-file").arg(self.key_file());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        run_to_end(self.command(arguments))
    }

    /// What a command prints with `--json`.
    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

#[test]
fn a_script_registers_pulses_looks_up_and_logs_out() {
    let script = Script::new("script");
    let registered = script.json(&["register"]);
    let id = registered["client_id"].as_str().unwrap();
    assert_eq!(script.json(&["pulse"])["code"], 1020);
    assert_eq!(script.json(&["status"])["status"], "ONLINE");
    let address = script.json(&["address"]);
    assert_eq!((address["client_id"].as_str(), address["host"].as_str()), (Some(id), Some("127.0.0.1")));
    let peer = script.server.target().register();
    peer.pulse();
    let found = script.json(&["address", &peer.id().to_string()]);
    assert_eq!(found["port"], peer.socket.local_addr().unwrap().port());
    assert_eq!(script.json(&["pulse", "--verify"])["code"], 1020);
    for (arguments, expected) in [
        (&["pulse"][..], "1020 on time"),
        (&["status"], "ONLINE (last pulse 0 s ago)"),
        (&["address"], "127.0.0.1:"),
        (&["logout"], "is logged out"),
    ] {
        let output = script.run(arguments);
        assert!(text(&output.stdout).contains(expected), "{output:?}");
    }
    assert!(!script.key_file().exists());
    peer.address_of(id.parse().unwrap()).assert_problem(404, "unknown_peer");
}

#[test]
fn a_key_is_for_its_owner_alone_and_in_no_output() {
    let script = Script::new("key-file");
    let registered = script.run(&["register"]);
    let file = script.key_file();
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let kept: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let key = kept["private_id"].as_str().unwrap();
    for output in
        [registered, script.run(&["pulse"]), script.run(&["status"]), script.run(&["address", "--json"])]
    {
        let shown = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(!shown.to_lowercase().contains(key), "{shown}");
    }
    let again = script.run(&["register"]);
    assert!(text(&again.stderr).contains("--force"), "{again:?}");
    assert_eq!(again.status.code(), Some(1));
    assert!(script.run(&["register", "--force"]).status.success());
    let leftovers = std::fs::read_dir(script.directory.path()).unwrap().count();
    assert_eq!(leftovers, 1, "nothing but the key file");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
    let output = script.run(&["pulse"]);
    assert!(text(&output.stderr).contains("chmod 600"), "{output:?}");
}

#[test]
fn every_failure_says_what_to_do() {
    let script = Script::new("failures");
    let fails = |arguments: &[&str], code: i32, expected: &str| {
        let output = script.run(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(expected) && said.trim_end().lines().count() == 1, "{arguments:?}: {said}");
    };
    fails(&["pulse"], 1, "rendezvous client register");
    fails(&["status", "nonsense"], 2, "nonsense");
    std::fs::write(script.key_file(), "{}").unwrap();
    std::fs::set_permissions(script.key_file(), PermissionsExt::from_mode(0o600)).unwrap();
    fails(&["pulse"], 1, "no credentials");
    assert!(script.run(&["register", "--force"]).status.success());
    fails(&["address"], 1, "did not pulse yet");
    fails(&["status", &"0".repeat(32)], 1, "no such peer");
    let key = script.key_file();
    let kept = std::fs::read(&key).unwrap();
    assert!(script.run(&["logout"]).status.success());
    std::fs::write(&key, kept).unwrap();
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    let output = script.run(&["pulse"]);
    assert_eq!(
        (output.status.code(), text(&output.stdout).starts_with("1060")),
        (Some(1), true),
        "{output:?}"
    );
    fails(&["status"], 1, "does not know this client");
    assert!(script.run(&["logout"]).status.success(), "who is forgotten is logged out");
}

#[test]
fn run_stays_reachable_prints_events_and_stays_registered() {
    let script = Script::new("run");
    let mut command = script.command(&["run", "--json"]);
    let mut running = OwnedChild::spawn({
        command.stdout(Stdio::piped());
        command
    });
    let lines = BufReader::new(running.take_stdout()).lines();
    let mut events = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let first = events.next().unwrap();
    assert_eq!(first["event"], "registered");
    let names: Vec<Value> = events.by_ref().take(2).map(|event| event["event"].clone()).collect();
    assert_eq!(names, ["online", "address_changed"]);
    assert_eq!(script.json(&["status"])["client_id"], first["client_id"], "the key file is its");
    running.signal(Signal::SIGTERM);
    assert!(running.wait().success());
    assert_eq!(script.json(&["status"])["status"], "ONLINE");
}
