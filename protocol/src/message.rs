//! What goes into a server and what comes out of it, as values that can be recorded and replayed.
//!
//! They carry ids, never keys: a trace is safe to keep and to show.

use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::lifecycle::{Observation, Status, Unknown};
use crate::{ClientId, DropReason, Instant, Millis, Progress, PulseCode, UnixTime, datagram};

/// Something that happened to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Input {
    /// A datagram arrived.
    Datagram {
        /// Where it came from, exactly as received.
        source: SocketAddr,
        /// What it turned out to be.
        content: DatagramContent,
    },
    /// A client asks for something over HTTP.
    Request(Request),
    /// Time passed: forget clients that are gone, at most `budget` of them.
    Tick {
        /// How many records to look at.
        budget: u32,
    },
    /// The server is back after an absence.
    Resume {
        /// When it was last running ([`crate::Server::resume`]).
        since: Instant,
    },
}

impl Input {
    /// A datagram as it comes from a socket. From here on its key is an id.
    pub fn datagram(source: SocketAddr, payload: &[u8]) -> Self {
        let content = match datagram::decode_pulse(source, payload) {
            Ok(id) => DatagramContent::Pulse(id),
            Err(reason) => DatagramContent::Noise(reason),
        };
        Self::Datagram { source, content }
    }
}

/// What a datagram turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatagramContent {
    /// The pulse of this client.
    Pulse(ClientId),
    /// Nothing that is answered.
    Noise(DropReason),
}

/// What a client may ask for over HTTP. Whoever asks has shown a key that hashes to `caller`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// `POST /register`. The host drew a key that hashes to this id.
    Register {
        /// The new client.
        id: ClientId,
    },
    /// `POST /verify`.
    Verify {
        /// Who asks.
        caller: ClientId,
    },
    /// `POST /logout`.
    Logout {
        /// Who asks.
        caller: ClientId,
    },
    /// `GET /peer/{client_id}/udp`.
    PeerAddress {
        /// Who asks.
        caller: ClientId,
        /// About whom; `None` if the path holds no id, which is refused after the caller's credentials.
        peer: Option<ClientId>,
    },
    /// `GET /peer/{client_id}/udp/status`.
    PeerStatus {
        /// Who asks.
        caller: ClientId,
        /// About whom; `None` if the path holds no id, which is refused after the caller's credentials.
        peer: Option<ClientId>,
    },
}

/// What a server has to say to an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[must_use]
pub enum Output {
    /// Send this code, from the local address that the datagram reached.
    Transmit {
        /// Where to: the datagram's source, exactly as received.
        destination: SocketAddr,
        /// What to say, in as many bytes as the host is configured for.
        code: PulseCode,
    },
    /// The datagram gets no answer.
    Dropped(DropReason),
    /// The client is registered. The host tells it the key, which never came here
    /// ([`crate::http::RegisterBody`]).
    Registered {
        /// The new client.
        client_id: ClientId,
        /// When.
        timestamp: UnixTime,
    },
    /// The drawn id belongs to a live client; draw another. (With 128 bits nobody will ever see this.)
    Taken,
    /// Any other request succeeded.
    Response(Response),
    /// The request failed.
    Rejection(Rejection),
    /// The tick got this far.
    Ticked(Progress),
    /// The resume is done.
    Resumed,
}

/// The answer to a [`Request`] that succeeded. [`Response::to_json`] prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Response {
    /// To [`Request::Verify`].
    Verified {
        /// Who asked.
        client_id: ClientId,
        /// When.
        timestamp: UnixTime,
    },
    /// To [`Request::Logout`].
    LoggedOut {
        /// Who asked.
        client_id: ClientId,
    },
    /// To [`Request::PeerAddress`].
    PeerAddress {
        /// The peer.
        client_id: ClientId,
        /// Where its latest accepted pulse came from.
        address: SocketAddr,
        /// How long ago that pulse was; `None` if a restart lies between.
        last_online: Option<Millis>,
        /// When this was so.
        timestamp: UnixTime,
    },
    /// To [`Request::PeerStatus`].
    PeerStatus {
        /// The peer.
        client_id: ClientId,
        /// Whether it has been heard recently.
        status: Status,
        /// How long ago its latest accepted pulse was; `None` before the first, and after a restart until the
        /// next.
        last_online: Option<Millis>,
        /// When this was so.
        timestamp: UnixTime,
    },
}

impl Response {
    /// What a lookup of a peer's address found.
    ///
    /// # Errors
    /// [`Rejection::AddressUnknown`] if none of the peer's pulses was accepted yet.
    pub fn peer_address(
        client_id: ClientId,
        observation: Observation,
        timestamp: UnixTime,
    ) -> Result<Self, Rejection> {
        let Observation { address, last_online, .. } = observation;
        let address = address.ok_or(Rejection::AddressUnknown)?;
        Ok(Self::PeerAddress { client_id, address, last_online, timestamp })
    }

    /// What a lookup of a peer's status found.
    pub fn peer_status(client_id: ClientId, observation: Observation, timestamp: UnixTime) -> Self {
        let Observation { status, last_online, .. } = observation;
        Self::PeerStatus { client_id, status, last_online, timestamp }
    }
}

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    /// No route has this path.
    NoSuchRoute,
    /// The route exists, but not with this method.
    MethodNotAllowed,
    /// The request has no `Authorization` header.
    MissingCredentials,
    /// The `Authorization` header is not one `Bearer` with 64 hex digits.
    MalformedCredentials,
    /// The key belongs to no live client: never registered, logged out, or gone.
    UnknownClient,
    /// The path holds no client id.
    MalformedClientId,
    /// The peer never registered, logged out, or is gone.
    UnknownPeer,
    /// The peer is registered, but none of its pulses was accepted yet.
    AddressUnknown,
    /// The server cannot do this now.
    Unavailable,
    /// There are as many clients as the server takes. (Hosts say this and all that follow: no call to a [`crate::Server`] does.)
    AtCapacity,
    /// Whoever asks has asked too often.
    RateLimited,
    /// What arrived is no request, or one that could be read in two ways.
    MalformedRequest,
    /// The request did not arrive in time.
    Timeout,
    /// The body is too long.
    TooLarge,
    /// The target is too long.
    UriTooLong,
    /// The head is too long, or has too many fields.
    HeadersTooLarge,
}

/// What a key that belongs to nobody is told. (A peer that is not there is [`Rejection::UnknownPeer`] instead.)
impl From<Unknown> for Rejection {
    fn from(Unknown: Unknown) -> Self {
        Self::UnknownClient
    }
}
