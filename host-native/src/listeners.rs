//! Binding: all sockets or none, before anything is served.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

use crate::{Settings, udp};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Room for pulses that wait while a busy machine runs something else, in bytes as the kernel is asked for them: it
/// doubles them, and then holds 10,000 pulses (measured). It gives less where `net.core.rmem_max` is less.
pub(crate) const UDP_RECEIVE_BUFFER: usize = 4 << 20;

/// The bound sockets of one server.
#[derive(Debug)]
pub struct Listeners {
    pub(crate) udp: Vec<UdpSocket>,
    pub(crate) http: Vec<TcpListener>,
    pub(crate) admin: Vec<TcpListener>,
    /// In bytes, as the kernel was asked for them.
    pub(crate) smallest_receive_buffer: usize,
}

/// An address that cannot be listened on.
#[derive(Debug)]
pub struct BindError {
    transport: &'static str,
    address: SocketAddr,
    error: io::Error,
}

impl Listeners {
    /// Binds every address that `settings` name.
    ///
    /// An IPv6 wildcard takes IPv4 too, unless an IPv4 address with the same port is asked for beside it.
    ///
    /// # Errors
    /// [`BindError`] names the first address that could not be bound; no socket is left bound then.
    pub fn bind(settings: &Settings) -> Result<Self, BindError> {
        let udp = bind_all("udp", &settings.udp_listen, Type::DGRAM, Protocol::UDP)?;
        let http = bind_all("http", &settings.http_listen, Type::STREAM, Protocol::TCP)?;
        let admin = bind_all("admin", &settings.admin_listen, Type::STREAM, Protocol::TCP)?;
        // Linux gives what it may and doubles it for its own needs (socket(7), SO_RCVBUF).
        let granted = udp.iter().map(|socket| socket.recv_buffer_size().unwrap_or(0) / 2);
        Ok(Self {
            smallest_receive_buffer: granted.min().unwrap_or(0),
            udp: udp.into_iter().map(UdpSocket::from).collect(),
            http: http.into_iter().map(TcpListener::from).collect(),
            admin: admin.into_iter().map(TcpListener::from).collect(),
        })
    }

    /// The addresses of the UDP sockets, with the ports that the system chose.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn udp_addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.udp.iter().map(UdpSocket::local_addr).collect()
    }

    /// The addresses of the HTTP sockets, with the ports that the system chose.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn http_addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.http.iter().map(TcpListener::local_addr).collect()
    }

    /// The addresses of the operator's HTTP sockets, with the ports that the system chose.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn admin_addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.admin.iter().map(TcpListener::local_addr).collect()
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transport, address, error } = self;
        write!(f, "cannot listen on {transport} {address} (--{transport}-listen): {error}")
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

fn bind_all(
    transport: &'static str,
    addresses: &[SocketAddr],
    kind: Type,
    protocol: Protocol,
) -> Result<Vec<Socket>, BindError> {
    addresses
        .iter()
        .map(|&address| {
            let only_v6 = addresses
                .iter()
                .any(|other| other.is_ipv4() && other.port() == address.port() && other.port() != 0);
            bind(address, only_v6, kind, protocol).map_err(|error| BindError { transport, address, error })
        })
        .collect()
}

fn bind(address: SocketAddr, only_v6: bool, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    if kind == Type::DGRAM {
        enlarge_receive_buffer(&socket)?;
        if address.ip().is_unspecified() {
            // Before it is bound: the very first datagram must have it.
            udp::ask_for_local_addresses(&socket, address)?;
        }
    }
    if kind == Type::STREAM {
        // A restart must not wait for the last run's connections to time out.
        socket.set_reuse_address(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    if kind == Type::STREAM {
        socket.listen(BACKLOG)?;
    }
    Ok(socket)
}

/// Asks for [`UDP_RECEIVE_BUFFER`]; who may (`CAP_NET_ADMIN`) gets it whatever the system's limit is.
fn enlarge_receive_buffer(socket: &Socket) -> io::Result<()> {
    if setsockopt(socket, sockopt::RcvBufForce, &UDP_RECEIVE_BUFFER).is_err() {
        socket.set_recv_buffer_size(UDP_RECEIVE_BUFFER)?;
    }
    Ok(())
}
