//! Hole punching as a sans-IO state machine: both clients send probes to where the server sees the other, until one is answered.
//!
//! ```text
//!                 an answer to one of our probes                    15 s without an answer: a probe,
//!           ┌───────────────────────────────────▶ Connected ──┐     then one a second
//!           │                                      │     ▲    │
//! Probing ──┤ a probe: answer it, and probe there  │     └────┘ an answer: 15 s again; from another port: it moved
//!   ▲    │  │                                      │
//!   └────┘  │ 3.2 s after the beginning            │ 30 s without an answer
//!  a probe  ▼                                      ▼
//!  each   Failed                                 Closed
//! 150 ms
//! ```
//!
//! A machine is one attempt: at most [`MAX_PROBES`] probes in [`ATTEMPT`], so that nobody can be made to flood somebody else (RFC
//! 8445, section 19.5.1, allows five times as many). A host makes up to three, each with a fresh lookup of the peer's address: that is
//! over in less than 10 s, and survives a NAT that changes its mind between them.
//!
//! **Only an answer counts.** Who answers has received a nonce that was sent to the peer's address, so it is there and wants to
//! be reached (RFC 7675 calls that consent; here, too, it lasts 30 s). Ports may differ from what the server saw, since a NAT may map
//! each destination anew; the host may not, or any stranger could point two clients at a third.
//!
//! # The driver contract
//!
//! Make a machine with [`Punch::new`] once the peer's address is known, and hand it the peer's probes ([`Probe::decode`]). After each
//! call that takes `now`, do all that [`Punch::poll_transmit`] and [`Punch::poll_event`] return; call [`Punch::handle_timeout`] when
//! [`Punch::poll_timeout`] is due. After [`Event::Failed`] and [`Event::Closed`] it sends nothing any more, and nor may the host.

use alloc::collections::VecDeque;
use core::net::SocketAddr;

use crate::jitter::Jitter;
use crate::{ClientId, Instant, Millis, canonical_address};

mod probe;

#[cfg(test)]
mod tests;

pub use probe::{Kind, PROBE_LEN, Probe};

/// The most probes of an attempt.
pub const MAX_PROBES: u32 = 20;
/// How long an attempt takes: 20 probes, and a little for the answers to the last.
pub const ATTEMPT: Millis = Millis(3_200);
/// From one probe to the next. Between 50 and 200 ms is usual: a NAT is asked for one mapping, not for many.
const PACE: Millis = Millis(150);
/// From an answer to the next probe: the shortest timers of NATs in use are said to be 20 s.
const KEEP_ALIVE: Millis = Millis::from_secs(15);
/// From a keep-alive probe without an answer to the next.
const KEEP_ALIVE_AGAIN: Millis = Millis::from_secs(1);
/// How long the last answer allows to send (RFC 7675, section 5.1).
const CONSENT: Millis = Millis::from_secs(30);

/// One attempt to reach a peer, and the path if it succeeds.
#[derive(Clone, Debug)]
pub struct Punch {
    me: ClientId,
    peer: ClientId,
    /// Where the server sees the peer.
    target: SocketAddr,
    /// Another port of that host from which the peer's probes came.
    heard: Option<SocketAddr>,
    hears: bool,
    stage: Stage,
    now: Instant,
    ends: Instant,
    sent: u32,
    next: Option<Instant>,
    /// The latest probes that may still be answered.
    asked: VecDeque<(u64, Instant)>,
    jitter: Jitter,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Probing,
    Connected { address: SocketAddr, answered: Instant },
    Over,
}

/// A datagram to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub destination: SocketAddr,
    /// What: [`Probe::encode`].
    pub probe: Probe,
}

/// What a program that wants to reach a peer may want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Another probe was sent.
    Probing {
        /// So many of [`MAX_PROBES`].
        sent: u32,
    },
    /// The peer answers: send to `address`, and what comes from there is the peer's.
    Connected {
        /// Where it answers from.
        address: SocketAddr,
        /// How long its answer took.
        rtt: Millis,
    },
    /// The peer answers from another port of its host now.
    Moved {
        /// That.
        address: SocketAddr,
    },
    /// The attempt is over, and there is no path.
    Failed {
        /// What it looked like.
        reason: Reason,
    },
    /// There was no answer for 30 s: the path is gone.
    Closed,
}

/// What a failed attempt looked like from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nothing came from the peer: it does not try, or both NATs give each destination another port.
    Silent,
    /// The peer's probes arrived, but it answered none of ours.
    OneSided,
}

impl Punch {
    /// Begins an attempt of `me` to reach `peer`, which the server sees at `address`. `seed` decides the nonces: give each attempt
    /// another, and one that nobody can guess.
    pub fn new(now: Instant, me: ClientId, peer: ClientId, address: SocketAddr, seed: u64) -> Self {
        let mut punch = Self {
            me,
            peer,
            target: canonical_address(address),
            heard: None,
            hears: false,
            stage: Stage::Probing,
            now,
            ends: now + ATTEMPT,
            sent: 0,
            next: Some(now),
            asked: VecDeque::new(),
            jitter: Jitter::new(seed),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        };
        punch.handle_timeout(now);
        punch
    }

    /// Whom it is to reach.
    pub fn peer(&self) -> ClientId {
        self.peer
    }

    /// Where the peer answers from; `None` unless connected.
    pub fn address(&self) -> Option<SocketAddr> {
        if let Stage::Connected { address, .. } = self.stage { Some(address) } else { None }
    }

    /// Whether a datagram that is no probe belongs to this path. While the attempt goes on, too: the peer may be
    /// connected before we are.
    pub fn is_from_peer(&self, source: SocketAddr) -> bool {
        let source = canonical_address(source);
        match self.stage {
            Stage::Probing => source == self.target || Some(source) == self.heard,
            Stage::Connected { address, .. } => source == address,
            Stage::Over => false,
        }
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next thing to know.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Punch::handle_timeout`] is to be called; `None` once it is over.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.stage {
            Stage::Probing => Some(self.next.map_or(self.ends, |next| next.min(self.ends))),
            Stage::Connected { answered, .. } => {
                let closes = answered + CONSENT;
                Some(self.next.map_or(closes, |next| next.min(closes)))
            }
            Stage::Over => None,
        }
    }

    /// Time passed: does what is due. After it, [`Punch::poll_timeout`] is later than `now`, or `None`.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.advance(now);
        match self.stage {
            Stage::Probing if self.ends.is_due(now) => {
                let reason = if self.hears { Reason::OneSided } else { Reason::Silent };
                self.end(Event::Failed { reason });
            }
            Stage::Connected { answered, .. } if (answered + CONSENT).is_due(now) => self.end(Event::Closed),
            Stage::Probing | Stage::Connected { .. } if self.next.is_some_and(|next| next.is_due(now)) => {
                self.probe_in_turn();
            }
            Stage::Probing | Stage::Connected { .. } | Stage::Over => {}
        }
    }

    /// A probe arrives, or an answer. Those of others, and from other hosts than the peer's, change nothing.
    pub fn handle_probe(&mut self, now: Instant, source: SocketAddr, probe: &Probe) {
        self.advance(now);
        let source = canonical_address(source);
        let is_the_peers = probe.sender == self.peer
            && probe.receiver == self.me
            && source.ip() == self.target.ip()
            && source.port() != 0;
        if !is_the_peers || self.stage == Stage::Over {
            return;
        }
        match probe.kind {
            Kind::Probe => {
                self.transmits.push_back(Transmit { destination: source, probe: probe.answer() });
                self.peer_is_at(source);
            }
            Kind::Answer => self.answered(source, probe.nonce),
        }
    }

    fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }

    /// A probe of the peer came from there, so one of ours may get through now.
    fn peer_is_at(&mut self, source: SocketAddr) {
        let is_news = match self.stage {
            Stage::Probing if self.hears => source != self.heard.unwrap_or(self.target),
            Stage::Probing => true,
            Stage::Connected { address, .. } => source != address && self.heard != Some(source),
            Stage::Over => false,
        };
        self.hears = true;
        if !is_news {
            return;
        }
        self.heard = (source != self.target).then_some(source);
        match self.stage {
            // Half of them are kept for their turn: somebody on the peer's host may come from many ports.
            Stage::Probing if self.sent < MAX_PROBES / 2 => self.probe(source),
            Stage::Connected { .. } => {
                let soon = self.now + KEEP_ALIVE_AGAIN;
                self.next = Some(self.next.map_or(soon, |next| next.min(soon)));
            }
            Stage::Probing | Stage::Over => {}
        }
    }

    fn answered(&mut self, source: SocketAddr, nonce: u64) {
        let Some(at) = self.asked.iter().position(|(asked, _)| *asked == nonce) else {
            return; // Answered before, or never asked.
        };
        let rtt = self.asked.remove(at).map_or(Millis(0), |(_, sent)| self.now.since(sent));
        match self.stage {
            Stage::Probing => self.events.push_back(Event::Connected { address: source, rtt }),
            Stage::Connected { address, .. } if address != source => {
                self.events.push_back(Event::Moved { address: source });
            }
            Stage::Connected { .. } => {}
            Stage::Over => return,
        }
        self.stage = Stage::Connected { address: source, answered: self.now };
        self.heard = None;
        self.next = Some(self.now + KEEP_ALIVE);
    }

    fn probe_in_turn(&mut self) {
        match self.stage {
            Stage::Probing => {
                // Once the peer was heard from another port, both in turn: anybody on its host can send what looks like its probe.
                let turn = self.heard.filter(|_| self.sent.is_multiple_of(2));
                self.probe(turn.unwrap_or(self.target));
                self.next = (self.sent < MAX_PROBES).then(|| self.now + PACE);
            }
            Stage::Connected { address, .. } => {
                let elsewhere = self.heard.filter(|heard| *heard != address);
                self.probe(address);
                if let Some(elsewhere) = elsewhere {
                    self.probe(elsewhere);
                }
                self.next = Some(self.now + KEEP_ALIVE_AGAIN);
            }
            Stage::Over => {}
        }
    }

    fn probe(&mut self, destination: SocketAddr) {
        let nonce = self.jitter.next();
        if self.asked.len() == MAX_PROBES as usize {
            self.asked.pop_front();
        }
        self.asked.push_back((nonce, self.now));
        let probe = Probe { kind: Kind::Probe, sender: self.me, receiver: self.peer, nonce };
        self.transmits.push_back(Transmit { destination, probe });
        if self.stage == Stage::Probing {
            self.sent += 1;
            self.events.push_back(Event::Probing { sent: self.sent });
        }
    }

    fn end(&mut self, event: Event) {
        self.stage = Stage::Over;
        self.next = None;
        self.asked.clear();
        self.events.push_back(event);
    }
}
