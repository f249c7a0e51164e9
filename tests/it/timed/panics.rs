//! A panic anywhere ends the process: a server that is half alive would be worse. `tests/examples/panics.rs` has the bugs.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rendezvous_tests::process::{OwnedChild, example};
use rendezvous_tests::timing::attempt;

/// How long the end may take, from the panic on.
const BAR: Duration = Duration::from_secs(1);

#[test]
fn a_panic_in_any_thread_ends_the_process_and_says_where_it_was() {
    for (what, says) in [
        ("store", "planted in a write"),
        ("thread", "(a message made at run time)"),
        ("task", "planted in a task"),
    ] {
        attempt("a_panic_in_any_thread_ends_the_process_and_says_where_it_was", || {
            let (mut logs, theirs) = UnixStream::pair().unwrap();
            let took = panic_of(what, theirs.into());
            println!("{what}: ended {took:?} after the panic");
            assert!(took < BAR, "{what}: {took:?}");
            let mut log = String::new();
            logs.read_to_string(&mut log).unwrap();
            let lines: Vec<serde_json::Value> =
                log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let last = lines.last().unwrap();
            assert_eq!(last["message"], "a bug: the process ends", "{log}");
            assert_eq!(last["bug"], says, "{log}");
            assert!(last["place"].as_str().unwrap().contains("panics.rs:"), "{log}");
            // The message was put together at run time, so it could have been a key.
            assert!(!log.contains("fedcba98"), "{log}");
        });
    }
}

#[test]
fn a_log_that_nobody_reads_does_not_keep_a_panic_from_ending_the_process() {
    attempt("a_log_that_nobody_reads_does_not_keep_a_panic_from_ending_the_process", || {
        // One that is full, and stays so: whoever writes to it waits. The first lines of the server have to get through.
        let (logs, mut theirs) = UnixStream::pair().unwrap();
        let clone: OwnedFd = theirs.try_clone().unwrap().into();
        let took = panic_when("thread", clone, |_| {
            // What is set here is set for the server's end, too.
            theirs.set_nonblocking(true).unwrap();
            while theirs.write(&[b'x'; 4096]).is_ok() {}
            while theirs.write(b"x").is_ok() {}
            theirs.set_nonblocking(false).unwrap();
        });
        println!("ended {took:?} after the panic");
        assert!(took < BAR, "{took:?}");
        drop(logs);
    });
}

fn panic_of(what: &str, log: OwnedFd) -> Duration {
    panic_when(what, log, |_| {})
}

/// Runs the program with this bug, and says how long it took from then on until it was dead. It must have ended itself. `serving` is
/// called while it still serves.
fn panic_when(what: &str, log: OwnedFd, serving: impl FnOnce(&mut OwnedChild)) -> Duration {
    let mut command = Command::new(example("panics"));
    command.arg(what).stdout(Stdio::piped()).stderr(log);
    let mut child = OwnedChild::spawn(command);
    let mut output = BufReader::new(child.take_stdout());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "serving\n");
    serving(&mut child);
    output.read_line(&mut line).unwrap();
    let panicked = Instant::now();
    assert_eq!(line, "serving\nnow\n");
    let status = child.wait();
    assert_eq!(status.signal(), Some(Signal::SIGABRT as i32), "{status}");
    panicked.elapsed()
}
