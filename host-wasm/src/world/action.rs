//! Everything that can happen in a world: the one vocabulary of property tests, fuzzers and traces.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Something that happens. Clients are numbers; the world knows their keys. A client that never registered is how to
/// show an unknown key, or to ask for an unknown peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
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
    },
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
