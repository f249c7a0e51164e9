//! The load: datagrams and requests, in a closed or an open loop, from the one core that is the load's.
//!
//! It never sleeps. So no system pays for waking it, and the time from an answer to its receipt is the same for all.

use std::net::{SocketAddr, UdpSocket};

use nix::sys::socket::{setsockopt, sockopt};

use crate::outcome::Outcome;

mod closed;
mod connections;
mod once;
mod open;

pub(crate) use closed::{ClosedLoop, Pause, SINGLE, STEADY, Shape, Slice, WINDOW};
pub(crate) use connections::{Connections, Question};
pub(crate) use once::{pulse_from, pulse_once};
pub(crate) use open::{OpenLoop, Plan, Seen};

/// A cheap generator of numbers that look random (xorshift64*), so that the load is dear to no one but the server.
pub(crate) struct Random(u64);

impl Random {
    /// The same numbers every time.
    pub(crate) fn new() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }

    /// The next number.
    pub(crate) fn draw(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        // The upper half of a product is spread as evenly as its factor.
        ((u128::from(self.draw()) * limit as u128) >> 64) as usize
    }
}

/// A socket of a client, connected to `address`.
///
/// # Errors
/// What the system says.
pub(crate) fn socket_to(address: SocketAddr) -> Outcome<UdpSocket> {
    let socket = UdpSocket::bind(if address.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" })?;
    socket.connect(address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// A socket from which more is sent than from a client's, and whose answers nobody reads.
///
/// # Errors
/// What the system says.
pub(crate) fn flooding_socket_to(address: SocketAddr) -> Outcome<UdpSocket> {
    let socket = socket_to(address)?;
    // What the server answers is thrown away soon, and costs no more than that.
    setsockopt(&socket, sockopt::RcvBuf, &0)?;
    Ok(socket)
}
