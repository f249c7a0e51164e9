//! The server from its first line to its last.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::{fmt, io};

use rendezvous_protocol::Millis;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;

use crate::housekeeping::Housekeeping;
use crate::http::routes::Routes;
use crate::http::{HttpServer, Options, admin};
use crate::listeners::UDP_RECEIVE_BUFFER;
use crate::settings::{Settings, Store};
use crate::store::Unwritten;
use crate::supervisor::{self, Watchdog};
use crate::tls::Tls;
use crate::udp::UdpThreads;
use crate::{Listeners, Node};

/// Serves the clients of `node` on `listeners` until `shutdown` completes, then finishes the requests that were begun, writes what
/// is still to be written to the store, and returns.
///
/// Pulses are answered for as long as requests are, and so is the operator. A supervisor that wants to be told (sd_notify(3)) is
/// told when clients are served, that all is well, and when that ends.
///
/// # Errors
/// [`RunError`]
pub async fn run(
    node: Node,
    listeners: Listeners,
    settings: &Settings,
    shutdown: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let (udp, http) = (listeners.udp_addresses()?, listeners.http_addresses()?);
    let admin = listeners.admin_addresses()?;
    let receive_buffer = listeners.smallest_receive_buffer;
    let public = Arc::clone(&listeners.public);
    // Without TLS, too: or else the signal would end the process.
    let hangup = signal(SignalKind::hangup())?;
    let node = Arc::new(node);
    let running = Running::start(Arc::clone(&node), listeners, settings.simulator.as_deref())?;
    let clients = node.stats().records;
    announce(&udp, &http, &admin, settings, clients);
    supervisor::ready(&format!("serving, with {clients} clients from the store {}", settings.store));
    if receive_buffer < UDP_RECEIVE_BUFFER {
        tracing::warn!(
            given_bytes = receive_buffer,
            wanted_bytes = UDP_RECEIVE_BUFFER,
            "a small receive buffer loses pulses while the machine is busy: raise net.core.rmem_max"
        );
    }
    warn_of_what_is_open(&http, settings, &public);
    tokio::select! {
        () = shutdown => {}
        () = reload_when_told(hangup, public.tls.as_deref()) => {}
    }
    // Whoever routes clients is to look elsewhere before anything ends.
    node.note_draining();
    supervisor::stopping();
    Ok(running.stop().await?)
}

/// Like [`run`], with a node that the caller can look into, and without announcing itself.
///
/// # Errors
/// As [`run`].
pub async fn serve(
    node: Arc<Node>,
    listeners: Listeners,
    shutdown: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let running = Running::start(node, listeners, None)?;
    shutdown.await;
    Ok(running.stop().await?)
}

/// Why a server did not run to a good end.
#[derive(Debug)]
pub enum RunError {
    /// A thread could not be started, or a socket not be handed to the runtime. Nothing was served.
    Start(io::Error),
    /// It served, and its store lacks something of the last moments.
    Unwritten(Unwritten),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => error.fmt(f),
            Self::Unwritten(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RunError {}

impl From<io::Error> for RunError {
    fn from(error: io::Error) -> Self {
        Self::Start(error)
    }
}

impl From<Unwritten> for RunError {
    fn from(error: Unwritten) -> Self {
        Self::Unwritten(error)
    }
}

/// Everything that runs.
struct Running {
    node: Arc<Node>,
    http: HttpServer,
    admin: HttpServer,
    udp: UdpThreads,
    housekeeping: Housekeeping,
}

impl Running {
    fn start(node: Arc<Node>, listeners: Listeners, simulator: Option<&Path>) -> io::Result<Self> {
        let udp: Vec<_> = listeners.udp.into_iter().flatten().collect();
        Ok(Self {
            housekeeping: Housekeeping::start(Arc::clone(&node), udp.clone(), Watchdog::from_environment())?,
            udp: UdpThreads::start(&node, udp)?,
            http: HttpServer::start(
                Routes::new(Arc::clone(&node)),
                listeners.http,
                listeners.public,
                Arc::clone(node.connections()),
            )?,
            admin: HttpServer::start(
                admin::router(Arc::clone(&node), simulator),
                listeners.admin,
                listeners.operators,
                Arc::default(),
            )?,
            node,
        })
    }

    async fn stop(self) -> Result<(), Unwritten> {
        self.http.stop().await;
        // Until now it said that the server is not ready.
        self.admin.stop().await;
        drop(self.udp);
        drop(self.housekeeping);
        let node = Arc::clone(&self.node);
        // Elsewhere: on a disk that hangs it takes for ever, and whoever waits for this may lose patience.
        let closed = spawn_blocking(move || node.close()).await.expect("closing a node does not panic");
        let stats = self.node.stats();
        let (clients, registered, kernel_drops, store_syncs) =
            (stats.records, stats.counters.registered, stats.kernel_drops, stats.store.syncs);
        tracing::info!(clients, registered, kernel_drops, store_syncs, "stopped");
        closed
    }
}

/// Reads the certificate again at each SIGHUP. If it cannot be used, the last one stays in use.
async fn reload_when_told(mut hangup: Signal, tls: Option<&Tls>) {
    while hangup.recv().await.is_some() {
        match tls.map(Tls::reload) {
            None => tracing::info!("SIGHUP: there is nothing to read again"),
            Some(Ok(())) => {
                tracing::info!("SIGHUP: new connections get the certificate that was read just now");
            }
            Some(Err(error)) => tracing::error!("SIGHUP: the certificate in use stays in use: {error}"),
        }
    }
}

/// What an operator may not have thought of.
fn warn_of_what_is_open(http: &[SocketAddr], settings: &Settings, public: &Options) {
    if settings.tls.is_none()
        && !settings.allow_plain_http
        && http.iter().any(|address| !address.ip().is_loopback())
    {
        tracing::warn!(
            "requests come over plain HTTP, so keys cross the network in clear: give --tls-cert and --tls-key, or, if a proxy \
             encrypts or the network is yours alone, --allow-plain-http"
        );
    }
    let (most, wanted) = (public.limits.total, settings.connections.total);
    if most < wanted && wanted != NonZeroUsize::MAX {
        tracing::warn!(
            most,
            wanted,
            "the system allows fewer connections than --max-connections: raise its limit of open files (LimitNOFILE)"
        );
    }
}

/// What an operator wants to know first: where, what with, and how strict.
fn announce(
    udp: &[SocketAddr],
    http: &[SocketAddr],
    admin: &[SocketAddr],
    settings: &Settings,
    clients: usize,
) {
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "rendezvous server");
    for address in udp {
        tracing::info!(%address, "listening for pulses (udp)");
    }
    for address in http {
        tracing::info!(%address, "listening for requests (http)");
    }
    for address in admin {
        tracing::info!(%address, "listening for the operator (admin)");
        if settings.simulator.is_some() {
            tracing::info!("the simulator is at http://{address}/simulator/");
        }
    }
    match &settings.store {
        Store::Memory => {
            tracing::info!(store = %settings.store, "clients are kept in memory: a restart forgets them");
        }
        Store::Redb(_) => {
            tracing::info!(store = %settings.store, clients, "clients are kept in a file: a restart loses none");
        }
        Store::Shared(_) => {
            let (prefix, replicas) = (&settings.shared.prefix, settings.shared.replicas);
            tracing::info!(store = %settings.store, prefix, replicas, clients, "clients are kept in a store that nodes share");
        }
    }
    let human = |millis: Millis| humantime::format_duration(millis.into()).to_string();
    let list = |addresses: &[SocketAddr]| {
        let texts: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        texts.join(",")
    };
    // The ready line, in which launchers find the addresses.
    tracing::info!(
        udp = list(udp),
        http = list(http),
        admin = list(admin),
        pulse_interval = human(settings.timing.pulse_interval()),
        pulse_grace = human(settings.timing.pulse_grace()),
        error_time = human(settings.timing.error_time()),
        "ready: silent clients are PENDING after {} and gone after {}",
        human(settings.timing.late_after()),
        human(settings.timing.gone_after()),
    );
}
