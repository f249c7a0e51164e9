//! A UDP socket that answers from the local address it was asked at.
//!
//! On a wildcard address a machine with several addresses would else answer from the one that routing prefers, and
//! the client's NAT would not let that through. So the kernel is asked for the destination of each datagram
//! (`IP_PKTINFO`, RFC 3542 section 6.1), and told to send the answer from there.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::libc::{in_pktinfo, in6_pktinfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt, sockopt,
};

#[derive(Debug)]
pub(super) struct PulseSocket {
    socket: UdpSocket,
    /// Bound to a wildcard: the local address differs from datagram to datagram, and the kernel tells it.
    wildcard: bool,
}

/// A datagram that was received, and all that is needed to answer it.
pub(super) struct Arrival {
    /// Its length, or the buffer's if that is shorter.
    pub(super) len: usize,
    pub(super) source: SocketAddr,
    /// The source as the kernel gave it: with the flow label and scope of IPv6.
    raw_source: SockaddrStorage,
    local: Option<Local>,
}

/// The local address that a datagram reached.
enum Local {
    V4(in_pktinfo),
    V6(in6_pktinfo),
}

/// Asks the kernel for the local address of each datagram: for a socket that will be bound to a wildcard.
pub(crate) fn ask_for_local_addresses(socket: &impl AsFd, address: SocketAddr) -> io::Result<()> {
    match address.ip() {
        IpAddr::V4(_) => setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?,
        IpAddr::V6(_) => setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?,
    }
    Ok(())
}

impl PulseSocket {
    pub(super) fn new(socket: UdpSocket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        Ok(Self { socket, wildcard: address.ip().is_unspecified() })
    }

    /// Room for what the kernel says about a datagram; to be used again and again.
    pub(super) fn control_buffer() -> Vec<u8> {
        cmsg_space!(in_pktinfo, in6_pktinfo)
    }

    /// Takes one datagram, or fails with `EAGAIN` if none is waiting.
    pub(super) fn receive(&self, payload: &mut [u8], control: &mut [u8]) -> Result<Arrival, Errno> {
        let mut buffers = [IoSliceMut::new(payload)];
        let control = self.wildcard.then_some(control);
        let message = recvmsg::<SockaddrStorage>(
            self.socket.as_raw_fd(),
            &mut buffers,
            control,
            MsgFlags::MSG_DONTWAIT,
        )?;
        let raw_source = message.address.ok_or(Errno::EPROTO)?;
        Ok(Arrival {
            len: message.bytes,
            source: socket_addr(&raw_source).ok_or(Errno::EAFNOSUPPORT)?,
            raw_source,
            local: if self.wildcard { message.cmsgs()?.find_map(Local::of) } else { None },
        })
    }

    /// Sends `payload` to where `arrival` came from, from where it reached us.
    pub(super) fn reply(&self, arrival: &Arrival, payload: &[u8]) -> Result<(), Errno> {
        let control = match &arrival.local {
            Some(Local::V4(info)) => &[ControlMessage::Ipv4PacketInfo(info)][..],
            Some(Local::V6(info)) => &[ControlMessage::Ipv6PacketInfo(info)],
            None => &[],
        };
        let buffers = [IoSlice::new(payload)];
        let flags = MsgFlags::MSG_DONTWAIT;
        sendmsg(self.socket.as_raw_fd(), &buffers, control, flags, Some(&arrival.raw_source)).map(|_| ())
    }
}

impl AsFd for PulseSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Local {
    fn of(message: ControlMessageOwned) -> Option<Self> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "a socket is only told what it asked for")]
        match message {
            ControlMessageOwned::Ipv4PacketInfo(mut info) => {
                // `ipi_spec_dst` is the local address. The route back need not be the interface it came by.
                info.ipi_ifindex = 0;
                Some(Self::V4(info))
            }
            ControlMessageOwned::Ipv6PacketInfo(mut info) => {
                let address = Ipv6Addr::from(info.ipi6_addr.s6_addr);
                if address.is_multicast() {
                    // Not an address to send from; let routing choose.
                    return None;
                }
                if !address.is_unicast_link_local() {
                    info.ipi6_ifindex = 0;
                }
                Some(Self::V6(info))
            }
            _ => None,
        }
    }
}

fn socket_addr(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|&v4| SocketAddr::V4(v4.into()));
    v4.or_else(|| address.as_sockaddr_in6().map(|&v6| SocketAddr::V6(v6.into())))
}
