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
