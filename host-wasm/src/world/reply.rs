//! What an output looks like to whoever gets it: the bytes of a datagram, or an HTTP status and body.

use std::net::SocketAddr;

use rendezvous_protocol::http::{Problem, RegisterBody, to_json};
use rendezvous_protocol::{Output, Rejection};

use super::{Action, Setup};

/// Where the clients of a scenario are told to pulse (specification, UDP Heartbeating).
const UDP_PORT: u16 = 5024;

/// What goes out to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A datagram.
    Datagram {
        /// Where to.
        to: SocketAddr,
        /// What it holds.
        bytes: Vec<u8>,
    },
    /// The answer to a request.
    Http {
        /// Its status.
        status: u16,
        /// Its body, JSON.
        body: String,
    },
}

impl Reply {
    /// What `output`, the answer to `action`, looks like; `None` if nothing goes out.
    pub(super) fn of(action: &Action, output: Output, setup: &Setup) -> Option<Self> {
        Some(match output {
            Output::Transmit { destination, code } => {
                Self::Datagram { to: destination, bytes: code.encode(setup.reply_width).as_bytes().into() }
            }
            Output::Registered { timestamp, .. } => {
                let &Action::Register { client } = action else { return None };
                let key = setup.keys().key(client);
                Self::ok(to_json(&RegisterBody::new(key, timestamp, UDP_PORT, &setup.timing)))
            }
            // A real host draws another key. Here a key belongs to a client, so there is no other.
            Output::Taken => Self::refusal(Rejection::Unavailable),
            Output::Response(response) => Self::ok(response.to_json()),
            Output::Rejection(rejection) => Self::refusal(rejection),
            Output::Dropped(_) | Output::Ticked(_) | Output::Resumed => return None,
        })
    }

    fn ok(body: String) -> Self {
        Self::Http { status: 200, body }
    }

    fn refusal(rejection: Rejection) -> Self {
        Self::Http { status: rejection.status(), body: to_json(&Problem::of(rejection)) }
    }
}
