//! `rendezvous connect`: the pipe, and what it says.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command, Stdio};

use nix::sys::signal::Signal;
use rendezvous_tests::local::LocalServer;
use rendezvous_tests::process::{OwnedChild, command, run_to_end};
use serde_json::Value;

/// A running `rendezvous connect --json`.
struct Running {
    child: OwnedChild,
    input: Option<ChildStdin>,
    output: ChildStdout,
    events: std::io::Lines<BufReader<ChildStderr>>,
}

impl Running {
    fn start(server: &LocalServer, arguments: &[&str]) -> Self {
        let mut command = connect(server, arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = OwnedChild::spawn(command);
        let (input, output) = (child.take_stdin(), child.take_stdout());
        let events = BufReader::new(child.take_stderr()).lines();
        Self { child, input: Some(input), output, events }
    }

    fn event(&mut self, name: &str) -> Value {
        for line in self.events.by_ref() {
            let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
            if event["event"] == name {
                return event;
            }
        }
        panic!("no {name}");
    }

    fn id(&mut self) -> String {
        self.event("registered")["client_id"].as_str().unwrap().to_owned()
    }

    fn write(&mut self, bytes: &[u8]) {
        self.input.as_mut().unwrap().write_all(bytes).unwrap();
    }

    fn read(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.output.read_exact(&mut bytes).unwrap();
        bytes
    }
}

fn connect(server: &LocalServer, arguments: &[&str]) -> Command {
    let mut command = command();
    command.args(["connect", "--json", "--server", server.target().http()]).args(arguments);
    command
}

#[test]
fn two_that_tell_each_other_their_ids_are_piped_together() {
    let server = LocalServer::with_default_timing();
    let watcher = server.target().register();
    let quits = ["--quit-after-eof", "200ms"];
    let (mut a, mut b) = (Running::start(&server, &quits), Running::start(&server, &quits));
    let (a_id, b_id) = (a.id(), b.id());
    // What follows the id belongs to the peer, if it comes in the same write, too.
    a.write(format!("{b_id}\nfrom a").as_bytes());
    b.write(format!("{}\n", a_id.to_uppercase()).as_bytes());
    let connected = a.event("connected");
    assert_eq!(connected["peer"], b_id.as_str());
    assert!(connected["millis"].as_u64().is_some() && connected["address"].is_string());
    assert_eq!(b.read(6), b"from a");
    b.write(b"from b\0\xff");
    assert_eq!(a.read(8), b"from b\0\xff");
    // One read of 1200 bytes is one datagram, and one datagram is one write.
    a.write(&[7; 2400]);
    assert_eq!(b.read(2400), [7; 2400]);
    (a.input, b.input) = (None, None);
    for (one, id) in [(&mut a, a_id), (&mut b, b_id)] {
        assert!(one.child.wait().success());
        one.event("logged_out");
        watcher.address_of(id.parse().unwrap()).assert_problem(404, "unknown_peer");
    }
}

#[test]
fn who_does_not_answer_needs_a_relay_and_that_is_code_3() {
    let server = LocalServer::with_default_timing();
    let peer = server.target().register();
    peer.pulse();
    let mut one = Running::start(&server, &[&peer.id().to_string(), "--wait", "4s"]);
    let failed = one.event("failed");
    assert_eq!((failed["relay_needed"].as_bool(), failed["reason"].as_str()), (Some(true), Some("silent")));
    assert!(failed["detail"].as_str().unwrap().contains("relay"), "{failed}");
    assert!(failed["millis"].as_u64().unwrap() < 4_000, "{failed}");
    assert_eq!(one.child.wait().code(), Some(3));
}

#[test]
fn a_peer_that_is_not_there_or_no_peer_is_code_1() {
    let server = LocalServer::with_default_timing();
    let mut one = Running::start(&server, &[&"7".repeat(32), "--wait", "1s"]);
    let failed = one.event("failed");
    assert_eq!(
        (failed["relay_needed"].as_bool(), failed["reason"].as_str()),
        (Some(false), Some("not_found"))
    );
    assert_eq!(one.child.wait().code(), Some(1));

    let mut one = Running::start(&server, &[]);
    let id = one.id();
    one.write(format!("{id}\n").as_bytes());
    assert_eq!(one.event("failed")["reason"], "myself");
    assert_eq!(one.child.wait().code(), Some(1));

    let mut one = Running::start(&server, &[]);
    one.id();
    one.write(b"what?\n");
    assert_eq!(one.child.wait().code(), Some(1));
    let rest: Vec<String> = one.events.map_while(Result::ok).collect();
    assert!(rest.last().unwrap().contains("32 hex digits, and is \"what?\""), "{rest:?}");

    let output = run_to_end(connect(&server, &["nonsense"]));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_server_that_is_not_there_is_said_after_the_wait() {
    let mut command = command();
    command.args(["connect", "--server", "http://127.0.0.1:9", "--wait", "1s"]).stdin(Stdio::null());
    let output = run_to_end(command);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot be reached") && said.contains("refused"), "{said}");
}

#[test]
fn sigterm_logs_out() {
    let server = LocalServer::with_default_timing();
    let watcher = server.target().register();
    let mut one = Running::start(&server, &[]);
    let id = one.id();
    one.child.signal(Signal::SIGTERM);
    assert!(one.child.wait().success());
    watcher.address_of(id.parse().unwrap()).assert_problem(404, "unknown_peer");
}
