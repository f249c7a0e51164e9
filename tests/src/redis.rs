//! Real Redis servers on loopback, one or a cluster, that end with the test.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::directory::Directory;
use crate::process::OwnedChild;
use crate::timing::eventually;
use rendezvous_model::size;

/// How long a server may take to start, and a cluster to form.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether there is a `redis-server`. `tests/run` installs it; a bare `cargo test` works without, and says what it leaves out.
pub fn is_there() -> bool {
    let there = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_ok();
    assert!(there || std::env::var_os("RENDEZVOUS_TESTS_NEED_REDIS").is_none(), "redis-server is missing");
    if !there {
        size::tell("left out: there is no redis-server to test with");
    }
    there
}

/// A server of its own.
#[derive(Debug)]
pub struct RedisServer {
    child: OwnedChild,
    port: u16,
    directory: Directory,
    options: Vec<String>,
}

impl RedisServer {
    /// Starts one that keeps nothing.
    pub fn start() -> Self {
        Self::with(&["--save", "", "--appendonly", "no"])
    }

    /// Starts one that has written each change to its disk before it answers.
    pub fn durable() -> Self {
        Self::with(&["--save", "", "--appendonly", "yes", "--appendfsync", "always"])
    }

    /// Starts one with these options beside the port and the folder.
    pub fn with(options: &[&str]) -> Self {
        let port = free_port();
        let directory = Directory::new(&format!("redis-{port}"));
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let child = spawn(port, directory.path(), &options);
        let server = Self { child, port, directory, options };
        server.wait();
        server
    }

    /// Kills it, as a power failure would.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.child.wait();
    }

    /// Starts it again where it was, after it was killed.
    pub fn start_again(&mut self) {
        self.child = spawn(self.port, self.directory.path(), &self.options);
        self.wait();
    }

    fn wait(&self) {
        let what = format!("start of the redis-server at port {}", self.port);
        eventually(PATIENCE, &what, || self.cli(&["PING"]).contains("PONG"));
    }

    /// Its port on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// For `--store`.
    pub fn address(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.child.signal(signal);
    }

    /// What it says to a command.
    pub fn cli(&self, arguments: &[&str]) -> String {
        cli(self.port, arguments)
    }
}

/// Three primaries, each with a replica.
#[derive(Debug)]
pub struct RedisCluster {
    /// All six.
    pub servers: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts it, and waits until it serves. A machine that is busy is no reason to replace a primary.
    pub fn start() -> Self {
        Self::with_node_timeout(15_000)
    }

    /// Starts one that replaces a primary that was silent for so many milliseconds.
    pub fn with_node_timeout(millis: u32) -> Self {
        let millis = millis.to_string();
        let options = [
            "--save",
            "",
            "--appendonly",
            "no",
            "--cluster-enabled",
            "yes",
            "--cluster-node-timeout",
            &millis,
        ];
        let servers: Vec<_> = (0..6).map(|_| RedisServer::with(&options)).collect();
        let addresses: Vec<_> = servers.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect();
        let mut create = Command::new("redis-cli");
        create.args(["--cluster", "create"]).args(&addresses).args([
            "--cluster-replicas",
            "1",
            "--cluster-yes",
        ]);
        let output = create.output().expect("redis-cli runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let ready = |server: &RedisServer| {
            server.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
                && !server.cli(&["INFO", "replication"]).contains("master_link_status:down")
        };
        eventually(PATIENCE, "a cluster that serves", || servers.iter().all(ready));
        Self { servers }
    }

    /// For `--store`: two of them are enough to find the rest.
    pub fn address(&self) -> String {
        let [first, second] = [0, 1].map(|index| self.servers[index].port);
        format!("redis+cluster://127.0.0.1:{first},127.0.0.1:{second}")
    }
}

fn spawn(port: u16, folder: &Path, options: &[String]) -> OwnedChild {
    let mut command = Command::new("redis-server");
    command
        .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--loglevel", "warning", "--dir"])
        .arg(folder);
    command.args(options).stdout(Stdio::null()).stderr(Stdio::null());
    OwnedChild::spawn(command)
}

fn cli(port: u16, arguments: &[&str]) -> String {
    let output = Command::new("redis-cli").args(["-p", &port.to_string()]).args(arguments).output();
    String::from_utf8_lossy(&output.expect("redis-cli runs").stdout).into_owned()
}

/// One whose bus port, 10,000 higher, is free as well. Neither is among those that the system gives to whoever asks for any: a server
/// that is started again wants the same.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = std::process::id().wrapping_mul(64).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 12_000 + (number % 10_000) as u16;
        let free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        if free(port) && free(port + 10_000) {
            return port;
        }
    }
}
