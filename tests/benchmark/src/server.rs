//! The server under load: the real program, started here, and what to send to it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use nix::sys::signal::Signal;
use rendezvous_tests::local::reachable;
use rendezvous_tests::process::{self, Process as Launched};
use serde_json::Value;

use crate::exchange::Exchange;
use crate::outcome::{Outcome, failure};
use crate::system::{Process, System, on_cores};

/// A private key.
pub(crate) type Key = [u8; 32];

/// Answer to a pulse that is on time: 1020.
pub(crate) const ON_TIME: [u8; 2] = [0x03, 0xFC];

/// Answer to a pulse of an unknown client: 1060.
pub(crate) const UNKNOWN: [u8; 2] = [0x04, 0x24];

/// A timing with which no client is late or expires while a benchmark runs.
pub(crate) const PATIENT: [&str; 2] = ["--pulse-interval=1h", "--error-time=2h"];

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

/// Log of a server.
pub(crate) struct Log(Arc<process::Log>);

/// Pulses of registered clients.
pub(crate) struct Pulses(pub(crate) Arc<[Key]>);

impl Server {
    /// Starts the program on these cores with these flags, on free ports and without a store unless they say otherwise, and waits
    /// until it is ready.
    ///
    /// # Errors
    /// If it does not become ready: with its log.
    pub(crate) fn start(program: &Path, cores: &[usize], flags: &[&str]) -> Outcome<Self> {
        let mut command = Command::new(program);
        on_cores(cores, command.args(flags).stdin(Stdio::null()))?;
        let launched = Launched::launch(command)?;
        let (udp, http) = (launched.target().udp(), reachable(launched.http()[0]));
        let (child, log) = launched.into_parts();
        Ok(Self { process: Process(child), udp, http, log: Log(log) })
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
        self.0.wait_for("stopped").ok_or_else(|| failure("the server does not stop"))
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
