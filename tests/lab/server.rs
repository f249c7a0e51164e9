//! The server in a namespace.

use std::net::Ipv4Addr;
use std::path::Path;

use nix::sys::signal::Signal;
use rendezvous_model::size::tell;
use rendezvous_tests::process::Process;

use crate::shell::Namespace;

/// Running server. Dropping this kills the process and prints the errors in its log.
#[derive(Debug)]
pub(crate) struct Server {
    process: Process,
    address: Ipv4Addr,
}

impl Server {
    /// Starts a server there, with these flags beside, and waits for the ready line.
    pub(crate) fn start(host: &Namespace, program: &Path, address: Ipv4Addr, flags: &[&str]) -> Self {
        let mut command = host.command(program);
        command.args([format!("--udp-listen={address}:5024"), format!("--http-listen={address}:5025")]);
        command.args(flags);
        Self { process: Process::start_with(command), address }
    }

    pub(crate) fn url(&self) -> &str {
        self.process.target().http()
    }

    pub(crate) fn address(&self) -> Ipv4Addr {
        self.address
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for line in self.process.log().iter().filter(|line| line["level"] == "ERROR") {
            tell(&line.to_string());
        }
    }
}
