//! What the reference model says that a client gets to see.

use std::net::{IpAddr, SocketAddr};

/// What a client gets to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing goes out.
    Silence,
    /// A datagram with a code.
    Code {
        /// Where to.
        to: SocketAddr,
        /// 1020, 1050 or 1060.
        number: u16,
    },
    /// 200 to a registration.
    Registered {
        /// Who is registered.
        client: u16,
        /// In Unix seconds.
        timestamp: u64,
    },
    /// A registration under an id that a live client has.
    Taken,
    /// 200 to a verify.
    Verified {
        /// Who verified.
        client: u16,
        /// In Unix seconds.
        timestamp: u64,
    },
    /// 200 to a logout.
    LoggedOut {
        /// Who logged out.
        client: u16,
    },
    /// 200 to a lookup of an address.
    Address {
        /// Whose.
        peer: u16,
        /// The address.
        host: IpAddr,
        /// Its port.
        port: u16,
        /// In seconds.
        last_online: Option<u64>,
        /// In Unix seconds.
        timestamp: u64,
    },
    /// 200 to a lookup of a status.
    Status {
        /// Whose.
        peer: u16,
        /// As printed.
        status: &'static str,
        /// In seconds.
        last_online: Option<u64>,
        /// In Unix seconds.
        timestamp: u64,
    },
    /// A request fails.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The machine-readable code.
        code: &'static str,
    },
}
