//! What the specification says of each client, kept up to date as things happen.
//!
//! The rules are stated here a second time, in plain numbers and on purpose: a mistake in the protocol crate does not
//! make this module agree with it. The reference model of the tests states the rules a third time, works from the whole history,
//! and checks more: which client an answer names, timestamps, changes for the store. But the time that the model takes grows with
//! the square of the history, so it judges runs of a few clients. This module takes the same time for each answer, and judges
//! crowds and whatever runs in the page. In `tests/planted`, only this module finds 59, and only the model finds 60.

use std::net::SocketAddr;

use serde::Serialize;

use super::expected::Expected;
use crate::world::{Action, Keys, Setup, WRITE_BEHIND, World};

/// How a client stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Standing {
    /// It was heard recently.
    Online,
    /// It is shown as PENDING, and its pulse is accepted: it was the server that was away.
    Pending,
    /// It is shown as PENDING, and its pulse is too late: it must verify.
    Late,
    /// It was silent for too long, or the server forgot it.
    Gone,
    /// It logged out.
    Left,
}

impl Standing {
    /// As the log has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Online => "ONLINE",
            Self::Pending => "PENDING",
            Self::Late => "LATE",
            Self::Gone => "GONE",
            Self::Left => "LEFT",
        }
    }
}

#[derive(Debug)]
pub(super) struct Book {
    interval: u64,
    grace: u64,
    error_time: u64,
    keys: Keys,
    /// What the clock showed when it last did.
    clock: u64,
    /// How much time had really passed then.
    elapsed: u64,
    /// The latest time that the server has seen: its clock never runs backwards.
    now: u64,
    /// When the server last came back.
    resumed: u64,
    clients: Vec<Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    /// Whether it was ever registered.
    ever: bool,
    left: bool,
    live: Option<Live>,
    /// Whether it may be on disk: also if it is gone, for a while.
    stored: bool,
    /// Its address on disk.
    written: Option<SocketAddr>,
    /// Its later addresses, and when they were first heard of, in milliseconds of time that really passed. Whatever is older
    /// than [`WRITE_BEHIND`] is on disk.
    unwritten: Vec<(u64, SocketAddr)>,
}

#[derive(Clone, Copy, Debug)]
struct Live {
    heard: Option<u64>,
    pulsed: Option<u64>,
    address: Option<SocketAddr>,
}

impl Book {
    pub(super) fn new(setup: &Setup) -> Self {
        let timing = &setup.timing;
        Self {
            interval: timing.pulse_interval().0,
            grace: timing.pulse_grace().0,
            error_time: timing.error_time().0,
            keys: setup.keys(),
            clock: setup.start.now.as_millis(),
            elapsed: 0,
            now: 0,
            resumed: 0,
            clients: vec![],
        }
    }

    /// What must come of `action`, which `world` has just done. Nothing is asked of it but what its clocks show, and after
    /// a crash whether it knows those who were gone: both are right.
    pub(super) fn expect(&mut self, action: &Action, world: &World) -> Expected {
        let before = std::mem::replace(&mut self.clock, world.clock().now.as_millis());
        let killed = std::mem::replace(&mut self.elapsed, world.elapsed());
        match *action {
            Action::Advance { .. }
            | Action::Until { .. }
            | Action::StepWallClock { .. }
            | Action::Command { .. }
            | Action::Lose { .. }
            | Action::Link { .. }
            | Action::Rebind { .. } => Expected::Nothing,
            Action::Stall { .. } => {
                self.stalled(before);
                Expected::Nothing
            }
            Action::Restart { forgets, .. } => {
                self.restarted(before, forgets);
                Expected::Nothing
            }
            Action::Crash { unwritten, .. } => {
                self.crashed(killed, unwritten, world);
                Expected::Nothing
            }
            Action::Tick { .. } => {
                self.arrive();
                Expected::Nothing
            }
            Action::Pulse { client, from } => self.pulse(Some(client), from),
            Action::Datagram { from, ref payload } if payload.as_ref().len() == 32 => {
                self.pulse(self.keys.client(payload.as_ref()), from)
            }
            Action::Datagram { .. } => Expected::Nothing,
            Action::Register { client } => self.register(client),
            Action::Verify { client } => self.known(client, |live, now| live.heard = Some(now)),
            Action::Logout { client } => {
                let expected = self.known(client, |_, _| ());
                if expected == Expected::Ok {
                    *self.entry(client) = Entry { ever: true, left: true, ..Entry::default() };
                }
                expected
            }
            Action::LookUp { client, peer } => match self.look_up(client, peer) {
                Err(refused) => refused,
                Ok(Live { address: None, .. }) => Expected::Refused { status: 404, code: "address_unknown" },
                Ok(Live { address: Some(address), pulsed, .. }) => {
                    Expected::Address { address, last_online: self.seconds_since(pulsed) }
                }
            },
            Action::Status { client, peer } => match self.look_up(client, peer) {
                Err(refused) => refused,
                Ok(live) => Expected::Status {
                    status: if self.online(&live, self.now) { "ONLINE" } else { "PENDING" },
                    last_online: self.seconds_since(live.pulsed),
                },
            },
        }
    }

    /// How a client stands at `now`, and until when; `None` if it never registered.
    pub(super) fn standing(&self, client: u16, now: u64) -> Option<(Standing, Option<u64>)> {
        let now = now.max(self.now);
        let entry = self.clients.get(usize::from(client)).filter(|entry| entry.ever)?;
        let Some(live) = entry.live.filter(|live| !self.gone(live, now)) else {
            return Some((if entry.left { Standing::Left } else { Standing::Gone }, None));
        };
        let late = self.judged_from(&live) + self.interval + self.grace;
        let gone = self.judged_from(&live) + self.interval + self.error_time;
        Some(match live.heard {
            Some(heard) if self.online(&live, now) => {
                (Standing::Online, Some(heard + self.interval + self.grace))
            }
            _ if now < late => (Standing::Pending, Some(late)),
            _ => (Standing::Late, Some(gone)),
        })
    }

    /// How many clients there may be: their numbers are smaller.
    pub(super) fn population(&self) -> u16 {
        u16::try_from(self.clients.len()).unwrap_or(u16::MAX)
    }

    /// How many are registered and not gone.
    pub(super) fn living(&self) -> usize {
        let live = self.clients.iter().filter_map(|entry| entry.live);
        live.filter(|live| !self.gone(live, self.now)).count()
    }

    pub(super) fn now(&self) -> u64 {
        self.now
    }

    fn arrive(&mut self) {
        self.now = self.now.max(self.clock);
    }

    fn register(&mut self, client: u16) -> Expected {
        self.arrive();
        if self.live(client).is_some() {
            return Expected::Taken;
        }
        let live = Live { heard: Some(self.now), pulsed: None, address: None };
        *self.entry(client) = Entry { ever: true, live: Some(live), stored: true, ..Entry::default() };
        Expected::Registered
    }

    fn pulse(&mut self, client: Option<u16>, from: SocketAddr) -> Expected {
        if from.port() == 0 {
            return Expected::Nothing;
        }
        self.arrive();
        let number = match client.and_then(|client| Some((client, self.live(client)?))) {
            None => 1060,
            Some((_, live)) if self.now >= self.judged_from(&live) + self.interval + self.grace => 1050,
            Some((client, live)) => {
                let address = SocketAddr::new(from.ip().to_canonical(), from.port());
                let (now, elapsed) = (self.now, self.elapsed);
                let entry = self.entry(client);
                entry.live = Some(Live { heard: Some(now), pulsed: Some(now), address: Some(address) });
                if live.address != Some(address) {
                    entry.write(elapsed, WRITE_BEHIND);
                    entry.unwritten.push((elapsed, address));
                }
                1020
            }
        };
        Expected::Code { to: from, number }
    }

    fn known(&mut self, client: u16, change: impl FnOnce(&mut Live, u64)) -> Expected {
        self.arrive();
        let Some(mut live) = self.live(client) else { return UNKNOWN_CLIENT };
        change(&mut live, self.now);
        self.entry(client).live = Some(live);
        Expected::Ok
    }

    fn look_up(&mut self, client: u16, peer: Option<u16>) -> Result<Live, Expected> {
        self.arrive();
        self.live(client).ok_or(UNKNOWN_CLIENT)?;
        let peer = peer.ok_or(Expected::Refused { status: 400, code: "malformed_client_id" })?;
        self.live(peer).ok_or(Expected::Refused { status: 404, code: "unknown_peer" })
    }

    /// The server did not run since the clock showed `since`.
    fn stalled(&mut self, since: u64) {
        if self.clock.saturating_sub(since) > self.grace.max(1000) {
            let since = since.max(self.now);
            self.forget_the_gone(since);
            self.arrive();
            self.resumed = self.now;
        }
    }

    /// The server was stopped when the clock showed `stopped`, and started again.
    fn restarted(&mut self, stopped: u64, forgets: bool) {
        self.forget_the_gone(stopped.max(self.now));
        self.now = self.clock;
        self.resumed = self.now;
        for entry in &mut self.clients {
            entry.write(u64::MAX, 0);
            entry.stored = entry.live.is_some() && !forgets;
            entry.come_back();
        }
    }

    /// The server was killed when so much time had really passed, and started again.
    fn crashed(&mut self, killed: u64, unwritten: u64, world: &World) {
        // Nobody else can have been found to be gone, and have been removed from the disk.
        self.forget_the_gone(self.now);
        self.now = self.clock;
        self.resumed = self.now;
        for (client, entry) in (0..).zip(&mut self.clients) {
            entry.write(killed, unwritten.min(WRITE_BEHIND));
            entry.unwritten.clear();
            let either_way = entry.stored && entry.live.is_none();
            entry.stored &= !either_way || world.server().record(world.id(client)).is_some();
            entry.come_back();
        }
    }

    fn forget_the_gone(&mut self, then: u64) {
        for index in 0..self.clients.len() {
            self.clients[index].live = self.clients[index].live.filter(|live| !self.gone(live, then));
        }
    }

    fn live(&self, client: u16) -> Option<Live> {
        self.clients.get(usize::from(client))?.live.filter(|live| !self.gone(live, self.now))
    }

    fn online(&self, live: &Live, now: u64) -> bool {
        live.heard.is_some_and(|heard| now < heard + self.interval + self.grace)
    }

    fn gone(&self, live: &Live, now: u64) -> bool {
        now >= self.judged_from(live) + self.interval + self.error_time
    }

    /// From when on its silence counts against a client.
    fn judged_from(&self, live: &Live) -> u64 {
        live.heard.unwrap_or(0).max(self.resumed)
    }

    fn seconds_since(&self, then: Option<u64>) -> Option<u64> {
        then.map(|then| (self.now - then) / 1000)
    }

    fn entry(&mut self, client: u16) -> &mut Entry {
        let index = usize::from(client);
        if self.clients.len() <= index {
            self.clients.resize_with(index + 1, Entry::default);
        }
        &mut self.clients[index]
    }
}

impl Entry {
    /// Addresses that were first heard of so many milliseconds ago, when so many have really passed, are on disk.
    fn write(&mut self, elapsed: u64, age: u64) {
        self.unwritten.retain(|&(at, address)| {
            let waits = elapsed - at < age;
            if !waits {
                self.written = Some(address);
            }
            waits
        });
    }

    /// The server has started with what is on disk.
    fn come_back(&mut self) {
        self.live = self.stored.then_some(Live { heard: None, pulsed: None, address: self.written });
    }
}

const UNKNOWN_CLIENT: Expected = Expected::Refused { status: 401, code: "unknown_client" };
