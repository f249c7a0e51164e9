//! The reference model: what every answer must be, worked out from the whole history.
//!
//! It is naive on purpose. It keeps a list of what happened and nothing else that could go stale: no status, no
//! deadline, no table. Each answer scans the list from its beginning. It shares no rule with the server it is to judge;
//! all numbers are plain integers, in milliseconds unless they are named otherwise.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use rendezvous_wasm::world::{Action, Keys, Setup, WRITE_BEHIND};

mod answer;
mod history;

pub use answer::Answer;
pub use history::Standing;
use history::{Event, Story, story};

/// The model of a server, its clocks and its clients.
#[derive(Debug)]
pub struct Model {
    interval: u64,
    grace: u64,
    error_time: u64,
    keys: Keys,
    /// What the clocks show.
    clock: u64,
    unix: u64,
    /// How much time has really passed.
    elapsed: u64,
    /// The latest that the server has seen of the first: for it, that clock never runs backwards.
    now: u64,
    history: Vec<Event>,
}

/// Where the clocks stop: 2^53 − 1.
const END_OF_TIME: u64 = 9_007_199_254_740_991;

impl Model {
    /// Nothing has happened yet.
    pub fn new(setup: &Setup) -> Self {
        let timing = &setup.timing;
        Self {
            interval: timing.pulse_interval().0,
            grace: timing.pulse_grace().0,
            error_time: timing.error_time().0,
            keys: setup.keys(),
            clock: setup.start.now.as_millis(),
            unix: setup.start.unix.as_millis(),
            elapsed: 0,
            now: 0,
            history: vec![],
        }
    }

    /// What must come of `action`.
    pub fn expect(&mut self, action: &Action) -> Answer {
        match *action {
            Action::Advance { millis } => {
                self.pass(millis);
                return Answer::Silence;
            }
            Action::Until { at } => {
                self.pass(signed(at.saturating_sub(self.elapsed)));
                return Answer::Silence;
            }
            Action::StepWallClock { millis } => {
                self.unix = moved(self.unix, millis);
                return Answer::Silence;
            }
            Action::Stall { millis } => {
                self.stall(millis);
                return Answer::Silence;
            }
            Action::Restart { down, rebooted, forgets } => {
                self.restart(down, rebooted, forgets);
                return Answer::Silence;
            }
            Action::Crash { down, rebooted, unwritten } => {
                self.crash(down, rebooted, unwritten);
                return Answer::Silence;
            }
            // None of these reaches the server.
            Action::Command { .. } | Action::Lose { .. } | Action::Link { .. } | Action::Rebind { .. } => {
                return Answer::Silence;
            }
            // What does not count as a pulse does not reach the part of the server that looks at the clock.
            Action::Datagram { from, ref payload } if payload.as_ref().len() != 32 || from.port() == 0 => {
                return Answer::Silence;
            }
            Action::Pulse { from, .. } if from.port() == 0 => return Answer::Silence,
            Action::Register { .. }
            | Action::Pulse { .. }
            | Action::Datagram { .. }
            | Action::Verify { .. }
            | Action::Logout { .. }
            | Action::LookUp { .. }
            | Action::Status { .. }
            | Action::Tick { .. } => self.now = self.now.max(self.clock),
        }
        let timestamp = self.unix / 1000;
        match *action {
            Action::Register { client } => {
                if self.standing(client).is_some() {
                    return Answer::Taken;
                }
                self.history.push(Event::Registered { client, at: self.now });
                Answer::Registered { client, timestamp }
            }
            Action::Pulse { client, from } => self.pulse(Some(client), from),
            Action::Datagram { from, ref payload } => self.pulse(self.keys.client(payload.as_ref()), from),
            Action::Verify { client } => {
                if self.standing(client).is_none() {
                    return UNKNOWN_CLIENT;
                }
                self.history.push(Event::Verified { client, at: self.now });
                Answer::Verified { client, timestamp }
            }
            Action::Logout { client } => {
                if self.standing(client).is_none() {
                    return UNKNOWN_CLIENT;
                }
                self.history.push(Event::LoggedOut { client });
                Answer::LoggedOut { client }
            }
            Action::LookUp { client, peer } => match self.look_up(client, peer) {
                Err(refused) => refused,
                Ok((_, Standing { address: None, .. })) => {
                    Answer::Refused { status: 404, code: "address_unknown" }
                }
                Ok((peer, Standing { address: Some(address), pulsed, .. })) => Answer::Address {
                    peer,
                    host: as_ipv4_if_mapped(address.ip()),
                    port: address.port(),
                    last_online: self.seconds_since(pulsed),
                    timestamp,
                },
            },
            Action::Status { client, peer } => match self.look_up(client, peer) {
                Err(refused) => refused,
                Ok((peer, Standing { heard, pulsed, .. })) => {
                    let online = heard.is_some_and(|then| self.now < then + self.interval + self.grace);
                    Answer::Status {
                        peer,
                        status: if online { "ONLINE" } else { "PENDING" },
                        last_online: self.seconds_since(pulsed),
                        timestamp,
                    }
                }
            },
            Action::Tick { .. }
            | Action::Advance { .. }
            | Action::Until { .. }
            | Action::StepWallClock { .. }
            | Action::Stall { .. }
            | Action::Restart { .. }
            | Action::Crash { .. }
            | Action::Command { .. }
            | Action::Lose { .. }
            | Action::Link { .. }
            | Action::Rebind { .. } => Answer::Silence,
        }
    }

    /// What the history says of `client`. `None`: it never registered, logged out, or has gone.
    pub fn standing(&self, client: u16) -> Option<Standing> {
        let Story { standing, resumed, .. } = self.story(client);
        standing.filter(|standing| !self.gone(standing, resumed, self.now))
    }

    /// Whether `client` was gone before the latest crash, and the crash may have undone that. It has, for the model, until
    /// [`Model::stays_gone`].
    pub fn either_way(&self, client: u16) -> bool {
        self.story(client).either_way
    }

    /// The latest crash has not undone that `client` was gone.
    pub fn stays_gone(&mut self, client: u16) {
        self.history.push(Event::StaysGone { client });
    }

    /// All clients that ever registered: a fuzzer names any.
    pub fn registered(&self) -> BTreeSet<u16> {
        let registered =
            |event: &Event| if let Event::Registered { client, .. } = *event { Some(client) } else { None };
        self.history.iter().filter_map(registered).collect()
    }

    /// Which of these clients are registered and not gone.
    pub fn living(&self, clients: impl Iterator<Item = u16>) -> usize {
        clients.filter(|&client| self.standing(client).is_some()).count()
    }

    /// From when on a pulse of the client is late; `None` if there is no such client.
    pub fn late_at(&self, client: u16) -> Option<u64> {
        self.standing(client).map(|standing| self.judged_from(&standing) + self.interval + self.grace)
    }

    /// When the client will be gone if nothing more is heard of it; `None` if there is no such client.
    pub fn gone_at(&self, client: u16) -> Option<u64> {
        self.standing(client).map(|standing| self.judged_from(&standing) + self.interval + self.error_time)
    }

    /// What the clock of decisions shows.
    pub fn clock(&self) -> u64 {
        self.clock
    }

    /// The latest time that the server has seen.
    pub fn now(&self) -> u64 {
        self.now
    }

    fn pulse(&mut self, client: Option<u16>, from: SocketAddr) -> Answer {
        let number = match client.and_then(|client| Some((client, self.standing(client)?))) {
            None => 1060,
            Some((_, standing)) if self.now >= self.judged_from(&standing) + self.interval + self.grace => {
                1050
            }
            Some((client, _)) => {
                self.history.push(Event::Pulsed { client, at: self.now, elapsed: self.elapsed, from });
                1020
            }
        };
        Answer::Code { to: from, number }
    }

    fn look_up(&self, client: u16, peer: Option<u16>) -> Result<(u16, Standing), Answer> {
        if self.standing(client).is_none() {
            return Err(UNKNOWN_CLIENT);
        }
        let peer = peer.ok_or(Answer::Refused { status: 400, code: "malformed_client_id" })?;
        let standing = self.standing(peer).ok_or(Answer::Refused { status: 404, code: "unknown_peer" })?;
        Ok((peer, standing))
    }

    fn pass(&mut self, millis: i64) {
        self.clock = moved(self.clock, millis);
        self.unix = moved(self.unix, millis);
        self.elapsed = moved(self.elapsed, millis.max(0));
    }

    fn stall(&mut self, millis: u64) {
        let since = self.clock;
        self.pass(signed(millis));
        if self.clock - since > self.grace.max(1000) {
            let since = since.max(self.now);
            self.now = self.now.max(self.clock);
            self.history.push(Event::Away { since, back: self.now });
        }
    }

    fn restart(&mut self, down: u64, rebooted: bool, forgets: bool) {
        let stopped = self.now.max(self.clock);
        self.down(down, rebooted);
        self.history.push(Event::Restarted { stopped, back: self.now, forgets });
    }

    fn crash(&mut self, down: u64, rebooted: bool, unwritten: u64) {
        let (seen, written) = (self.now, self.elapsed.checked_sub(unwritten.min(WRITE_BEHIND)));
        self.down(down, rebooted);
        self.history.push(Event::Crashed { seen, written, back: self.now });
    }

    /// The server is not there for a while, and then looks at a clock that it has not seen before.
    fn down(&mut self, millis: u64, rebooted: bool) {
        self.pass(signed(millis));
        if rebooted {
            self.clock = 0;
        }
        self.now = self.clock;
    }

    fn story(&self, client: u16) -> Story {
        story(&self.history, client, |standing, resumed, then| self.gone(standing, resumed, then))
    }

    fn gone(&self, standing: &Standing, resumed: u64, then: u64) -> bool {
        then >= standing.heard.unwrap_or(0).max(resumed) + self.interval + self.error_time
    }

    /// From when on the client's silence counts against it.
    fn judged_from(&self, standing: &Standing) -> u64 {
        let resumed = self.history.iter().rev().find_map(|event| match *event {
            Event::Away { back, .. } | Event::Restarted { back, .. } | Event::Crashed { back, .. } => {
                Some(back)
            }
            Event::Registered { .. }
            | Event::Pulsed { .. }
            | Event::Verified { .. }
            | Event::LoggedOut { .. }
            | Event::StaysGone { .. } => None,
        });
        standing.heard.max(resumed).unwrap_or(0)
    }

    fn seconds_since(&self, then: Option<u64>) -> Option<u64> {
        then.map(|then| (self.now - then) / 1000)
    }
}

const UNKNOWN_CLIENT: Answer = Answer::Refused { status: 401, code: "unknown_client" };

fn signed(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

fn moved(clock: u64, millis: i64) -> u64 {
    let moved = i128::from(clock) + i128::from(millis);
    u64::try_from(moved.clamp(0, i128::from(END_OF_TIME))).unwrap_or(0)
}

/// `::ffff:192.0.2.7` is 192.0.2.7.
pub fn as_ipv4_if_mapped(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => match v6.octets() {
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d] => IpAddr::from([a, b, c, d]),
            _ => ip,
        },
        IpAddr::V4(_) => ip,
    }
}
