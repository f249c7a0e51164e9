//! What can go wrong, in words that say what to do.

use std::fmt;

use rendezvous_protocol::punch::Reason;
use rendezvous_protocol::{ClientId, Millis};

/// Why there is no client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerError {
    /// What was asked for makes no sense: an URL, a certificate, an address to bind to.
    Invalid(String),
    /// The server did not answer, or refused, for as long as there was patience.
    Unreachable(String),
    /// The client has logged out.
    Ended,
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(why) => f.write_str(why),
            Self::Unreachable(why) => write!(f, "the server cannot be reached: {why}"),
            Self::Ended => f.write_str("the client has logged out"),
        }
    }
}

impl std::error::Error for ServerError {}

/// Why the server does not say where a peer is, or how it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// It knows no such client: never registered, logged out, or gone.
    UnknownPeer,
    /// The peer is registered, but did not pulse yet.
    AddressUnknown,
    /// It does not know this client (any more). The driver finds out by itself, and registers again.
    NotRegistered,
    /// Anything else that it says.
    Refused {
        /// The status of its answer.
        status: u16,
        /// The problem's `code`.
        code: Option<String>,
        /// When to ask again.
        retry_after: Option<Millis>,
    },
    /// It says nothing, or nothing that can be understood.
    Unreachable(String),
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownPeer => f.write_str(
                "no such peer is registered: it never was, it logged out, or it was silent for too long",
            ),
            Self::AddressUnknown => f.write_str("the peer is registered, but did not pulse yet"),
            Self::NotRegistered => f.write_str("the server does not know this client"),
            Self::Refused { status, code, .. } => match code {
                Some(code) => write!(f, "the server refuses: {status} {code}"),
                None => write!(f, "the server refuses: {status}"),
            },
            Self::Unreachable(why) => write!(f, "the server cannot be reached: {why}"),
        }
    }
}

impl std::error::Error for RequestError {}

/// Why there is no path to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// It is the client itself.
    Myself,
    /// The server did not say where the peer is, for as long as there was patience.
    NotFound(ClientId, RequestError),
    /// The server says where the peer is, but no direct way was found: both NATs give each destination another port, or one
    /// does and the other lets nothing else in, or the peer does not try. What is left is a relay, such as TURN (RFC 8656).
    RelayNeeded {
        /// What the last attempt looked like.
        reason: Reason,
        /// How long it was tried since the peer was found.
        tried: Millis,
    },
    /// The client has logged out.
    Ended,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Myself => f.write_str("this is the client's own id"),
            Self::NotFound(peer, error) => write!(f, "{peer}: {error}"),
            Self::RelayNeeded { reason, tried } => {
                let saw = match reason {
                    Reason::Silent => "nothing came from it",
                    Reason::OneSided => "its probes arrive, but it answers none",
                };
                write!(
                    f,
                    "no direct way to the peer in {:.1} s ({saw}): either it does not try, or the NATs in between do not allow it \
                     and a relay is needed (TURN, say)",
                    std::time::Duration::from(*tried).as_secs_f64()
                )
            }
            Self::Ended => f.write_str("the client has logged out"),
        }
    }
}

impl std::error::Error for ConnectError {}
