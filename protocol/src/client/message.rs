//! What a client machine wants of its host, and what it tells it.

use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::{ClientId, Millis, Timing};

/// What the host is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a pulse: the 32 bytes of the key of the current registration, to the server's UDP address.
    Pulse {
        /// So many times it was sent before, and had no answer.
        repeats: u32,
    },
    /// Ask the server over HTTP, and hand the answer to [`super::Client::handle_answer`] with this number. It need not be
    /// handed in if there is none: the machine gives up after [`super::REQUEST_TIMEOUT`].
    Request {
        /// Which one it is: no two of a client have the same.
        number: u32,
        /// What to ask.
        request: Request,
    },
    /// Nothing comes back from where the server was: look its name up again, and if it is somewhere else, say so
    /// ([`super::Client::network_changed`]).
    Resolve,
}

/// A request of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// `POST /register`.
    Register,
    /// `POST /verify`.
    Verify,
    /// `POST /logout`.
    Logout,
    /// `GET /peer/{client_id}/udp` with the client's own id: where the server sees it.
    OwnAddress,
}

/// What the server says to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 200 to `POST /register`. The host keeps the key that came with it, in place of the one before.
    Registered {
        /// The new id.
        id: ClientId,
        /// How this server wants pulses.
        timing: Timing,
    },
    /// 200 to `POST /verify` or `POST /logout`.
    Done,
    /// 200 to `GET /peer/{client_id}/udp`.
    Address(SocketAddr),
    /// 401 `unknown_client`: the server does not know the key.
    Unknown,
    /// Any other answer: the server is there, but does not do it now.
    Refused {
        /// The answer's `Retry-After`.
        retry_after: Option<Millis>,
    },
    /// No connection, no answer in time, or one that cannot be read.
    Failed,
}

/// What a program that has a client may want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server knows the client by this id: it registered, or an id from earlier is still good.
    Registered {
        /// The id.
        id: ClientId,
    },
    /// A pulse was accepted, for the first time, or for the first time after [`Event::Lost`] or a doubt.
    Online,
    /// The server sees the client somewhere else than before.
    AddressChanged {
        /// Where it was seen before; `None` if that was never asked.
        from: Option<SocketAddr>,
        /// Where it is seen now.
        to: SocketAddr,
    },
    /// The server did not want to go on without a verify, and it was verified.
    Reverified,
    /// The server had forgotten the client. It has another id, and another key: whoever knew the old id does not find it any more.
    ReRegistered {
        /// The id that is gone.
        lost: ClientId,
        /// The new one.
        id: ClientId,
    },
    /// A pulse and all its repeats had no answer. The client goes on; [`Event::Online`] says when it is heard again.
    Lost,
    /// The server refused a request, for now.
    Refused {
        /// Which one.
        request: Request,
        /// When it is asked again, from now.
        retry_in: Millis,
    },
    /// A request had no answer.
    Unreachable {
        /// Which one.
        request: Request,
        /// When it is asked again, from now.
        retry_in: Millis,
    },
    /// The client has logged out and does nothing any more.
    LoggedOut {
        /// Whether the server said so. Otherwise it forgets the client after interval + error time.
        confirmed: bool,
    },
}

/// How a client stands, as far as it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It has no id (any more), and asks for one.
    Registering,
    /// It has an id; no pulse was accepted yet.
    Registered,
    /// Its pulses are accepted.
    Online,
    /// Its pulses have no answer.
    Lost,
    /// It has an id that the server may not know, or not without a verify, and asks.
    Verifying,
    /// It is saying goodbye.
    LoggingOut,
    /// It said goodbye.
    Ended,
}
