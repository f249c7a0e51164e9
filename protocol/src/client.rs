//! The client's side as a sans-IO state machine: what the server says and the time go in, pulses and requests come out.
//!
//! ```text
//!              register: 200                     pulse: 1020
//! Registering ───────────────▶ Registered ─────────────────────▶ Online ◀────────┐
//!   ▲   │ refused, no answer:      │  │                            │  │           │ pulse: 1020
//!   │   └ again after a wait       │  └── a pulse and its 3 repeats unanswered ─▶ Lost
//!   │                              │                               │             │
//!   │                              └──────── pulse: 1050 or 1060 ──┴─────────────┘
//!   │                                                │
//!   │ verify: 401                                    ▼          verify: 200: pulse at once
//!   └────────────────────────────────────────── Verifying ────────────────────────▶ Registered
//!                                                    └ refused, no answer: again after a wait; pulses go on
//!
//! any with an id ── logout() ──▶ LoggingOut ── 200, 401, or three times no answer ──▶ Ended
//! ```
//!
//! **A datagram can be forged, so it never costs a client its id**: 1060 and 1050 both only lead to a verify, and the server's answer
//! over HTTP decides. A code counts only while a pulse waits for one.
//!
//! The machine holds no key: the host does, and sends it when it is told to pulse. So all that goes in and comes out can be
//! recorded and shown.
//!
//! # The driver contract
//!
//! Make it with [`Client::new`], or with [`Client::resume`] for an id that was kept. After that call and each other one that takes
//! `now`, do all that [`Client::poll_output`] and [`Client::poll_event`] return until both return `None`; then call
//! [`Client::handle_timeout`] when [`Client::poll_timeout`] is due. Hand in only codes that came from the server's address.

use alloc::collections::VecDeque;
use core::net::SocketAddr;

use crate::jitter::Jitter;
use crate::{ClientId, Instant, Millis, PulseCode, Timing};

mod message;
mod pace;
mod steps;

#[cfg(test)]
mod tests;

pub use message::{Answer, Event, Output, Request, State};
pub use pace::REQUEST_TIMEOUT;

/// A client of a rendezvous server.
#[derive(Clone, Debug)]
pub struct Client {
    phase: Phase,
    id: Option<ClientId>,
    /// The id that the next registration stands in for.
    lost: Option<ClientId>,
    /// Whether the program was told of the id.
    told: bool,
    timing: Timing,
    address: Option<SocketAddr>,
    now: Instant,
    jitter: Jitter,
    /// When the next pulse is due.
    pulse_at: Option<Instant>,
    waiting: Option<Waiting>,
    link: Link,
    /// Accepted since the mapping is new: the second pulse comes soon.
    accepted: u32,
    /// How often a verify said that all is well since a pulse was last accepted.
    false_alarms: u32,
    /// The one request that decides about the id.
    pending: Option<Pending>,
    retry: Option<(Instant, Request)>,
    /// Of it, in a row.
    failures: u32,
    /// A look at its own address.
    check: Option<Pending>,
    check_at: Option<Instant>,
    next_number: u32,
    outputs: VecDeque<Output>,
    events: VecDeque<Event>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Registering,
    /// It has an id; `Verifying` is a request of this phase.
    Known,
    LoggingOut,
    Ended,
}

/// What the last pulses say of the way to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Untried,
    Good,
    Silent,
}

/// A pulse whose answer may still come.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// When it is repeated or given up; `None` if it was answered with a doubt. Its good answer may still come, when the
    /// doubt was forged.
    at: Option<Instant>,
    repeats: u32,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    number: u32,
    request: Request,
    until: Instant,
}

impl Client {
    /// A client that has no id, and registers at once. `seed` decides its jitter: give each client another.
    pub fn new(now: Instant, seed: u64) -> Self {
        let mut client = Self::idle(now, seed);
        client.ask(Request::Register);
        client
    }

    /// A client that had an id and a key before, with the timing that the server told it: it verifies, and registers only
    /// if the server does not know it any more.
    pub fn resume(now: Instant, id: ClientId, timing: Timing, seed: u64) -> Self {
        let mut client = Self::idle(now, seed);
        client.phase = Phase::Known;
        client.id = Some(id);
        client.timing = timing;
        client.ask(Request::Verify);
        client
    }

    fn idle(now: Instant, seed: u64) -> Self {
        Self {
            phase: Phase::Registering,
            id: None,
            lost: None,
            told: false,
            timing: Timing::default(),
            address: None,
            now,
            jitter: Jitter::new(seed),
            pulse_at: None,
            waiting: None,
            link: Link::Untried,
            accepted: 0,
            false_alarms: 0,
            pending: None,
            retry: None,
            failures: 0,
            check: None,
            check_at: None,
            next_number: 1,
            outputs: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Its id; `None` while it has none.
    pub fn id(&self) -> Option<ClientId> {
        self.id
    }

    /// How it stands.
    pub fn state(&self) -> State {
        let verifies =
            self.pending.map(|pending| pending.request).or_else(|| self.retry.map(|(_, request)| request));
        match self.phase {
            Phase::Registering => State::Registering,
            Phase::Known if verifies == Some(Request::Verify) => State::Verifying,
            Phase::Known => match self.link {
                Link::Untried => State::Registered,
                Link::Good => State::Online,
                Link::Silent => State::Lost,
            },
            Phase::LoggingOut => State::LoggingOut,
            Phase::Ended => State::Ended,
        }
    }

    /// How its server wants pulses.
    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// Where the server sees it, as it last said; `None` before it was asked.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The next thing to know.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Client::handle_timeout`] is to be called; `None` once it has ended.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let own = [
            self.pulse_at,
            self.waiting.and_then(|waiting| waiting.at),
            self.pending.map(|pending| pending.until),
            self.retry.map(|(at, _)| at),
            self.check.map(|check| check.until),
            self.check_at,
        ];
        own.into_iter().flatten().min()
    }

    /// Time passed: does what is due. After it, [`Client::poll_timeout`] is later than `now`, or `None`.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.advance(now);
        if let Some(pending) = self.pending.take_if(|pending| pending.until.is_due(now)) {
            self.failed(pending.request, Answer::Failed);
        }
        if self.check.take_if(|check| check.until.is_due(now)).is_some() {
            self.check_at = Some(now + pace::address_check(&self.timing));
        }
        if let Some((_, request)) = self.retry.take_if(|(at, _)| at.is_due(now)) {
            self.ask(request);
        }
        if let Some(waiting) = self.waiting.take_if(|waiting| waiting.at.is_some_and(|at| at.is_due(now))) {
            if waiting.repeats == pace::REPEATS {
                self.unanswered();
            } else if !self.pulse_at.is_some_and(|at| at.is_due(now)) {
                self.pulse(waiting.repeats + 1);
            }
        }
        if self.pulse_at.is_some_and(|at| at.is_due(now)) {
            self.pulse_in_turn();
        }
        if self.check_at.take_if(|at| at.is_due(now)).is_some() {
            self.look_itself_up();
        }
    }

    /// The server answers a pulse. Whether it is from the server's address is the host's to check.
    pub fn handle_code(&mut self, now: Instant, code: PulseCode) {
        let now = self.advance(now);
        let Some(waiting) = &mut self.waiting else {
            return; // Nobody asked: it is a copy, came too late, or is forged.
        };
        match code {
            PulseCode::OnTime => {
                self.waiting = None;
                self.false_alarms = 0;
                self.accepted = self.accepted.saturating_add(1);
                if self.link != Link::Good {
                    self.link = Link::Good;
                    self.events.push_back(Event::Online);
                }
                if self.accepted == 1 {
                    let soon = now + pace::second_pulse(&self.timing);
                    self.pulse_at = self.pulse_at.map(|planned| planned.min(soon));
                    self.look_itself_up();
                }
            }
            // One doubt a pulse: whoever forges them does not set the pace.
            PulseCode::Reverify | PulseCode::NotFound => {
                if waiting.at.take().is_some() {
                    self.link = Link::Untried;
                    self.doubt();
                }
            }
        }
    }

    /// The server answers the request with this number. Answers to others than those that are waited for change nothing.
    pub fn handle_answer(&mut self, now: Instant, number: u32, answer: Answer) {
        let now = self.advance(now);
        if self.check.take_if(|check| check.number == number).is_some() {
            self.check_at = Some(now + pace::address_check(&self.timing));
            match answer {
                Answer::Address(address) => self.seen_at(address),
                Answer::Unknown => self.doubt(),
                Answer::Registered { .. } | Answer::Done | Answer::Refused { .. } | Answer::Failed => {}
            }
        }
        let Some(Pending { request, .. }) = self.pending.take_if(|pending| pending.number == number) else {
            return;
        };
        match (request, answer) {
            (Request::Register, Answer::Registered { id, timing }) => self.registered(id, timing),
            (Request::Verify, Answer::Done) => self.verified(),
            (Request::Verify, Answer::Unknown) => self.forgotten(),
            (Request::Logout, Answer::Done | Answer::Unknown) => self.end(true),
            (
                Request::Register | Request::Verify | Request::Logout | Request::OwnAddress,
                Answer::Registered { .. }
                | Answer::Done
                | Answer::Address(_)
                | Answer::Unknown
                | Answer::Refused { .. }
                | Answer::Failed,
            ) => self.failed(request, answer),
        }
    }

    /// The host has another address of its own, or the server has: pulses at once, since whatever mapping there was is of no use.
    pub fn network_changed(&mut self, now: Instant) {
        let now = self.advance(now);
        self.failures = 0;
        if let Some((at, _)) = &mut self.retry {
            *at = now + Millis(1);
        }
        if self.phase == Phase::Known && self.told {
            self.accepted = 0;
            self.pulse_in_turn();
        }
    }

    /// Says goodbye: [`Event::LoggedOut`] is the last event.
    pub fn logout(&mut self, now: Instant) {
        self.advance(now);
        match self.phase {
            // Whatever registration is under way, nobody has its key: it expires.
            Phase::Registering => self.end(true),
            Phase::Known => {
                self.silence();
                self.phase = Phase::LoggingOut;
                self.ask(Request::Logout);
            }
            Phase::LoggingOut | Phase::Ended => {}
        }
    }

    /// The clock never runs backwards.
    fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }
}
