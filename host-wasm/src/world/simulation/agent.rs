//! What a client does of itself: when it pulses, what it makes of an answer, what it repeats. It knows nothing of NATs,
//! links or the log: it is told the time and what arrives, and says what it does.
//!
//! This is a client for simulations. It has one key for life, so that it is the same client to whoever watches: a real one
//! that has to register again gets another key, and with it another id.

use std::net::SocketAddrV4;

use rendezvous_protocol::PulseCode;

use super::chance::Chance;
use super::meeting::{Meeting, Move};
use super::message::{Asked, Heard};
use crate::world::{Asks, ClientClock, Command, Group, Policy};

/// How long a client waits for the answer to a request.
const REQUEST_TIMEOUT: u64 = 10_000;
/// After failures a client waits up to this long, twice as long each time, and never longer than the last.
const FIRST_BACK_OFF: u64 = 1_000;
const LONGEST_BACK_OFF: u64 = 30_000;
/// How often a pulse that is not answered is repeated, waiting twice as long each time.
const REPEATS: u32 = 3;

#[derive(Debug)]
pub(super) struct Agent {
    me: u16,
    policy: Policy,
    clock: ClientClock,
    /// How often a client is to pulse, as the server tells it.
    interval: u64,
    asks: Option<Asks>,
    meeting: Option<Meeting>,
    registered: bool,
    /// Whether it logged out, and does nothing of itself any more.
    retired: bool,
    /// Since it registered: the second pulse comes soon.
    accepted: u32,
    pulse_at: Option<u64>,
    repeat: Option<Repeat>,
    requests: Vec<Pending>,
    next_request: u32,
    again: Option<(u64, Asked)>,
    failures: u32,
    ask_at: Option<u64>,
}

/// A pulse that is not answered yet.
#[derive(Clone, Copy, Debug)]
struct Repeat {
    at: u64,
    done: u32,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    number: u32,
    asked: Asked,
    until: u64,
}

/// What a client does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// Sends a pulse with the key of this client.
    Pulse(u16),
    /// Sends so many random bytes.
    Noise(usize),
    /// Sends a request, showing the key of `caller`.
    Request { number: u32, caller: u16, asked: Asked },
    /// Sends a probe to another client, or answers one.
    Probe { to: SocketAddrV4, answer: bool },
    /// Lets whoever watches know.
    Says(&'static str, String),
}

/// What goes on around an agent while it acts.
#[derive(Debug)]
pub(super) struct Moment<'a> {
    pub(super) now: u64,
    pub(super) chance: &'a mut Chance,
    pub(super) deeds: &'a mut Vec<Deed>,
}

impl Agent {
    pub(super) fn new(me: u16, group: &Group, interval: u64) -> Self {
        Self {
            me,
            policy: group.policy,
            clock: group.clock,
            interval,
            asks: group.asks,
            meeting: None,
            registered: false,
            retired: false,
            accepted: 0,
            pulse_at: None,
            repeat: None,
            requests: vec![],
            next_request: 1,
            again: None,
            failures: 0,
            ask_at: None,
        }
    }

    /// It is switched on.
    pub(super) fn start(&mut self, moment: &mut Moment<'_>, meets: Option<u16>) {
        match self.policy {
            Policy::WellBehaved | Policy::Fixed { .. } | Policy::Lazy { .. } => {
                self.request(moment, self.me, Asked::Register);
            }
            Policy::Manual => {}
            Policy::Noise { .. } => self.pulse_at = Some(moment.now),
            Policy::Thief { every, .. } => self.pulse_at = Some(moment.now + self.clock.real(every)),
        }
        self.ask_at = self.asks.map(|asks| moment.now + self.clock.real(asks.every));
        self.meeting = meets.map(|peer| Meeting::new(peer, moment.now));
    }

    /// When it wants to be woken.
    pub(super) fn poll_timeout(&self) -> Option<u64> {
        let own = [
            self.pulse_at,
            self.repeat.map(|repeat| repeat.at),
            self.again.map(|(at, _)| at),
            self.ask_at,
            self.meeting.as_ref().and_then(Meeting::poll_timeout),
        ];
        own.into_iter().flatten().chain(self.requests.iter().map(|request| request.until)).min()
    }

    /// Does what is due.
    pub(super) fn wake(&mut self, moment: &mut Moment<'_>) {
        let now = moment.now;
        while let Some(at) = self.requests.iter().position(|request| request.until <= now) {
            let request = self.requests.remove(at);
            moment.deeds.push(Deed::Says("request timed out", String::new()));
            self.failed(moment, request.asked);
        }
        if let Some((_, asked)) = self.again.take_if(|(at, _)| *at <= now) {
            self.request(moment, self.me, asked);
        }
        if let Some(repeat) = self.repeat.take_if(|repeat| repeat.at <= now) {
            moment.deeds.push(Deed::Says("repeats its pulse", String::new()));
            self.send_pulse(moment, repeat.done + 1);
        }
        if let Some(due) = self.pulse_at.take_if(|at| *at <= now) {
            self.own_pulse(moment, due);
        }
        if let Some(asks) = self.asks
            && self.ask_at.take_if(|at| *at <= now).is_some()
        {
            self.ask_at = Some(now + self.clock.real(asks.every));
            self.request(moment, self.me, Asked::LookUp(asks.peer));
            self.request(moment, self.me, Asked::Status(asks.peer));
        }
        if let Some(meeting) = &mut self.meeting {
            match meeting.wake(now) {
                Some(Move::LookUp(peer)) => self.request(moment, self.me, Asked::LookUp(peer)),
                Some(Move::Probe(to)) => moment.deeds.push(Deed::Probe { to, answer: false }),
                Some(Move::GiveUp) => {
                    let detail = format!("no answer from client {}", meeting.peer());
                    moment.deeds.push(Deed::Says("gives up", detail));
                }
                None => {}
            }
        }
    }

    /// Does what the scenario says.
    pub(super) fn command(&mut self, moment: &mut Moment<'_>, command: Command) {
        match command {
            Command::Register => {
                self.retired = false;
                self.request(moment, self.me, Asked::Register);
            }
            Command::Pulse => self.send_pulse(moment, 0),
            Command::Verify => self.request(moment, self.me, Asked::Verify),
            Command::Logout => {
                self.retired = true;
                self.pulse_at = None;
                self.repeat = None;
                self.again = None;
                self.request(moment, self.me, Asked::Logout);
            }
            Command::Noise => self.noise(moment),
            Command::LookUp(peer) => self.request(moment, self.me, Asked::LookUp(peer)),
            Command::Status(peer) => self.request(moment, self.me, Asked::Status(peer)),
            Command::Meet(peer) => self.meeting = Some(Meeting::new(peer, moment.now)),
            Command::Replay(victim) => moment.deeds.push(Deed::Pulse(victim)),
            // Whoever moves the client about sees to these.
            Command::Sleep | Command::Wake => {}
        }
    }

    /// The server answers a pulse.
    pub(super) fn code(&mut self, moment: &mut Moment<'_>, code: PulseCode) {
        if matches!(self.policy, Policy::Noise { .. } | Policy::Thief { .. }) {
            return;
        }
        self.repeat = None;
        match code {
            PulseCode::OnTime => {
                self.accepted += 1;
                // A NAT that has seen one exchange only may forget it sooner.
                if self.policy == Policy::WellBehaved && self.acts() && self.accepted == 1 {
                    let soon = moment.now + self.clock.real(self.interval / 10);
                    self.pulse_at = self.pulse_at.map(|planned| planned.min(soon));
                }
            }
            PulseCode::Reverify if self.acts() => self.request_once(moment, Asked::Verify, "verifies"),
            PulseCode::NotFound if self.policy == Policy::WellBehaved && self.acts() => {
                // Anybody can send a datagram. What the server says over HTTP counts.
                self.request_once(moment, Asked::Verify, "verifies");
            }
            PulseCode::NotFound if self.acts() => self.register_again(moment),
            PulseCode::Reverify | PulseCode::NotFound => {}
        }
    }

    /// The server answers a request.
    pub(super) fn heard(&mut self, moment: &mut Moment<'_>, number: u32, heard: Heard) {
        let Some(at) = self.requests.iter().position(|request| request.number == number) else {
            return; // It came too late.
        };
        let Pending { asked, .. } = self.requests.remove(at);
        match (asked, heard) {
            (Asked::Register, Heard::Ok) => {
                moment.deeds.push(Deed::Says("registered", String::new()));
                self.accepted = 0;
                self.is_known(moment);
            }
            // An earlier answer to its registration was lost.
            (Asked::Register, Heard::Refused(_)) if self.acts() => {
                self.request(moment, self.me, Asked::Verify);
            }
            (Asked::Verify, Heard::Ok) => self.is_known(moment),
            (Asked::Verify, Heard::Refused(401)) if self.acts() => self.register_again(moment),
            (Asked::Logout, Heard::Ok | Heard::Refused(_)) => {
                moment.deeds.push(Deed::Says("logged out", String::new()));
                self.registered = false;
            }
            (Asked::LookUp(peer), Heard::Address(address)) => {
                if let Some(meeting) = &mut self.meeting
                    && meeting.found(moment.now, peer, address)
                {
                    moment.deeds.push(Deed::Says("found", format!("client {peer} at {address}")));
                }
            }
            (_, Heard::NoConnection) => {
                moment.deeds.push(Deed::Says("finds no server", String::new()));
                self.failed(moment, asked);
            }
            (Asked::Register | Asked::Verify, Heard::Refused(_) | Heard::Address(_))
            | (Asked::Logout, Heard::Address(_))
            | (Asked::LookUp(_), Heard::Ok | Heard::Refused(_))
            | (Asked::Status(_), Heard::Ok | Heard::Refused(_) | Heard::Address(_)) => {}
        }
    }

    /// A probe of another client arrives, or the answer to one.
    pub(super) fn probed(&mut self, moment: &mut Moment<'_>, from: SocketAddrV4, answer: bool) {
        if !answer {
            moment.deeds.push(Deed::Probe { to: from, answer: true });
        }
        if let Some(meeting) = &mut self.meeting
            && meeting.heard(moment.now, from, answer)
        {
            moment.deeds.push(Deed::Says("connected", format!("with client {} at {from}", meeting.peer())));
        }
    }

    /// The server has just said that it knows this client.
    fn is_known(&mut self, moment: &mut Moment<'_>) {
        self.failures = 0;
        if !self.acts() {
            return;
        }
        self.registered = true;
        // A clock that ticks already goes on ticking.
        let ticking = matches!(self.policy, Policy::Fixed { .. }) && self.pulse_at.is_some();
        if !ticking {
            self.pulse_at = Some(moment.now + self.next_pulse(moment));
        }
        self.send_pulse(moment, 0);
    }

    /// It is time for a pulse, or for what this client does in place of one.
    fn own_pulse(&mut self, moment: &mut Moment<'_>, due: u64) {
        match self.policy {
            Policy::Noise { every } => {
                self.noise(moment);
                self.pulse_at = Some(moment.now + self.clock.real(every));
            }
            Policy::Thief { victim, every } => {
                moment.deeds.push(Deed::Pulse(victim));
                self.request(moment, victim, Asked::Verify);
                self.pulse_at = Some(moment.now + self.clock.real(every));
            }
            Policy::Fixed { every } => {
                let every = self.clock.real(every);
                // One that slept through some does not make up for them.
                let missed = (moment.now - due) / every;
                self.pulse_at = Some(due + (missed + 1) * every);
                self.send_pulse(moment, 0);
            }
            Policy::WellBehaved | Policy::Lazy { .. } => {
                self.pulse_at = Some(moment.now + self.next_pulse(moment));
                self.send_pulse(moment, 0);
            }
            Policy::Manual => {}
        }
    }

    fn send_pulse(&mut self, moment: &mut Moment<'_>, repeats: u32) {
        moment.deeds.push(Deed::Pulse(self.me));
        // 1, 2 and 4 s at the usual interval of 30 s.
        let wait = self.clock.real((self.interval / 30).max(1) << repeats);
        let repeats_it = self.policy == Policy::WellBehaved && !self.retired && repeats < REPEATS;
        self.repeat = repeats_it.then_some(Repeat { at: moment.now + wait, done: repeats });
    }

    /// How long after this pulse the next is to come.
    fn next_pulse(&self, moment: &mut Moment<'_>) -> u64 {
        let interval = self.interval;
        let wait = match self.policy {
            Policy::WellBehaved => moment.chance.between(interval * 2 / 3, interval * 5 / 6),
            Policy::Fixed { every } => every,
            Policy::Lazy { from, to } => moment.chance.between(from, to),
            Policy::Manual | Policy::Noise { .. } | Policy::Thief { .. } => interval,
        };
        self.clock.real(wait)
    }

    fn noise(&mut self, moment: &mut Moment<'_>) {
        // Often of a length that matters.
        let len = match moment.chance.up_to(3) {
            0 => 32,
            1 => moment.chance.between(31, 33),
            2 => moment.chance.up_to(1_200),
            _ => moment.chance.up_to(64),
        };
        moment.deeds.push(Deed::Noise(len as usize));
    }

    fn register_again(&mut self, moment: &mut Moment<'_>) {
        self.registered = false;
        self.pulse_at = None;
        self.repeat = None;
        if self.again.is_none() && !self.requests.iter().any(|request| request.asked == Asked::Register) {
            moment.deeds.push(Deed::Says("registers again", String::new()));
            self.again = Some((moment.now + self.back_off(moment), Asked::Register));
        }
    }

    fn failed(&mut self, moment: &mut Moment<'_>, asked: Asked) {
        let repeats = match asked {
            Asked::Register | Asked::Verify => self.acts(),
            Asked::Logout => self.behaves(),
            Asked::LookUp(_) | Asked::Status(_) => false,
        };
        if repeats && self.again.is_none() {
            self.again = Some((moment.now + self.back_off(moment), asked));
        }
    }

    /// How long to wait before it tries again: at random, so that not all come at once.
    fn back_off(&mut self, moment: &mut Moment<'_>) -> u64 {
        let most = (FIRST_BACK_OFF << self.failures.min(8)).min(LONGEST_BACK_OFF);
        self.failures += 1;
        moment.chance.up_to(most)
    }

    fn request_once(&mut self, moment: &mut Moment<'_>, asked: Asked, says: &'static str) {
        if !self.requests.iter().any(|request| request.asked == asked) {
            moment.deeds.push(Deed::Says(says, String::new()));
            self.request(moment, self.me, asked);
        }
    }

    fn request(&mut self, moment: &mut Moment<'_>, caller: u16, asked: Asked) {
        let number = self.next_request;
        self.next_request = self.next_request.wrapping_add(1);
        self.requests.push(Pending { number, asked, until: moment.now + REQUEST_TIMEOUT });
        moment.deeds.push(Deed::Request { number, caller, asked });
    }

    /// Whether it does of itself what a client is to do.
    fn acts(&self) -> bool {
        !self.retired && self.behaves()
    }

    fn behaves(&self) -> bool {
        matches!(self.policy, Policy::WellBehaved | Policy::Fixed { .. } | Policy::Lazy { .. })
    }
}
