//! Whether the laboratory's NATs are what they are called: looked at with plain sockets, before anything else is.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use rendezvous_model::size::tell;

use crate::net::{Internet, Nat};
use crate::shell::Namespace;

/// What something depends on, in the words of RFC 4787.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dependence {
    Endpoint,
    Address,
    AddressAndPort,
}

/// Looks at one NAT of each kind.
pub(crate) fn all_are_what_they_are_called(
    internet: &Internet,
    server: &Namespace,
    addresses: [Ipv4Addr; 2],
) {
    use Dependence::{Address, AddressAndPort, Endpoint};
    for (nat, mapping, filtering) in [
        (Nat::FullCone, Endpoint, Endpoint),
        (Nat::AddressRestricted, Endpoint, Address),
        (Nat::PortRestricted, Endpoint, AddressAndPort),
        (Nat::Symmetric, AddressAndPort, AddressAndPort),
        (Nat::Double, Endpoint, AddressAndPort),
    ] {
        let place = internet.place(&format!("b{}", nat as u8), nat);
        let ports = [7001, 7002];
        let [here, here_too] = ports.map(|port| server.socket((addresses[0], port).into()));
        let there = server.socket((addresses[1], ports[0]).into());
        let to = |socket: &UdpSocket| socket.local_addr().expect("bound");

        let client = place.host.socket(([0, 0, 0, 0], 0).into());
        let seen = [&here, &here_too, &there].map(|socket| {
            client.send_to(b"?", to(socket)).expect("sent");
            let from = receive(socket).expect("a datagram gets out");
            assert_eq!(from.ip(), place.public, "{nat}");
            from.port()
        });
        let mapped = if seen[0] == seen[1] && seen[1] == seen[2] {
            Endpoint
        } else if seen[0] == seen[1] {
            Address
        } else {
            AddressAndPort
        };
        assert_eq!(mapped, mapping, "{nat}: the mapping, by the ports {seen:?}");

        let client = place.host.socket(([0, 0, 0, 0], 0).into());
        client.send_to(b"?", to(&here)).expect("sent");
        let mapped = receive(&here).expect("a datagram gets out");
        let comes_through = |socket: &UdpSocket| {
            socket.send_to(b"!", mapped).expect("sent");
            receive(&client).is_some()
        };
        assert!(comes_through(&here), "{nat}: an answer comes through");
        let filtered = match (comes_through(&there), comes_through(&here_too)) {
            (true, _) => Endpoint,
            (false, true) => Address,
            (false, false) => AddressAndPort,
        };
        assert_eq!(filtered, filtering, "{nat}: the filtering");
        tell(&format!(
            "{nat:<20} mapping {mapping:?}-dependent, filtering {filtering:?}-dependent, as it should be"
        ));
    }
}

fn receive(socket: &UdpSocket) -> Option<SocketAddr> {
    socket.recv_from(&mut [0; 8]).ok().map(|(_, from)| from)
}
