//! The real program as a client in a namespace, and the lines of JSON that it prints.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::shell::Namespace;

/// A running client. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Peer {
    child: Child,
    events: Arc<Mutex<Vec<Value>>>,
}

impl Peer {
    /// `rendezvous connect` with these arguments; it waits for a peer's id on its standard input.
    pub(crate) fn connect(namespace: &Namespace, program: &Path, arguments: &[&str]) -> Self {
        let mut command = namespace.command(program);
        command.args(["connect", "--json"]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::start(command, |child| Box::new(child.stderr.take().expect("a pipe")))
    }

    /// `rendezvous client run` with these arguments.
    pub(crate) fn stay(namespace: &Namespace, program: &Path, arguments: &[&str]) -> Self {
        let mut command = namespace.command(program);
        command.args(["client", "run", "--json"]).args(arguments).stdout(Stdio::piped());
        Self::start(command, |child| Box::new(child.stdout.take().expect("a pipe")))
    }

    fn start(mut command: Command, lines: impl FnOnce(&mut Child) -> Box<dyn Read + Send>) -> Self {
        let mut child = command.spawn().expect("the program starts");
        let events = Arc::new(Mutex::new(vec![]));
        let (lines, read) = (lines(&mut child), Arc::clone(&events));
        thread::spawn(move || {
            for line in BufReader::new(lines).lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or(Value::String(line));
                read.lock().expect("no panic").push(event);
            }
        });
        Self { child, events }
    }

    /// What it has said so far.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.events.lock().expect("no panic").clone()
    }

    /// The first event of one of these names, as soon as it is there.
    ///
    /// # Errors
    /// All that it said, if it is not there in time.
    pub(crate) fn wait_for(&self, names: &[&str], patience: Duration) -> Result<Value, String> {
        let begun = Instant::now();
        loop {
            let events = self.events();
            if let Some(event) = events.iter().find(|event| names.iter().any(|name| event["event"] == *name))
            {
                return Ok(event.clone());
            }
            if begun.elapsed() > patience {
                return Err(format!("none of {names:?} in {events:?}"));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Its id, once it has one.
    ///
    /// # Errors
    /// All that it said, if it has none within 20 s.
    pub(crate) fn id(&self) -> Result<String, String> {
        let event = self.wait_for(&["registered"], Duration::from_secs(20))?;
        Ok(event["client_id"].as_str().unwrap_or_default().to_owned())
    }

    /// Writes to its standard input.
    pub(crate) fn say(&mut self, text: &str) {
        let input = self.child.stdin.as_mut().expect("a pipe");
        // One that has ended says why in its events.
        let _ = input.write_all(text.as_bytes()).and_then(|()| input.flush());
    }

    /// Its standard input and output, to be used directly.
    pub(crate) fn pipes(&mut self) -> (ChildStdin, ChildStdout) {
        (self.child.stdin.take().expect("a pipe"), self.child.stdout.take().expect("a pipe"))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(id), signal).expect("it is there");
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// If it does not within the time.
    pub(crate) fn end(&mut self, patience: Duration) -> Result<ExitStatus, String> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return Ok(status);
            }
            if begun.elapsed() > patience {
                return Err(format!("it does not end: {:?}", self.events()));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
