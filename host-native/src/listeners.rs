//! Binding: all sockets or none, before anything is served.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::files::{OPERATORS, connections_that_fit};
use crate::http::Options;
use crate::settings::{ConnectionLimits, Proxies};
use crate::tls::{Tls, TlsError};
use crate::{Settings, udp};

mod handed_in;

use handed_in::HandedIn;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Room for pulses that wait while a busy machine runs something else, in bytes as the kernel is asked for them: it
/// doubles them, and then holds 10,000 pulses (measured). It gives less where `net.core.rmem_max` is less.
pub(crate) const UDP_RECEIVE_BUFFER: usize = 4 << 20;

/// The bound sockets of one server.
#[derive(Debug)]
pub struct Listeners {
    /// For each address as many sockets as there are threads for it. If it was handed in, that is one socket, so many times.
    pub(crate) udp: Vec<Vec<Arc<UdpSocket>>>,
    pub(crate) http: Vec<TcpListener>,
    pub(crate) admin: Vec<TcpListener>,
    /// In bytes, as the kernel was asked for them.
    pub(crate) smallest_receive_buffer: usize,
    /// How connections of clients are treated.
    pub(crate) public: Arc<Options>,
    /// How connections of operators are treated.
    pub(crate) operators: Arc<Options>,
}

/// Why there are no listeners. Printed it is one line.
#[derive(Debug)]
pub enum BindError {
    /// An address cannot be listened on.
    Address {
        /// `udp`, `http` or `admin`.
        transport: &'static str,
        /// Which one.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// A socket that was handed to the process cannot be listened on: which one, and why.
    HandedIn(String),
    /// The certificate or its key cannot be used.
    Tls(TlsError),
}

impl From<TlsError> for BindError {
    fn from(error: TlsError) -> Self {
        Self::Tls(error)
    }
}

impl Listeners {
    /// Reads the certificate, if there is one, and binds every address that `settings` name.
    ///
    /// An IPv6 wildcard takes IPv4 too, unless an IPv4 address with the same port is asked for beside it. Where sockets were handed
    /// to the process (`LISTEN_FDS`, with the names `udp`, `http` and `admin`), these are taken instead of the addresses in `settings`.
    ///
    /// # Errors
    /// [`BindError`] names the file or the socket that is of no use, or the first address that could not be bound; no socket is left
    /// bound then.
    pub fn bind(settings: &Settings) -> Result<Self, BindError> {
        let tls = settings.tls.as_ref().map(Tls::read).transpose()?.map(Arc::new);
        let handed_in = HandedIn::take()?;
        let threads = settings.udp_threads.get();
        let udp: Vec<Vec<Arc<UdpSocket>>> = if handed_in.udp.is_empty() {
            let first = bind_all("udp", &settings.udp_listen, Type::DGRAM, Protocol::UDP)?;
            (first.into_iter().zip(&settings.udp_listen))
                .map(|(socket, &address)| {
                    let sockets = share(socket, threads);
                    let sockets =
                        sockets.map_err(|error| BindError::Address { transport: "udp", address, error })?;
                    Ok(sockets.into_iter().map(|socket| Arc::new(socket.into())).collect())
                })
                .collect::<Result<_, BindError>>()?
        } else {
            // Others cannot share its port unless it was bound that way. Threads can share it.
            handed_in
                .udp
                .into_iter()
                .map(|socket| {
                    let socket = Arc::new(UdpSocket::from(socket));
                    vec![socket; threads]
                })
                .collect()
        };
        let tcp = |transport, handed_in: Vec<Socket>, addresses| {
            if handed_in.is_empty() {
                bind_all(transport, addresses, Type::STREAM, Protocol::TCP)
            } else {
                Ok(handed_in)
            }
        };
        let http = tcp("http", handed_in.http, &settings.http_listen)?;
        let admin = tcp("admin", handed_in.admin, &settings.admin_listen)?;
        let sockets = udp.iter().flatten().count() + http.len() + admin.len();
        let limits = settings.connections;
        let public = Options {
            limits: ConnectionLimits { total: connections_that_fit(limits.total, sockets), ..limits },
            proxies: settings.proxies.clone(),
            tls,
        };
        let operators = Options {
            limits: ConnectionLimits { total: OPERATORS, per_address: OPERATORS, ..limits },
            proxies: Proxies::default(),
            tls: None,
        };
        let granted = udp.iter().flatten().map(receive_buffer);
        Ok(Self {
            smallest_receive_buffer: granted.min().unwrap_or(0),
            udp,
            http: http.into_iter().map(TcpListener::from).collect(),
            admin: admin.into_iter().map(TcpListener::from).collect(),
            public: Arc::new(public),
            operators: Arc::new(operators),
        })
    }

    /// The addresses of the UDP sockets, with the ports that the system chose.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn udp_addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.udp.iter().filter_map(|sockets| sockets.first()).map(|socket| socket.local_addr()).collect()
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
        match self {
            Self::Address { transport, address, error } => {
                write!(f, "cannot listen on {transport} {address} (--{transport}-listen): {error}")
            }
            Self::Tls(error) => error.fmt(f),
            Self::HandedIn(what) => {
                write!(f, "cannot listen on the sockets that were handed in (LISTEN_FDS): {what}")
            }
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Address { error, .. } => Some(error),
            Self::Tls(error) => Some(error),
            Self::HandedIn(_) => None,
        }
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
            bind(address, only_v6, kind, protocol).map_err(|error| BindError::Address {
                transport,
                address,
                error,
            })
        })
        .collect()
}

/// Adds sockets that share the port of this one, until there are `count`. The kernel deals each client's datagrams to one of
/// them.
fn share(first: Socket, count: usize) -> io::Result<Vec<Socket>> {
    let mut sockets = vec![];
    if count > 1 {
        // Only now that it has the port: so the port is refused to whoever does not have it yet, another server that
        // would share it, too.
        first.set_reuse_port(true)?;
        let address = first.local_addr()?.as_socket().ok_or(io::ErrorKind::Unsupported)?;
        let only_v6 = address.is_ipv6() && first.only_v6()?;
        for _ in 1..count {
            let socket = unbound(address, only_v6, Type::DGRAM, Protocol::UDP)?;
            socket.set_reuse_port(true)?;
            socket.bind(&address.into())?;
            sockets.push(socket);
        }
    }
    sockets.insert(0, first);
    Ok(sockets)
}

fn bind(address: SocketAddr, only_v6: bool, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = unbound(address, only_v6, kind, protocol)?;
    if kind == Type::STREAM {
        // A restart must not wait for the last run's connections to time out.
        socket.set_reuse_address(true)?;
    }
    socket.bind(&address.into())?;
    if kind == Type::STREAM {
        socket.listen(BACKLOG)?;
    }
    Ok(socket)
}

fn unbound(address: SocketAddr, only_v6: bool, kind: Type, protocol: Protocol) -> io::Result<Socket> {
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
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Asks for [`UDP_RECEIVE_BUFFER`]; who may (`CAP_NET_ADMIN`) gets it whatever the system's limit is.
fn enlarge_receive_buffer(socket: &Socket) -> io::Result<()> {
    if setsockopt(socket, sockopt::RcvBufForce, &UDP_RECEIVE_BUFFER).is_err() {
        socket.set_recv_buffer_size(UDP_RECEIVE_BUFFER)?;
    }
    Ok(())
}

/// The size of a socket's receive buffer, as the kernel was asked for it.
fn receive_buffer(socket: &impl AsFd) -> usize {
    // Linux gives what it may and doubles it for its own needs (socket(7), SO_RCVBUF).
    SockRef::from(socket).recv_buffer_size().unwrap_or(0) / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::from_args;

    fn settings(udp: &str, threads: usize) -> Settings {
        let args = ["rendezvous", "--http-listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0"];
        let more = [format!("--udp-listen={udp}"), format!("--udp-threads={threads}")];
        from_args(args.into_iter().map(String::from).chain(more)).unwrap_or_else(|_| panic!("valid settings"))
    }

    #[test]
    fn an_address_has_a_socket_for_each_thread() {
        for address in ["127.0.0.1:0", "0.0.0.0:0"] {
            let listeners = Listeners::bind(&settings(address, 3)).unwrap();
            let bound = listeners.udp_addresses().unwrap();
            assert_eq!((bound.len(), listeners.udp[0].len()), (1, 3));
            assert!(listeners.udp[0].iter().all(|socket| socket.local_addr().unwrap() == bound[0]));
        }
    }

    #[test]
    fn a_port_that_threads_share_is_not_shared_with_another_server() {
        let first = Listeners::bind(&settings("127.0.0.1:0", 2)).unwrap();
        let taken = first.udp_addresses().unwrap()[0].to_string();
        for threads in [1, 2] {
            let error = Listeners::bind(&settings(&taken, threads)).unwrap_err();
            assert!(error.to_string().starts_with(&format!("cannot listen on udp {taken}")), "{error}");
        }
    }
}
