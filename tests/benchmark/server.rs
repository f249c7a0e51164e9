//! The server under load: the real program, started here, and what to send to it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::exchange::Exchange;
use crate::outcome::{Outcome, failure};
use crate::system::{Process, System};

/// A private key.
pub(crate) type Key = [u8; 32];

/// What a pulse that is on time is answered with: 1020.
pub(crate) const ON_TIME: [u8; 2] = [0x03, 0xFC];

/// What a pulse of a client that is not known is answered with: 1060.
pub(crate) const UNKNOWN: [u8; 2] = [0x04, 0x24];

/// A timing with which nobody is late or forgotten while a benchmark runs.
pub(crate) const PATIENT: [&str; 2] = ["--pulse-interval=1h", "--error-time=2h"];

/// How long the server may take to be ready.
const PATIENCE: Duration = Duration::from_secs(20);

/// The running server. Dropping it kills it.
pub(crate) struct Server {
    /// Its process.
    pub(crate) process: Process,
    /// Where it takes pulses.
    pub(crate) udp: SocketAddr,
    /// Where it takes requests.
    pub(crate) http: SocketAddr,
    log: Log,
}

/// What a server has to say.
pub(crate) struct Log(Receiver<String>);

/// Pulses of registered clients.
pub(crate) struct Pulses(pub(crate) Arc<[Key]>);

impl Server {
    /// Starts the program on these cores with these flags, on free ports and without a store unless they say otherwise, and waits
    /// until it is ready.
    ///
    /// # Errors
    /// If it does not become ready: with the last line that it wrote.
    pub(crate) fn start(program: &Path, cores: &[usize], flags: &[&str]) -> Outcome<Self> {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("RENDEZVOUS_") {
                command.env_remove(name);
            }
        }
        for name in ["--udp-listen", "--http-listen", "--admin-listen"] {
            if !flags.iter().any(|flag| flag.starts_with(name)) {
                command.arg(format!("{name}=127.0.0.1:0"));
            }
        }
        if !flags.iter().any(|flag| flag.starts_with("--store")) {
            command.arg("--store=memory:");
        }
        // The load comes from one address.
        command
            .args(flags)
            .arg("--no-limits")
            .arg("--log-format=json")
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = Process::start_on(cores, &mut command)?;
        let stderr = process.child().stderr.take().ok_or_else(|| failure("the server has no log"))?;
        let (sender, log) = mpsc::channel();
        // It reads on when nobody is interested any more: a full pipe would stop the server.
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let (mut udp, mut http, mut last) = (None, None, String::from("nothing"));
        loop {
            let line = match log.recv_timeout(PATIENCE) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    return Err(failure(format!("the server does not get ready; it said: {last}")));
                }
            };
            let entry: Value = serde_json::from_str(&line).unwrap_or_default();
            let message = entry["message"].as_str().unwrap_or_default();
            let address = entry["address"].as_str().and_then(|text| text.parse().ok()).map(reachable);
            if message.contains("(udp)") {
                udp = udp.or(address);
            } else if message.contains("(http)") {
                http = http.or(address);
            } else if message.starts_with("ready")
                && let (Some(udp), Some(http)) = (udp, http)
            {
                return Ok(Self { process, udp, http, log: Log(log) });
            }
            last = line;
        }
    }

    /// Stops the server, waits until it is gone, and returns what it says last.
    ///
    /// # Errors
    /// If it does not stop in time, or not in good order.
    pub(crate) fn stop(self) -> Outcome<Value> {
        let Self { mut process, log, .. } = self;
        let said = log.stop(&process)?;
        process.wait()?;
        Ok(said)
    }

    /// This server as a system that answers the pulses of these clients.
    pub(crate) fn into_system(self, name: &str, keys: &Arc<[Key]>) -> System {
        self.into_system_and_log(name, keys).0
    }

    /// The same, and its log.
    pub(crate) fn into_system_and_log(self, name: &str, keys: &Arc<[Key]>) -> (System, Log) {
        let Self { process, udp, http: _, log } = self;
        let exchange = Box::new(Pulses(Arc::clone(keys)));
        (System { name: name.into(), process, address: udp, exchange, clients: keys.len() }, log)
    }
}

impl Log {
    /// Stops the server, and returns what it says last: how many clients it had then, among others.
    ///
    /// # Errors
    /// If it does not stop in time.
    pub(crate) fn stop(self, process: &Process) -> Outcome<Value> {
        process.signal(Signal::SIGTERM)?;
        loop {
            let line = self.0.recv_timeout(PATIENCE).map_err(|_| failure("the server does not stop"))?;
            let entry: Value = serde_json::from_str(&line).unwrap_or_default();
            if entry["message"] == "stopped" {
                return Ok(entry);
            }
        }
    }
}

impl Exchange for Pulses {
    fn request(&self, client: usize, request: &mut Vec<u8>) {
        request.clear();
        request.extend(self.0[client]);
    }

    fn is_right(&self, answer: &[u8]) -> bool {
        answer == ON_TIME
    }
}

/// Where to reach a server that listens here: a wildcard address cannot be sent to.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip([127, 0, 0, 1].into());
    }
    address
}
