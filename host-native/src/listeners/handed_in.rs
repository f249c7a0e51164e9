//! Sockets that were bound before the process was started, and handed to it: socket activation, as systemd does it.

use std::io;

use socket2::{Domain, Protocol, Socket, Type};

use super::{BindError, UDP_RECEIVE_BUFFER, enlarge_receive_buffer, receive_buffer};
use crate::{sys, udp};

/// The sockets, by what they are for.
#[derive(Debug, Default)]
pub(super) struct HandedIn {
    pub(super) udp: Vec<Socket>,
    pub(super) http: Vec<Socket>,
    pub(super) admin: Vec<Socket>,
}

impl HandedIn {
    /// Takes those that this process was started with. Mostly there are none.
    ///
    /// # Errors
    /// [`BindError::HandedIn`] if one is not what its name says.
    pub(super) fn take() -> Result<Self, BindError> {
        let mut taken = Self::default();
        for (name, socket) in sys::inherited().map_err(|error| BindError::HandedIn(error.to_string()))? {
            let (all, kind) = match name.as_str() {
                "udp" => (&mut taken.udp, Type::DGRAM),
                "http" => (&mut taken.http, Type::STREAM),
                "admin" => (&mut taken.admin, Type::STREAM),
                _ => {
                    let what = format!(
                        "what is {name:?} for? Name sockets udp, http or admin (FileDescriptorName=)"
                    );
                    return Err(BindError::HandedIn(what));
                }
            };
            let socket = Socket::from(socket);
            let wrong = |what: &str| BindError::HandedIn(format!("the one named {name}: {what}"));
            if !is_fit(&socket, kind).map_err(|error| wrong(&error.to_string()))? {
                return Err(wrong(if kind == Type::DGRAM {
                    "it is no bound UDP socket"
                } else {
                    "it is no listening TCP socket"
                }));
            }
            prepare(&socket, kind).map_err(|error| wrong(&error.to_string()))?;
            all.push(socket);
        }
        Ok(taken)
    }
}

/// Whether clients can reach the server by this socket, which need not even be one.
fn is_fit(socket: &Socket, kind: Type) -> io::Result<bool> {
    let internet = [Some(Domain::IPV4), Some(Domain::IPV6)].contains(&socket.domain().ok());
    if !internet || socket.r#type()? != kind {
        return Ok(false);
    }
    if kind == Type::STREAM {
        return Ok(socket.protocol()? == Some(Protocol::TCP) && socket.is_listener()?);
    }
    let bound = socket.local_addr()?.as_socket().is_some_and(|address| address.port() != 0);
    Ok(socket.protocol()? == Some(Protocol::UDP) && bound)
}

/// Sets what is set for sockets of our own, too, but for what has to be before they are bound.
fn prepare(socket: &Socket, kind: Type) -> io::Result<()> {
    if kind == Type::DGRAM {
        // Whoever bound it may have been allowed more than we are.
        if receive_buffer(socket) < UDP_RECEIVE_BUFFER {
            enlarge_receive_buffer(socket)?;
        }
        if let Some(address) = socket.local_addr()?.as_socket()
            && address.ip().is_unspecified()
        {
            udp::ask_for_local_addresses(socket, address)?;
        }
    }
    socket.set_nonblocking(true)
}
