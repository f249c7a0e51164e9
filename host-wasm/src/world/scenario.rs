//! A world and what happens in it, as one JSON document. There is no other format.
//!
//! ```json
//! {
//!   "version": 1,
//!   "setup": {"timing": {"pulse_interval": 30000, "pulse_grace": 1000, "error_time": 180000}},
//!   "actions": [
//!     {"do": "register", "client": 0},
//!     {"do": "pulse", "client": 0, "from": "192.0.2.7:4000"},
//!     {"do": "advance", "millis": 31000},
//!     {"do": "pulse", "client": 0, "from": "192.0.2.7:4000"}
//!   ]
//! }
//! ```
//!
//! That is what happens at a server. With `clients` in it, it is also what happens to them and to the networks between,
//! and what those do of themselves is not written down: the clients have policies, and the rest is left to the seed
//! ([`super::Simulation`]).

use std::fmt;

use rendezvous_protocol::{Clock, Instant, ReplyWidth, Timing, UnixTime};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Action, Group, Keys, Link};

mod check;

/// The version that this program writes and reads. A change that older programs would read wrongly makes it grow.
const VERSION: u32 = 1;

/// A world, and what happens in it, in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    #[serde(deserialize_with = "known_version")]
    version: u32,
    /// What it is called.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// What to watch, for people who look at it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub watch: String,
    /// The rule that it shows.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rule: String,
    /// The world before anything happens.
    pub setup: Setup,
    /// What the network is like.
    #[serde(default, skip_serializing_if = "is_default")]
    pub link: Link,
    /// Who is there besides the server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clients: Vec<Group>,
    /// What happens.
    pub actions: Vec<Action>,
}

/// How a world is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// The server's durations, in milliseconds.
    pub timing: Timing,
    /// How many bytes a reply to a pulse has: 1, 2 or 4.
    #[serde(default, with = "reply_width")]
    pub reply_width: ReplyWidth,
    /// What the clocks show at first.
    #[serde(default = "default_start", deserialize_with = "start")]
    pub start: Clock,
    /// Decides what the clients' keys are, and whatever else is left to chance.
    #[serde(default, deserialize_with = "exact")]
    pub seed: u64,
}

impl Setup {
    /// A world with this timing, and all else as usual.
    pub fn new(timing: Timing) -> Self {
        Self { timing, reply_width: ReplyWidth::default(), start: default_start(), seed: 0 }
    }

    /// The keys of its clients.
    pub fn keys(&self) -> Keys {
        Keys { seed: self.seed }
    }
}

impl Scenario {
    /// What happens in a world.
    pub fn new(setup: Setup, actions: Vec<Action>) -> Self {
        Self {
            version: VERSION,
            title: String::new(),
            watch: String::new(),
            rule: String::new(),
            setup,
            link: Link::default(),
            clients: vec![],
            actions,
        }
    }

    /// Reads a scenario.
    ///
    /// # Errors
    /// [`InvalidScenario`], one line that says what is wrong and where.
    pub fn from_json(json: &str) -> Result<Self, InvalidScenario> {
        let scenario: Self = serde_json::from_str(json).map_err(check::unreadable)?;
        check::possible(&scenario, json)?;
        Ok(scenario)
    }

    /// Writes the scenario on one line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("every scenario can be written as JSON")
    }

    /// How many clients there are: those of its groups or, if it has none, those that its actions name.
    pub fn population(&self) -> usize {
        if self.clients.is_empty() {
            let named = self.actions.iter().flat_map(Action::clients).flatten();
            return named.map(|client| usize::from(client) + 1).max().unwrap_or(0);
        }
        self.clients.iter().map(|group| usize::from(group.count)).sum()
    }
}

/// What was handed in is no scenario, and why: one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidScenario(String);

impl InvalidScenario {
    /// It is one, but not for what was to be done with it.
    pub(super) fn has_clients() -> Self {
        Self("a scenario with `clients` cannot be replayed as a list of actions: simulate it".into())
    }
}

impl fmt::Display for InvalidScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidScenario {}

/// The decision clock at its beginning, and some day in 2027.
fn default_start() -> Clock {
    Clock { now: Instant::ZERO, unix: UnixTime::from_millis(1_800_000_000_000) }
}

fn known_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        VERSION => Ok(VERSION),
        other => Err(serde::de::Error::custom(format!("version {other}"))),
    }
}

/// Both clocks, neither beyond the numbers that are exact.
fn start<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Clock, D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Start {
        #[serde(deserialize_with = "exact")]
        now: u64,
        #[serde(deserialize_with = "exact")]
        unix: u64,
    }
    let Start { now, unix } = Start::deserialize(deserializer)?;
    Ok(Clock { now: Instant::from_millis(now), unix: UnixTime::from_millis(unix) })
}

fn exact<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = u64::deserialize(deserializer)?;
    check::exact(number, "").map_err(serde::de::Error::custom)?;
    Ok(number)
}

fn is_default(link: &Link) -> bool {
    *link == Link::default()
}

mod reply_width {
    use super::{Deserialize, Deserializer, ReplyWidth, Serializer};

    pub(super) fn serialize<S: Serializer>(width: &ReplyWidth, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(width.bytes())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ReplyWidth, D::Error> {
        let bytes = u8::deserialize(deserializer)?;
        ReplyWidth::from_bytes(bytes).ok_or_else(|| serde::de::Error::custom("a reply has 1, 2 or 4 bytes"))
    }
}
