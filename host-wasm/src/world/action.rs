//! Everything that can happen in a world: the one vocabulary of property tests, fuzzers and traces.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Link;

mod flat;

/// Something that happens. Clients are numbers; the world knows their keys. A client that never registered is how to
/// show an unknown key, or to ask for an unknown peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", try_from = "flat::Flat")]
pub enum Action {
    /// The server draws the key of `client` and registers it.
    Register {
        /// Who.
        client: u16,
    },
    /// `client` pulses.
    Pulse {
        /// Who.
        client: u16,
        /// From where.
        from: SocketAddr,
    },
    /// A datagram of any bytes arrives.
    Datagram {
        /// From where.
        from: SocketAddr,
        /// What it holds, as hex digits.
        payload: Payload,
    },
    /// `client` verifies.
    Verify {
        /// Who.
        client: u16,
    },
    /// `client` logs out.
    Logout {
        /// Who.
        client: u16,
    },
    /// `client` looks up the address of `peer`.
    LookUp {
        /// Who asks.
        client: u16,
        /// About whom; `null` is a path that holds no id.
        peer: Option<u16>,
    },
    /// `client` asks for the status of `peer`.
    Status {
        /// Who asks.
        client: u16,
        /// About whom; `null` is a path that holds no id.
        peer: Option<u16>,
    },
    /// Time passes on both clocks; less than zero is a clock that jumps back. Both stop at their ends.
    Advance {
        /// How much.
        millis: i64,
    },
    /// Time passes on both clocks until so long after the beginning, if that is not over already.
    Until {
        /// How long after the beginning, in milliseconds of time that really passed.
        at: u64,
    },
    /// Somebody sets the wall clock.
    StepWallClock {
        /// By how much.
        millis: i64,
    },
    /// The host ticks.
    Tick {
        /// How many records to look at.
        budget: u32,
    },
    /// The server's process does not run for a while, and then goes on.
    Stall {
        /// For how long.
        millis: u64,
    },
    /// The server is stopped in good order and started again from what it saved.
    Restart {
        /// How long it is down, in milliseconds.
        down: u64,
        /// Whether the machine was restarted, too, so that its clock of decisions begins anew.
        rebooted: bool,
        /// Whether it comes back knowing nobody, as a server does that keeps its clients in memory only.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        forgets: bool,
    },
    /// The server's process is killed, or its machine loses its power, and it is started again from what was on disk. Who
    /// registered is there again, and who logged out is not; both are answered only once they are on disk. An address that
    /// changed, and the removal of a client that was silent for too long, are written a little later, within a second.
    Crash {
        /// How long it is down, in milliseconds.
        down: u64,
        /// Whether the machine was restarted, too, so that its clock of decisions begins anew.
        rebooted: bool,
        /// For how long before the end, in milliseconds of time that really passed, nothing had been written but what is
        /// answered only once it is on disk. No change waits longer than [`WRITE_BEHIND`](super::WRITE_BEHIND): more is as much as
        /// that.
        unwritten: u64,
    },
    /// A client of the scenario does something, through its NAT and over its link.
    Command {
        /// Who.
        client: u16,
        /// What.
        command: Command,
    },
    /// The next datagrams of a client are lost, whatever its link is like.
    Lose {
        /// Whose.
        client: u16,
        /// Which way.
        way: Way,
        /// How many of them.
        datagrams: u16,
    },
    /// The network is another from now on.
    Link {
        /// Whose link; `null` is everybody's.
        client: Option<u16>,
        /// What it is like.
        link: Link,
    },
    /// The NAT of a client forgets its mappings, as one does that was restarted.
    Rebind {
        /// Whose NAT.
        client: u16,
        /// Whether it comes back with another public address.
        address: bool,
    },
}

impl Action {
    /// The longest of its durations, in milliseconds.
    pub(super) fn millis(&self) -> u64 {
        match *self {
            Self::Advance { millis } | Self::StepWallClock { millis } => millis.unsigned_abs(),
            Self::Stall { millis } | Self::Restart { down: millis, .. } | Self::Until { at: millis } => {
                millis
            }
            Self::Crash { down, unwritten, .. } => down.max(unwritten),
            Self::Register { .. }
            | Self::Pulse { .. }
            | Self::Datagram { .. }
            | Self::Verify { .. }
            | Self::Logout { .. }
            | Self::LookUp { .. }
            | Self::Status { .. }
            | Self::Tick { .. }
            | Self::Command { .. }
            | Self::Lose { .. }
            | Self::Link { .. }
            | Self::Rebind { .. } => 0,
        }
    }

    /// Whether it happens to the server itself. The others happen to clients and networks: a world without them does not
    /// notice ([`super::Simulation`] has them).
    pub fn is_the_servers(&self) -> bool {
        !matches!(self, Self::Command { .. } | Self::Lose { .. } | Self::Link { .. } | Self::Rebind { .. })
    }

    /// Where the datagram comes from, if it is one.
    pub(super) fn source(&self) -> Option<SocketAddr> {
        if let Self::Pulse { from, .. } | Self::Datagram { from, .. } = *self { Some(from) } else { None }
    }

    /// The clients it names.
    pub fn clients(&self) -> [Option<u16>; 2] {
        match *self {
            Self::Register { client }
            | Self::Pulse { client, .. }
            | Self::Verify { client }
            | Self::Logout { client }
            | Self::Lose { client, .. }
            | Self::Rebind { client, .. } => [Some(client), None],
            Self::LookUp { client, peer } | Self::Status { client, peer } => [Some(client), peer],
            Self::Command { client, command } => [Some(client), command.peer()],
            Self::Link { client, .. } => [client, None],
            Self::Datagram { .. }
            | Self::Advance { .. }
            | Self::Until { .. }
            | Self::StepWallClock { .. }
            | Self::Tick { .. }
            | Self::Stall { .. }
            | Self::Restart { .. }
            | Self::Crash { .. } => [None, None],
        }
    }
}

/// What a client of a scenario can be told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Register.
    Register,
    /// Pulse.
    Pulse,
    /// Verify.
    Verify,
    /// Log out, and stop pulsing.
    Logout,
    /// Send random bytes.
    Noise,
    /// Send nothing and hear nothing, until told to wake.
    Sleep,
    /// End that.
    Wake,
    /// Look up the address of this client.
    LookUp(u16),
    /// Ask for the status of this client.
    Status(u16),
    /// Look this client up until it is found, and send it probes until both have heard of each other.
    Meet(u16),
    /// Send a copy of a pulse of this client.
    Replay(u16),
}

impl Command {
    /// Whom it is about, besides who does it.
    fn peer(self) -> Option<u16> {
        match self {
            Self::LookUp(peer) | Self::Status(peer) | Self::Meet(peer) | Self::Replay(peer) => Some(peer),
            Self::Register
            | Self::Pulse
            | Self::Verify
            | Self::Logout
            | Self::Noise
            | Self::Sleep
            | Self::Wake => None,
        }
    }
}

/// A direction of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// From the client.
    Up,
    /// To the client.
    Down,
}

/// The bytes of a datagram.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Payload(Vec<u8>);

impl Payload {
    /// The longest datagram that UDP over IPv4 can carry.
    pub const MAX_LEN: usize = 65_507;
}

/// Cuts off what UDP could not carry.
impl From<Vec<u8>> for Payload {
    fn from(mut bytes: Vec<u8>) -> Self {
        bytes.truncate(Self::MAX_LEN);
        Self(bytes)
    }
}

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Shows how long it is: what it holds may be a key.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.0.len())
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = String::deserialize(deserializer)?;
        let bytes = hex::decode(digits).map_err(serde::de::Error::custom)?;
        if bytes.len() > Self::MAX_LEN {
            return Err(serde::de::Error::custom(format!(
                "a datagram holds {} bytes at most",
                Self::MAX_LEN
            )));
        }
        Ok(Self(bytes))
    }
}
