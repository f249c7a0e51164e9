//! What happens in a simulation, as the lines of its log.

use rendezvous_protocol::Change;
use serde::Serialize;
use serde_json::value::RawValue;

use super::watch::{Invariant, Standing};

/// One line of the log, without its time.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event<'a> {
    /// An action of the scenario, by its index.
    Action { index: usize },
    /// A client sends something.
    Sent {
        message: u64,
        /// `None` if it reaches the server directly and is nobody's.
        from: Option<u16>,
        to: Option<Who>,
        carries: Carries,
        source: String,
        destination: String,
        arrives: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        lost: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        copy_of: Option<u64>,
        #[serde(skip_serializing_if = "is_zero")]
        resent: u32,
    },
    /// Something arrived and was not just taken.
    Arrived { message: u64, fate: &'static str },
    /// The server handled a message.
    Answered(Box<Answered<'a>>),
    /// How a client stands from now on, if the specification is right.
    Standing { client: u16, is: Standing },
    /// A client did or learnt something.
    Client {
        client: u16,
        does: &'static str,
        #[serde(skip_serializing_if = "str::is_empty")]
        detail: &'a str,
    },
    /// Something happened to the server.
    Server {
        does: &'static str,
        #[serde(skip_serializing_if = "str::is_empty")]
        detail: &'a str,
    },
    /// Something happened to a network.
    Network {
        client: Option<u16>,
        does: &'static str,
        #[serde(skip_serializing_if = "str::is_empty")]
        detail: &'a str,
    },
    /// An invariant is broken.
    Violation {
        invariant: Invariant,
        #[serde(skip_serializing_if = "Option::is_none")]
        client: Option<u16>,
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<u64>,
        says: &'a str,
    },
}

/// What the server made of a message.
#[derive(Default, Serialize)]
pub(super) struct Answered<'a> {
    pub(super) message: u64,
    pub(super) client: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bytes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dropped: Option<rendezvous_protocol::DropReason>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) changes: &'a [Change],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reply: Option<Replied>,
}

/// What became of the server's answer.
#[derive(Serialize)]
pub(super) struct Replied {
    pub(super) message: u64,
    pub(super) to: Option<u16>,
    pub(super) destination: String,
    pub(super) arrives: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lost: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) copy_arrives: Option<u64>,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) resent: u32,
}

impl Replied {
    pub(super) fn new(
        message: u64,
        to: Option<u16>,
        destination: String,
        arrives: Option<u64>,
        lost: Option<&'static str>,
    ) -> Self {
        Self { message, to, destination, arrives, lost, copy_arrives: None, resent: 0 }
    }
}

/// Whom something is for.
#[derive(Clone, Copy, Serialize)]
#[serde(untagged)]
pub(super) enum Who {
    Server(ServerName),
    Client(u16),
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ServerName {
    Server,
}

impl Who {
    pub(super) const SERVER: Self = Self::Server(ServerName::Server);
}

/// What a message is, for people. Of a pulse it says whose key it has; the key itself is never shown.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Carries {
    Pulse { key_of: u16 },
    Noise { length: usize, hex: String },
    Request { method: &'static str, path: String },
    Probe,
    ProbeAnswer,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
