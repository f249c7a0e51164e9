//! A server in the test's own process, on ports of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rendezvous_native::settings::{Exit, from_args};
use rendezvous_native::store::Pace;
use rendezvous_native::{Listeners, Node, Settings, serve};
use tokio::sync::oneshot;

use crate::disk::SimulatedDisk;
use crate::target::Target;

/// Short enough that a client's whole life takes a second and a half, long enough to act on either side of each
/// deadline.
pub const SHORT_TIMING: [&str; 3] = ["--pulse-interval=500ms", "--pulse-grace=100ms", "--error-time=900ms"];

/// The running server. Dropping it stops it.
#[derive(Debug)]
pub struct LocalServer {
    target: Target,
    admin: Target,
    node: Arc<Node>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl LocalServer {
    /// Starts a server on loopback with the timing of the specification: for what does not wait for a deadline.
    pub fn with_default_timing() -> Self {
        Self::with(&[])
    }

    /// Starts a server with these flags, on loopback unless they say otherwise, without a store unless they name one, and without
    /// limits but for those that they give (all defaults with `--no-limits=false`).
    pub fn with(flags: &[&str]) -> Self {
        Self::start(flags, |settings, port| {
            Node::open(settings, port).unwrap_or_else(|error| panic!("{error}"))
        })
    }

    /// Starts a server on loopback that keeps its clients on this disk, with the timing of the specification.
    pub fn on(disk: &SimulatedDisk) -> Self {
        Self::start(&["--udp-listen=127.0.0.1:0"], |settings, port| {
            Node::open_on(Arc::new(disk.clone()), Pace::default(), settings, port)
                .unwrap_or_else(|error| panic!("{error}"))
        })
    }

    fn start(flags: &[&str], open: impl FnOnce(&Settings, u16) -> Node) -> Self {
        let mut args =
            [&["rendezvous", "--http-listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0"], flags].concat();
        if !flags.iter().any(|flag| flag.starts_with("--udp-listen")) {
            args.push("--udp-listen=127.0.0.1:0");
        }
        if !flags.iter().any(|flag| flag.starts_with("--store")) {
            args.push("--store=memory:");
        }
        if !flags.iter().any(|flag| flag.starts_with("--no-limits")) {
            args.push("--no-limits");
        }
        let settings = from_args(args).unwrap_or_else(|exit| match exit {
            Exit::Help(text) => panic!("{text}"),
            Exit::Invalid(error) => panic!("{error}"),
        });
        let listeners = Listeners::bind(&settings).expect("free ports");
        let udp = listeners.udp_addresses().expect("bound sockets")[0];
        let http = listeners.http_addresses().expect("bound sockets")[0];
        let admin = listeners.admin_addresses().expect("bound sockets")[0];
        let node = Arc::new(open(&settings, udp.port()));
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = Arc::clone(&node);
        let thread = thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let shutdown = async { drop(stopped.await) };
            runtime.block_on(serve(serving, listeners, shutdown)).expect("the server runs");
        });
        let target = Target::new(format!("http://{http}"), reachable(udp));
        let admin = Target::new(format!("http://{admin}"), admin);
        Self { target, admin, node, stop: Some(stop), thread: Some(thread) }
    }

    /// How to reach it.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// How its operator reaches it, over HTTP.
    pub fn admin(&self) -> &Target {
        &self.admin
    }

    /// What is inside.
    pub fn node(&self) -> &Node {
        &self.node
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        self.stop.take();
        let ended = self.thread.take().map(JoinHandle::join);
        if !thread::panicking() {
            assert!(matches!(ended, Some(Ok(()))), "the server stops without a panic");
        }
    }
}

/// An address at which a listener on `bound` can be reached from this machine.
pub fn reachable(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        ip if !ip.is_unspecified() => ip,
        ip if ip.is_ipv4() => [127, 0, 0, 1].into(),
        _ => std::net::Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, bound.port())
}
