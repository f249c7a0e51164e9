//! Nodes with a store, and what is in it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rendezvous_native::Node;
use rendezvous_native::settings::{Settings, from_args};
use rendezvous_native::store::{Medium, Pace, StoreError};
use rendezvous_protocol::{ClientId, Pulse, PulseCode, Rejection, Response};
use rendezvous_tests::disk::{Image, SimulatedDisk};

/// What is known of a client: `None` if there is no such client, `Some(None)` if it has no address.
pub(crate) type Known = Option<Option<SocketAddr>>;

/// Changes are written when the node is closed, and nothing is cleared away.
pub(crate) const LAZY: Pace = Pace { write_behind: Duration::from_secs(3600), slack: u64::MAX / 4 };

/// The settings that these flags make.
pub(crate) fn settings(flags: &[&str]) -> Settings {
    let args = [&["rendezvous", "--store=memory:"], flags].concat();
    let Ok(settings) = from_args(args) else { panic!("valid settings") };
    settings
}

/// A node with the timing of the specification.
pub(crate) fn open(disk: &SimulatedDisk, pace: Pace) -> Result<Node, StoreError> {
    open_medium(Arc::new(disk.clone()), pace)
}

pub(crate) fn open_medium(medium: Arc<dyn Medium>, pace: Pace) -> Result<Node, StoreError> {
    Node::open_on(medium, pace, &settings(&[]), 5024)
}

/// A node on a disk of its own that holds this.
pub(crate) fn open_image(image: Image) -> Result<Node, StoreError> {
    open(&SimulatedDisk::holding(image), LAZY)
}

/// Registers a client, and waits until it is on the disk.
pub(crate) fn register(node: &Node) -> Result<ClientId, Rejection> {
    Ok(node.register()?.wait()?.client_id)
}

/// Logs a client out, and waits until the disk no longer has it.
pub(crate) fn log_out(node: &Node, id: ClientId) -> Result<(), Rejection> {
    node.logout(id)?.wait().map(drop)
}

/// Pulses as this client.
pub(crate) fn pulse(node: &Node, id: ClientId, source: SocketAddr) -> PulseCode {
    let mut codes = vec![];
    node.pulses(&[Pulse { id, source }], &mut codes);
    codes[0]
}

/// Looks a client up, in its own name.
pub(crate) fn look_up(node: &Node, id: ClientId) -> Known {
    match node.peer_address(id, Some(id)) {
        Ok(Response::PeerAddress { client_id, address, .. }) if client_id == id => Some(Some(address)),
        Err(Rejection::AddressUnknown) => Some(None),
        Err(Rejection::UnknownClient) => None,
        other => panic!("a lookup of {id} finds {other:?}"),
    }
}

/// The address of client number `n`, which no other has.
pub(crate) fn address(n: usize) -> SocketAddr {
    let [_, _, high, low] = u32::try_from(n).unwrap().to_be_bytes();
    ([192, 0, high, low], 4000).into()
}
