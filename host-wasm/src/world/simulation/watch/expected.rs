//! What an answer must be, and what one was, in the same words.

use std::fmt;
use std::net::SocketAddr;

use rendezvous_protocol::lifecycle::Status;
use rendezvous_protocol::{Output, Response};

/// What an answer must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Nothing,
    Code { to: SocketAddr, number: u16 },
    Registered,
    Taken,
    Ok,
    Address { address: SocketAddr, last_online: Option<u64> },
    Status { status: &'static str, last_online: Option<u64> },
    Refused { status: u16, code: &'static str },
}

impl Expected {
    /// What the server said, in these words; `None` if it had nothing to say to anybody.
    pub(super) fn of(output: Output) -> Option<Self> {
        let seconds = |millis: rendezvous_protocol::Millis| millis.0 / 1000;
        Some(match output {
            Output::Transmit { destination, code } => Self::Code { to: destination, number: code.number() },
            Output::Dropped(_) => Self::Nothing,
            Output::Registered { .. } => Self::Registered,
            Output::Taken => Self::Taken,
            Output::Response(Response::Verified { .. } | Response::LoggedOut { .. }) => Self::Ok,
            Output::Response(Response::PeerAddress { address, last_online, .. }) => {
                Self::Address { address, last_online: last_online.map(seconds) }
            }
            Output::Response(Response::PeerStatus { status, last_online, .. }) => Self::Status {
                status: match status {
                    Status::Online => "ONLINE",
                    Status::Pending => "PENDING",
                },
                last_online: last_online.map(seconds),
            },
            Output::Rejection(rejection) => {
                Self::Refused { status: rejection.status(), code: rejection.code() }
            }
            Output::Ticked(_) | Output::Resumed => return None,
        })
    }
}

/// In words that make sense after "the specification says".
impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Code { to, number } => write!(f, "{number} to {to}"),
            Self::Registered => f.write_str("registered"),
            Self::Taken => f.write_str("taken"),
            Self::Ok => f.write_str("ok"),
            Self::Address { address, last_online } => write!(f, "{address}, {}", Ago(*last_online)),
            Self::Status { status, last_online } => write!(f, "{status}, {}", Ago(*last_online)),
            Self::Refused { status, code } => write!(f, "{status} {code}"),
        }
    }
}

struct Ago(Option<u64>);

impl fmt::Display for Ago {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(seconds) => write!(f, "last online {seconds} s ago"),
            None => f.write_str("last online unknown"),
        }
    }
}
