//! The server from its first line to its last.

use std::io;
use std::sync::Arc;

use rendezvous_protocol::Millis;

use crate::housekeeping::Housekeeping;
use crate::settings::{Settings, Store};
use crate::udp::UdpThreads;
use crate::{Listeners, Node, http};

/// Serves on `listeners` until `shutdown` completes, then finishes the requests under way, and returns.
///
/// Pulses are answered for as long as requests are.
///
/// # Errors
/// If a thread cannot be started, or a socket cannot be handed to the runtime.
pub async fn run(
    listeners: Listeners,
    settings: &Settings,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let udp_port = listeners.udp_addresses()?.first().map_or(0, std::net::SocketAddr::port);
    let node = Arc::new(Node::new(settings, udp_port));
    announce(&listeners, settings)?;
    serve(node, listeners, shutdown).await
}

/// Like [`run`], with a node that the caller made and can look into.
///
/// # Errors
/// As [`run`].
pub async fn serve(
    node: Arc<Node>,
    listeners: Listeners,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let housekeeping = Housekeeping::start(Arc::clone(&node))?;
    let udp = UdpThreads::start(&node, listeners.udp)?;
    http::serve(Arc::clone(&node), listeners.http, shutdown).await?;
    drop(udp);
    drop(housekeeping);
    let stats = node.stats();
    tracing::info!(clients = stats.records, registered = stats.counters.registered, "stopped");
    Ok(())
}

/// What an operator wants to know first: where, what with, and how strict.
fn announce(listeners: &Listeners, settings: &Settings) -> io::Result<()> {
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "rendezvous server");
    for address in listeners.udp_addresses()? {
        tracing::info!(%address, "listening for pulses (udp)");
    }
    for address in listeners.http_addresses()? {
        tracing::info!(%address, "listening for requests (http)");
    }
    match settings.store {
        Store::Memory => {
            tracing::info!(store = %settings.store, "clients are kept in memory: a restart forgets them");
        }
    }
    let human = |millis: Millis| humantime::format_duration(millis.into()).to_string();
    tracing::info!(
        pulse_interval = human(settings.timing.pulse_interval()),
        pulse_grace = human(settings.timing.pulse_grace()),
        error_time = human(settings.timing.error_time()),
        "ready: silent clients are PENDING after {} and gone after {}",
        human(settings.timing.late_after()),
        human(settings.timing.gone_after()),
    );
    Ok(())
}
