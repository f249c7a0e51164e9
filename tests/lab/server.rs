//! The server in a namespace, and what it says about its clients.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::shell::Namespace;

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    url: String,
    address: Ipv4Addr,
}

impl Server {
    /// Starts one there, with these flags beside, and waits until it takes requests.
    pub(crate) fn start(host: &Namespace, program: &Path, address: Ipv4Addr, flags: &[&str]) -> Self {
        let mut command = host.command(program);
        command.args([format!("--udp-listen={address}:5024"), format!("--http-listen={address}:5025")]);
        command.args(["--admin-listen=127.0.0.1:0", "--no-limits", "--log-level=error"]).args(flags);
        if !flags.iter().any(|flag| flag.starts_with("--store")) {
            command.arg("--store=memory:");
        }
        let child = command.stdout(Stdio::null()).spawn().expect("the program starts");
        let begun = Instant::now();
        while host.within(move || std::net::TcpStream::connect((address, 5025)).is_err()) {
            assert!(begun.elapsed() < Duration::from_secs(20), "the server does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, url: format!("http://{address}:5025"), address }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn address(&self) -> Ipv4Addr {
        self.address
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(id), signal).expect("it is there");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
