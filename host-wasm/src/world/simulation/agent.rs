//! What a client does of itself: when it pulses, what it makes of an answer, what it repeats. It knows nothing of NATs,
//! links or the log: it is told the time and what arrives, and says what it does.
//!
//! One that behaves leaves all of that to the protocol's client machine ([`Behaved`]); the others are here to show what comes of
//! doing less, or worse.

use std::net::SocketAddrV4;

use rendezvous_protocol::punch::Probe;
use rendezvous_protocol::{PulseCode, Timing};

use super::behaved::Behaved;
use super::chance::Chance;
use super::meeting::Meeting;
use super::message::{Asked, Heard};
use crate::world::{Asks, ClientClock, Command, Group, Policy, World};

/// How long a client waits for the answer to a request.
const REQUEST_TIMEOUT: u64 = 10_000;
/// After failures a client waits up to this long, twice as long each time, and never longer than the last.
const FIRST_BACK_OFF: u64 = 1_000;
const LONGEST_BACK_OFF: u64 = 30_000;
/// Its own requests have numbers from here on, those of the client machine lower ones.
const FIRST_REQUEST: u32 = 1 << 31;

#[derive(Debug)]
pub(super) struct Agent {
    me: u16,
    policy: Policy,
    clock: ClientClock,
    timing: Timing,
    /// What does the rest, for one that behaves.
    behaved: Option<Box<Behaved>>,
    asks: Option<Asks>,
    meeting: Option<Meeting>,
    /// Whether it logged out, and does nothing of itself any more.
    retired: bool,
    pulse_at: Option<u64>,
    requests: Vec<Pending>,
    next_request: u32,
    again: Option<(u64, Asked)>,
    failures: u32,
    ask_at: Option<u64>,
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
    /// Sends a probe to another client, or the answer to one.
    Probe { to: SocketAddrV4, probe: Probe },
    /// Lets whoever watches know.
    Says(&'static str, String),
}

/// What goes on around an agent while it acts.
#[derive(Debug)]
pub(super) struct Moment<'a> {
    pub(super) now: u64,
    pub(super) chance: &'a mut Chance,
    pub(super) deeds: &'a mut Vec<Deed>,
    /// Who has which id.
    pub(super) world: &'a World,
}

impl Moment<'_> {
    pub(super) fn says(&mut self, does: &'static str, detail: String) {
        self.deeds.push(Deed::Says(does, detail));
    }
}

impl Agent {
    pub(super) fn new(me: u16, group: &Group, timing: Timing) -> Self {
        Self {
            me,
            policy: group.policy,
            clock: group.clock,
            timing,
            behaved: None,
            asks: group.asks,
            meeting: None,
            retired: false,
            pulse_at: None,
            requests: vec![],
            next_request: FIRST_REQUEST,
            again: None,
            failures: 0,
            ask_at: None,
        }
    }

    /// It is switched on.
    pub(super) fn start(&mut self, moment: &mut Moment<'_>, meets: Option<u16>) {
        match self.policy {
            Policy::WellBehaved => self.behave(moment),
            Policy::Fixed { .. } | Policy::Lazy { .. } => self.request(moment, self.me, Asked::Register),
            Policy::Manual => {}
            Policy::Noise { .. } => self.pulse_at = Some(moment.now),
            Policy::Thief { every, .. } => self.pulse_at = Some(moment.now + self.clock.real(every)),
        }
        self.ask_at = self.asks.map(|asks| moment.now + self.clock.real(asks.every));
        self.meeting = meets.map(|peer| Meeting::new(peer, self.clock.counts(moment.now)));
    }

    /// When it wants to be woken.
    pub(super) fn poll_timeout(&self) -> Option<u64> {
        let own = [
            self.pulse_at,
            self.again.map(|(at, _)| at),
            self.ask_at,
            self.behaved.as_ref().and_then(|behaved| behaved.poll_timeout()),
            self.meeting.as_ref().and_then(Meeting::poll_timeout).and_then(|due| self.clock.reaches(due)),
        ];
        own.into_iter().flatten().chain(self.requests.iter().map(|request| request.until)).min()
    }

    /// Does what is due.
    pub(super) fn wake(&mut self, moment: &mut Moment<'_>) {
        let now = moment.now;
        while let Some(at) = self.requests.iter().position(|request| request.until <= now) {
            let request = self.requests.remove(at);
            moment.says("request timed out", String::new());
            self.failed(moment, request.asked);
        }
        if let Some((_, asked)) = self.again.take_if(|(at, _)| *at <= now) {
            self.request(moment, self.me, asked);
        }
        if let Some(behaved) = &mut self.behaved {
            behaved.wake(moment);
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
        let whom = self.meeting.as_mut().and_then(|meeting| meeting.wake(self.clock.counts(now), moment));
        if let Some(peer) =
            whom.filter(|_| self.behaved.as_ref().is_none_or(|behaved| behaved.is_registered()))
        {
            self.request(moment, self.me, Asked::LookUp(peer));
        }
    }

    /// Does what the scenario says.
    pub(super) fn command(&mut self, moment: &mut Moment<'_>, command: Command) {
        match command {
            Command::Register if self.policy == Policy::WellBehaved && self.is_idle() => self.behave(moment),
            Command::Register => {
                self.retired = false;
                self.request(moment, self.me, Asked::Register);
            }
            Command::Pulse => self.pulse(moment),
            Command::Verify => self.request(moment, self.me, Asked::Verify),
            Command::Logout if self.behaved.is_some() => {
                self.behaved.iter_mut().for_each(|behaved| behaved.logout(moment));
            }
            Command::Logout => {
                self.retired = true;
                self.pulse_at = None;
                self.again = None;
                self.request(moment, self.me, Asked::Logout);
            }
            Command::Noise => self.noise(moment),
            Command::LookUp(peer) => self.request(moment, self.me, Asked::LookUp(peer)),
            Command::Status(peer) => self.request(moment, self.me, Asked::Status(peer)),
            Command::Meet(peer) => {
                self.meeting = Some(Meeting::new(peer, self.clock.counts(moment.now)));
            }
            Command::Replay(victim) => moment.deeds.push(Deed::Pulse(victim)),
            // Whoever moves the client about sees to these.
            Command::Sleep | Command::Wake => {}
        }
    }

    /// The server answers a pulse.
    pub(super) fn code(&mut self, moment: &mut Moment<'_>, code: PulseCode) {
        if let Some(behaved) = &mut self.behaved {
            return behaved.code(moment, code);
        }
        match code {
            PulseCode::Reverify if self.acts() => {
                if !self.requests.iter().any(|request| request.asked == Asked::Verify) {
                    moment.says("verifies", String::new());
                    self.request(moment, self.me, Asked::Verify);
                }
            }
            // It believes what anybody could have sent.
            PulseCode::NotFound if self.acts() => self.register_again(moment),
            PulseCode::OnTime | PulseCode::Reverify | PulseCode::NotFound => {}
        }
    }

    /// The server answers a request.
    pub(super) fn heard(&mut self, moment: &mut Moment<'_>, number: u32, asked: Asked, heard: Heard) {
        if heard == Heard::NoConnection {
            moment.says("finds no server", String::new());
        }
        if number < FIRST_REQUEST {
            return self.behaved.iter_mut().for_each(|behaved| behaved.heard(moment, number, asked, heard));
        }
        let Some(at) = self.requests.iter().position(|request| request.number == number) else {
            return; // It came too late.
        };
        self.requests.remove(at);
        match (asked, heard) {
            (Asked::Register, Heard::Ok) => {
                moment.says("registered", String::new());
                self.is_known(moment);
            }
            // An earlier answer to its registration was lost.
            (Asked::Register, Heard::Taken | Heard::Refused(_)) if self.acts() => {
                self.request(moment, self.me, Asked::Verify);
            }
            (Asked::Verify, Heard::Ok) => self.is_known(moment),
            (Asked::Verify, Heard::Refused(401)) if self.acts() => self.register_again(moment),
            (Asked::Logout, Heard::Ok | Heard::Refused(_)) => {
                moment.says("logged out", String::new());
            }
            (Asked::LookUp(peer), Heard::Address(address)) => {
                let now = self.clock.counts(moment.now);
                if let Some(meeting) = &mut self.meeting {
                    meeting.found(now, (self.me, peer), address, moment);
                }
            }
            (_, Heard::NoConnection) => self.failed(moment, asked),
            (Asked::Register | Asked::Verify, Heard::Refused(_) | Heard::Taken | Heard::Address(_))
            | (Asked::Logout, Heard::Taken | Heard::Address(_))
            | (Asked::LookUp(_), Heard::Ok | Heard::Taken | Heard::Refused(_))
            | (Asked::Status(_), Heard::Ok | Heard::Taken | Heard::Refused(_) | Heard::Address(_)) => {}
        }
    }

    /// A probe of another client arrives, or the answer to one.
    pub(super) fn probed(&mut self, moment: &mut Moment<'_>, from: SocketAddrV4, probe: &Probe) {
        let now = self.clock.counts(moment.now);
        if let Some(meeting) = &mut self.meeting {
            meeting.probed(now, from, probe, moment);
        }
    }

    /// It runs the client machine from now on.
    fn behave(&mut self, moment: &mut Moment<'_>) {
        self.behaved = Some(Box::new(Behaved::new(self.me, self.clock, self.timing, moment)));
    }

    /// Whether nothing runs of itself: it never began, or has ended.
    fn is_idle(&self) -> bool {
        self.behaved.as_ref().is_none_or(|behaved| behaved.has_ended())
    }

    /// The server has just said that it knows this client.
    fn is_known(&mut self, moment: &mut Moment<'_>) {
        self.failures = 0;
        if !self.acts() {
            return;
        }
        // A clock that ticks already goes on ticking.
        let ticking = matches!(self.policy, Policy::Fixed { .. }) && self.pulse_at.is_some();
        if !ticking {
            self.pulse_at = Some(moment.now + self.next_pulse(moment));
        }
        self.pulse(moment);
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
                self.pulse(moment);
            }
            Policy::Lazy { .. } => {
                self.pulse_at = Some(moment.now + self.next_pulse(moment));
                self.pulse(moment);
            }
            Policy::WellBehaved | Policy::Manual => {}
        }
    }

    fn pulse(&self, moment: &mut Moment<'_>) {
        moment.deeds.push(Deed::Pulse(self.me));
    }

    /// How long after this pulse the next is to come.
    fn next_pulse(&self, moment: &mut Moment<'_>) -> u64 {
        let wait = match self.policy {
            Policy::Fixed { every } => every,
            Policy::Lazy { from, to } => moment.chance.between(from, to),
            Policy::WellBehaved | Policy::Manual | Policy::Noise { .. } | Policy::Thief { .. } => {
                self.timing.pulse_interval().0
            }
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
        self.pulse_at = None;
        if self.again.is_none() && !self.requests.iter().any(|request| request.asked == Asked::Register) {
            moment.says("registers again", String::new());
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
        matches!(self.policy, Policy::Fixed { .. } | Policy::Lazy { .. })
    }
}
