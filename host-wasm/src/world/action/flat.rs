//! How an action is read: as an object that may have the members of all actions, from which those of its own are taken.
//!
//! What serde derives for an enum that is told apart by a member reads each object twice, once into a form of its own. That
//! form forgets where in the text it was, and makes the module that browsers load a tenth larger.

use std::net::SocketAddr;

use serde::{Deserialize, Deserializer};

use super::{Action, Command, Link, Payload, Way};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Flat {
    #[serde(rename = "do")]
    kind: Kind,
    client: Option<u16>,
    from: Option<SocketAddr>,
    payload: Option<Payload>,
    #[serde(default, deserialize_with = "given")]
    peer: Option<Option<u16>>,
    millis: Option<i64>,
    at: Option<u64>,
    budget: Option<u32>,
    down: Option<u64>,
    rebooted: Option<bool>,
    forgets: Option<bool>,
    unwritten: Option<u64>,
    command: Option<Command>,
    way: Option<Way>,
    datagrams: Option<u16>,
    link: Option<Link>,
    address: Option<bool>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Register,
    Pulse,
    Datagram,
    Verify,
    Logout,
    LookUp,
    Status,
    Advance,
    Until,
    StepWallClock,
    Tick,
    Stall,
    Restart,
    Crash,
    Command,
    Lose,
    Link,
    Rebind,
}

impl TryFrom<Flat> for Action {
    type Error = String;

    fn try_from(mut flat: Flat) -> Result<Self, String> {
        let all = &mut flat;
        let action = match all.kind {
            Kind::Register => Self::Register { client: take(&mut all.client, "client")? },
            Kind::Pulse => {
                Self::Pulse { client: take(&mut all.client, "client")?, from: take(&mut all.from, "from")? }
            }
            Kind::Datagram => Self::Datagram {
                from: take(&mut all.from, "from")?,
                payload: take(&mut all.payload, "payload")?,
            },
            Kind::Verify => Self::Verify { client: take(&mut all.client, "client")? },
            Kind::Logout => Self::Logout { client: take(&mut all.client, "client")? },
            Kind::LookUp => {
                Self::LookUp { client: take(&mut all.client, "client")?, peer: take(&mut all.peer, "peer")? }
            }
            Kind::Status => {
                Self::Status { client: take(&mut all.client, "client")?, peer: take(&mut all.peer, "peer")? }
            }
            Kind::Advance => Self::Advance { millis: take(&mut all.millis, "millis")? },
            Kind::Until => Self::Until { at: take(&mut all.at, "at")? },
            Kind::StepWallClock => Self::StepWallClock { millis: take(&mut all.millis, "millis")? },
            Kind::Tick => Self::Tick { budget: take(&mut all.budget, "budget")? },
            Kind::Stall => {
                let millis = take(&mut all.millis, "millis")?;
                let millis = u64::try_from(millis)
                    .map_err(|_| format!("invalid value: integer `{millis}`, expected no less than 0"))?;
                Self::Stall { millis }
            }
            Kind::Restart => Self::Restart {
                down: take(&mut all.down, "down")?,
                rebooted: take(&mut all.rebooted, "rebooted")?,
                forgets: all.forgets.take().unwrap_or_default(),
            },
            Kind::Crash => Self::Crash {
                down: take(&mut all.down, "down")?,
                rebooted: take(&mut all.rebooted, "rebooted")?,
                unwritten: take(&mut all.unwritten, "unwritten")?,
            },
            Kind::Command => Self::Command {
                client: take(&mut all.client, "client")?,
                command: take(&mut all.command, "command")?,
            },
            Kind::Lose => Self::Lose {
                client: take(&mut all.client, "client")?,
                way: take(&mut all.way, "way")?,
                datagrams: take(&mut all.datagrams, "datagrams")?,
            },
            Kind::Link => Self::Link { client: all.client.take(), link: take(&mut all.link, "link")? },
            Kind::Rebind => Self::Rebind {
                client: take(&mut all.client, "client")?,
                address: all.address.take().unwrap_or_default(),
            },
        };
        match flat.left() {
            Some(foreign) => Err(format!("unknown field `{foreign}` in this action")),
            None => Ok(action),
        }
    }
}

impl Flat {
    /// A member that is still there: the action has no use for it.
    fn left(&self) -> Option<&'static str> {
        let members = [
            ("client", self.client.is_some()),
            ("from", self.from.is_some()),
            ("payload", self.payload.is_some()),
            ("peer", self.peer.is_some()),
            ("millis", self.millis.is_some()),
            ("at", self.at.is_some()),
            ("budget", self.budget.is_some()),
            ("down", self.down.is_some()),
            ("rebooted", self.rebooted.is_some()),
            ("forgets", self.forgets.is_some()),
            ("unwritten", self.unwritten.is_some()),
            ("command", self.command.is_some()),
            ("way", self.way.is_some()),
            ("datagrams", self.datagrams.is_some()),
            ("link", self.link.is_some()),
            ("address", self.address.is_some()),
        ];
        members.into_iter().find(|(_, left)| *left).map(|(name, _)| name)
    }
}

fn take<T>(member: &mut Option<T>, name: &str) -> Result<T, String> {
    member.take().ok_or_else(|| format!("missing field `{name}`"))
}

/// A member that may be `null`, and differs from one that is not there.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u16>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
