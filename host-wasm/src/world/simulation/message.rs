//! What is under way between clients and server: datagrams, and HTTP requests and their answers as values.

use std::net::{Ipv4Addr, SocketAddrV4};

use rendezvous_protocol::PulseCode;
use rendezvous_protocol::punch::Probe;

use crate::world::{Action, Payload};

/// Where the server takes pulses (RFC 5737's addresses for documentation).
pub(super) const SERVER_UDP: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 5024);
/// Where the server takes requests.
pub(super) const SERVER_HTTP: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 5025);

/// Something under way.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// Which one it is: they are counted from 1.
    pub(super) number: u64,
    /// The client that sent it; `None` is the server.
    pub(super) from: Option<u16>,
    /// Where it comes from, as the public network sees it.
    pub(super) source: SocketAddrV4,
    /// Where it goes to.
    pub(super) destination: SocketAddrV4,
    /// What it is.
    pub(super) content: Content,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    /// The key of a client.
    Pulse { key_of: u16 },
    /// Bytes that mean nothing.
    Noise(Payload),
    /// The server's answer to a pulse or to noise.
    Code(PulseCode),
    /// A request over HTTP.
    Request { number: u32, caller: u16, asked: Asked },
    /// The answer to it.
    Answer { client: u16, number: u32, asked: Asked, heard: Heard },
    /// From one client to another: can you hear me? Or: I can.
    Probe(Probe),
}

/// What a client asks the server for over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Register,
    Verify,
    Logout,
    LookUp(u16),
    Status(u16),
}

impl Asked {
    /// The same as something that happens to the server. Whoever asks has shown the key of `caller`.
    pub(super) fn of(self, caller: u16) -> Action {
        match self {
            Self::Register => Action::Register { client: caller },
            Self::Verify => Action::Verify { client: caller },
            Self::Logout => Action::Logout { client: caller },
            Self::LookUp(peer) => Action::LookUp { client: caller, peer: Some(peer) },
            Self::Status(peer) => Action::Status { client: caller, peer: Some(peer) },
        }
    }
}

/// What a client hears of a request of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// 200.
    Ok,
    /// 200, and where the peer is.
    Address(SocketAddrV4),
    /// That key is registered already.
    Taken,
    /// An error, with this HTTP status.
    Refused(u16),
    /// Nothing: the connection was refused.
    NoConnection,
}
