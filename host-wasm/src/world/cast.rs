//! Who is in a scenario: clients, what they are like, and the NATs they are behind.

use rendezvous_protocol::Instant;
use serde::{Deserialize, Serialize};

use super::Link;

/// Clients that are alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// What to call them; several are told apart by a number.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// How many there are. Clients have numbers, in the order of the groups, beginning with 0.
    #[serde(default = "one")]
    pub count: u16,
    /// What they do of themselves.
    #[serde(default)]
    pub policy: Policy,
    /// What NAT they are behind; without one, they have public addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nat: Option<NatKind>,
    /// Their links, where they differ from the scenario's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
    /// When they start, in milliseconds after the beginning.
    #[serde(default)]
    pub starts: u64,
    /// Over how long their starts are spread at random.
    #[serde(default)]
    pub spread: u64,
    /// From when to when they sleep, and neither send nor hear anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silent: Vec<(u64, u64)>,
    /// Their own clocks.
    #[serde(default)]
    pub clock: ClientClock,
    /// Whom they ask the server about again and again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asks: Option<Asks>,
    /// Whom they want to reach, peer to peer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meets: Option<u16>,
}

impl Group {
    /// One client that behaves, with a public address.
    pub fn new() -> Self {
        Self {
            name: String::new(),
            count: 1,
            policy: Policy::WellBehaved,
            nat: None,
            link: None,
            starts: 0,
            spread: 0,
            silent: vec![],
            clock: ClientClock::default(),
            asks: None,
            meets: None,
        }
    }
}

impl Default for Group {
    fn default() -> Self {
        Self::new()
    }
}

/// What a client does of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Policy {
    /// As a client should: pulses well before the interval is over, repeats what is not answered, verifies when it is
    /// told to.
    #[default]
    WellBehaved,
    /// Pulses like a clock and repeats nothing; verifies when it is told to.
    Fixed {
        /// How often, in milliseconds of its own clock.
        every: u64,
    },
    /// Pulses when it likes to, often too late; verifies when it is told to.
    Lazy {
        /// At least so long after the last one, in milliseconds.
        from: u64,
        /// And at most so long.
        to: u64,
    },
    /// Nothing: it waits for commands.
    Manual,
    /// Sends random bytes of random lengths.
    Noise {
        /// How often, in milliseconds.
        every: u64,
    },
    /// Has the key of another client: pulses with it from an address of its own, and verifies.
    Thief {
        /// Whose key.
        victim: u16,
        /// How often, in milliseconds.
        every: u64,
    },
}

impl Policy {
    /// Every duration in it, none of which may be zero: a client that never waits would stop time.
    pub(super) fn waits(&self) -> Option<u64> {
        match *self {
            Self::WellBehaved | Self::Manual => None,
            Self::Fixed { every } | Self::Noise { every } | Self::Thief { every, .. } => Some(every),
            Self::Lazy { from, .. } => Some(from),
        }
    }
}

/// A client's own clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientClock {
    /// What it shows at the beginning, in milliseconds. Only people see it: nothing that a client does depends on it.
    pub offset: i64,
    /// How much faster than it should it goes, in parts per million.
    pub drift_ppm: i32,
}

impl ClientClock {
    /// The fastest and slowest, in parts per million: a tenth.
    pub(super) const MAX_DRIFT: i32 = 100_000;

    /// How long it really takes until this clock has gone on by `millis`: no less than a millisecond, or a fast clock would
    /// make time stand still.
    pub(super) fn real(&self, millis: u64) -> u64 {
        let rate = 1_000_000 + i128::from(self.drift_ppm);
        let real = (i128::from(millis) * 1_000_000).div_euclid(rate.max(1));
        u64::try_from(real).unwrap_or(u64::MAX).max(1)
    }

    /// What it has counted after so many real milliseconds.
    pub(super) fn counts(&self, real: u64) -> Instant {
        if self.drift_ppm == 0 {
            return Instant::from_millis(real); // Wide divisions are slow, and most clocks are right.
        }
        let counted = u128::from(real) * self.rate() / 1_000_000;
        Instant::from_millis(u64::try_from(counted).unwrap_or(u64::MAX))
    }

    /// The first real millisecond at which it has counted so far; `None` if it stops there at the latest, or no deadline would
    /// ever be the last.
    pub(super) fn reaches(&self, counted: Instant) -> Option<u64> {
        if counted == Instant::MAX {
            return None;
        }
        if self.drift_ppm == 0 {
            return Some(counted.as_millis());
        }
        let real = (u128::from(counted.as_millis()) * 1_000_000).div_ceil(self.rate());
        u64::try_from(real).ok()
    }

    /// How far it goes in a second, in microseconds.
    fn rate(&self) -> u128 {
        u128::try_from(1_000_000 + i64::from(self.drift_ppm)).unwrap_or(0).max(1)
    }
}

/// A client that asks about another again and again: first where it is, then how it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asks {
    /// About whom.
    pub peer: u16,
    /// How often, in milliseconds.
    pub every: u64,
}

/// What a NAT is like, in the words of RFC 4787.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NatKind {
    /// For which destinations a client keeps its public address (section 4.1).
    #[serde(default)]
    pub mapping: Dependence,
    /// From whom datagrams to that public address come through (section 5).
    #[serde(default)]
    pub filtering: Dependence,
    /// How long a mapping is kept after the last datagram from inside, in milliseconds (section 4.3).
    #[serde(default = "two_minutes")]
    pub idle: u64,
    /// Whether all clients of the group are behind the same one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
    /// Whether it turns back what those behind it send to its own public address, "hairpinning" (section 6): the RFC demands
    /// it, many do not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hairpin: bool,
}

/// What something of a NAT depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dependence {
    /// Nothing: "endpoint-independent".
    #[default]
    EndpointIndependent,
    /// The other end's address.
    AddressDependent,
    /// The other end's address and port.
    AddressAndPortDependent,
}

impl std::fmt::Display for Dependence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::EndpointIndependent => "endpoint-independent",
            Self::AddressDependent => "address-dependent",
            Self::AddressAndPortDependent => "address-and-port-dependent",
        })
    }
}

impl std::fmt::Display for NatKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} mapping, {} filtering, ", self.mapping, self.filtering)?;
        match self.idle {
            idle if idle % 1000 == 0 => write!(f, "idle {} s", idle / 1000),
            idle => write!(f, "idle {idle} ms"),
        }
    }
}

fn one() -> u16 {
    1
}

/// RFC 4787 requires at least that (section 4.3, REQ-5).
fn two_minutes() -> u64 {
    120_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_has_counted_so_far_at_the_first_millisecond_that_it_says_and_not_before() {
        for drift_ppm in [0, 1, -1, 50_000, -50_000, ClientClock::MAX_DRIFT, -ClientClock::MAX_DRIFT] {
            let clock = ClientClock { offset: 0, drift_ppm };
            for counted in [1, 2, 999, 30_000, 31_000, 86_400_000, Instant::MAX.as_millis() - 1] {
                let counted = Instant::from_millis(counted);
                let real = clock.reaches(counted).unwrap();
                assert!(clock.counts(real) >= counted, "{drift_ppm}: {counted:?} at {real}");
                assert!(clock.counts(real - 1) < counted, "{drift_ppm}: {counted:?} before {real}");
            }
        }
        let fast = ClientClock { offset: 0, drift_ppm: ClientClock::MAX_DRIFT };
        assert_eq!((fast.counts(u64::MAX), fast.reaches(Instant::MAX)), (Instant::MAX, None));
    }
}
