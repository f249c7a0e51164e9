//! Commands of the system, and code that runs inside a network namespace.

use std::fs::File;
use std::io::Write;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sched::{CloneFlags, setns};

/// What every namespace of the laboratory begins with; then comes the process that made it.
const PREFIX: &str = "rzvlab";

/// A network namespace. Dropping it removes it, and with it every interface and rule in it.
#[derive(Debug)]
pub(crate) struct Namespace(String);

impl Namespace {
    /// A new one; `name` must be another each time.
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("{PREFIX}-{}-{name}", std::process::id());
        ip(&["netns", "add", &name]);
        let namespace = Self(name);
        namespace.ip(&["link", "set", "lo", "up"]);
        namespace
    }

    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    /// `ip` in it.
    pub(crate) fn ip(&self, arguments: &[&str]) {
        ip(&[&["-n", &self.0], arguments].concat());
    }

    /// Lets `work` run in it, on a thread of its own: sockets that it makes stay in it.
    pub(crate) fn within<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let path = format!("/run/netns/{}", self.0);
        let thread = std::thread::spawn(move || {
            let namespace = File::open(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
            setns(&namespace, CloneFlags::CLONE_NEWNET).expect("root may enter");
            work()
        });
        thread.join().expect("it does not panic")
    }

    /// A UDP socket in it that waits a little for datagrams.
    pub(crate) fn socket(&self, address: SocketAddr) -> UdpSocket {
        let socket = self.within(move || UdpSocket::bind(address).expect("the address is there"));
        socket.set_read_timeout(Some(Duration::from_millis(300))).expect("possible");
        socket
    }

    /// Adds a chain of rules to its table.
    pub(crate) fn chain(&self, name: &str, kind: &str, rules: &[&str]) {
        let rules: String = rules.iter().map(|rule| format!("add rule ip nat {name} {rule}\n")).collect();
        self.rules(&format!("add table ip nat\nadd chain ip nat {name} {{ type {kind}; }}\n{rules}"));
    }

    /// Loads rules for nftables.
    pub(crate) fn rules(&self, rules: &str) {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0, "nft", "-f", "-"]).stdin(Stdio::piped());
        let mut child = command.spawn().expect("ip runs");
        child.stdin.take().expect("a pipe").write_all(rules.as_bytes()).expect("nft reads");
        assert!(child.wait().expect("a child").success(), "nft does not take {rules}");
    }

    /// Reads or sets what is under /proc/sys/net.
    pub(crate) fn sysctl(&self, path: &str, value: Option<&str>) -> String {
        let path = format!("/proc/sys/net/{path}");
        let value = value.map(ToOwned::to_owned);
        self.within(move || {
            if let Some(value) = value {
                std::fs::write(&path, value).unwrap_or_else(|error| panic!("{path}: {error}"));
            }
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}")).trim().to_owned()
        })
    }

    /// A program in it.
    pub(crate) fn command(&self, program: &std::path::Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0]).arg(program);
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

/// Removes what an earlier laboratory left that was killed.
pub(crate) fn remove_leftovers() {
    let Ok(entries) = std::fs::read_dir("/run/netns") else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let maker = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').nth(1)?.parse::<u32>().ok());
        if maker.is_some_and(|pid| !std::path::Path::new(&format!("/proc/{pid}")).exists()) {
            let _ = Command::new("ip").args(["netns", "del", &name]).status();
        }
    }
}

/// `ip` with these arguments, which must work.
pub(crate) fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output().expect("ip runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {}: {said}", arguments.join(" "));
}
