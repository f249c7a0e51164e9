//! The one UDP socket: addresses go in and out in their canonical form, whatever family it has.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use rendezvous_protocol::canonical_address;
use tokio::net::UdpSocket;

/// Longer than any datagram.
pub(super) const BUFFER: usize = 65_536;

/// A bound socket.
#[derive(Clone, Debug)]
pub(super) struct Socket {
    socket: Arc<UdpSocket>,
    is_v6: bool,
}

impl Socket {
    /// Binds to `address`, or else to any port of the family that the server has.
    pub(super) async fn bind(address: Option<SocketAddr>, server: IpAddr) -> io::Result<Self> {
        let any = match server {
            IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            IpAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let address = address.unwrap_or(any);
        let socket = Arc::new(UdpSocket::bind(address).await?);
        Ok(Self { socket, is_v6: address.is_ipv6() })
    }

    pub(super) fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Whether it can send there.
    pub(super) fn reaches(&self, address: IpAddr) -> bool {
        address.is_ipv4() || self.is_v6
    }

    pub(super) async fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.socket.send_to(bytes, self.of_family(to)).await
    }

    pub(super) async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (len, from) = self.socket.recv_from(buffer).await?;
        Ok((len, canonical_address(from)))
    }

    /// What has arrived already, if anything.
    pub(super) fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (len, from) = self.socket.try_recv_from(buffer)?;
        Ok((len, canonical_address(from)))
    }

    fn of_family(&self, to: SocketAddr) -> SocketAddr {
        match to {
            SocketAddr::V4(v4) if self.is_v6 => (v4.ip().to_ipv6_mapped(), v4.port()).into(),
            SocketAddr::V4(_) | SocketAddr::V6(_) => to,
        }
    }
}

/// From which of this machine's addresses a datagram to `server` would go out now; `None` if there is no way. Nothing is sent.
pub(super) fn way_out(server: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = std::net::UdpSocket::bind((any, 0)).ok()?;
    socket.connect(server).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}
