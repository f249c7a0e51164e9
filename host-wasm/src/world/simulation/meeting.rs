//! How two clients try to reach each other: look the other up until it is found, then punch, up to three times, each time with a
//! fresh lookup. The punching is the protocol's own machine; times are those of the client's clock.

use std::net::SocketAddrV4;

use rendezvous_protocol::punch::{Event, Probe, Punch, Reason};
use rendezvous_protocol::{Instant, Millis};

use super::agent::{Deed, Moment};
use super::v4;

/// How often it looks for a peer that is not found.
const LOOK_EVERY: Millis = Millis::from_secs(1);
/// How many attempts there are.
const ATTEMPTS: u32 = 3;

#[derive(Debug)]
pub(super) struct Meeting {
    peer: u16,
    attempts: u32,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Looking { next: Instant },
    Punching(Box<Punch>),
    Over,
}

impl Meeting {
    pub(super) fn new(peer: u16, now: Instant) -> Self {
        Self { peer, attempts: 0, stage: Stage::Looking { next: now + LOOK_EVERY } }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Looking { next } => Some(*next),
            Stage::Punching(punch) => punch.poll_timeout(),
            Stage::Over => None,
        }
    }

    /// Does what is due. Returns whom to look up.
    pub(super) fn wake(&mut self, now: Instant, moment: &mut Moment<'_>) -> Option<u16> {
        if let Stage::Looking { next } = &mut self.stage {
            let due = next.is_due(now);
            if due {
                *next = now + LOOK_EVERY;
            }
            return due.then_some(self.peer);
        }
        self.with_punch(now, moment, |punch| punch.handle_timeout(now));
        None
    }

    /// The server says where `peer` is.
    pub(super) fn found(
        &mut self,
        now: Instant,
        (me, peer): (u16, u16),
        at: SocketAddrV4,
        moment: &mut Moment<'_>,
    ) {
        if peer != self.peer || !matches!(self.stage, Stage::Looking { .. }) {
            return;
        }
        moment.says("found", format!("client {peer} at {at}"));
        self.attempts += 1;
        let (me, peer) = (moment.world.id(me), moment.world.id(peer));
        let punch = Punch::new(now, me, peer, at.into(), moment.chance.seed());
        self.stage = Stage::Punching(Box::new(punch));
        self.with_punch(now, moment, |_| {});
    }

    /// A probe arrives, or the answer to one. Whoever does not want to meet the sender does not answer.
    pub(super) fn probed(
        &mut self,
        now: Instant,
        from: SocketAddrV4,
        probe: &Probe,
        moment: &mut Moment<'_>,
    ) {
        self.with_punch(now, moment, |punch| punch.handle_probe(now, from.into(), probe));
    }

    fn with_punch(&mut self, now: Instant, moment: &mut Moment<'_>, act: impl FnOnce(&mut Punch)) {
        let Stage::Punching(punch) = &mut self.stage else { return };
        act(punch);
        while let Some(transmit) = punch.poll_transmit() {
            if let Some(to) = v4(transmit.destination) {
                moment.deeds.push(Deed::Probe { to, probe: transmit.probe });
            }
        }
        let peer = self.peer;
        let mut next = None;
        while let Some(event) = punch.poll_event() {
            match event {
                Event::Probing { .. } => {}
                Event::Connected { address, rtt } => {
                    moment.says("connected", format!("with client {peer} at {address}, {} ms away", rtt.0));
                }
                Event::Moved { address } => moment.says("follows", format!("client {peer} to {address}")),
                Event::Failed { reason } => {
                    let why = match reason {
                        Reason::Silent => format!("no answer from client {peer}"),
                        Reason::OneSided => format!("client {peer} is heard, but hears nothing"),
                    };
                    next = Some(if self.attempts < ATTEMPTS {
                        moment.says("tries again", why);
                        Stage::Looking { next: now + Millis(1) }
                    } else {
                        moment.says("gives up", format!("{why}: they need a relay"));
                        Stage::Over
                    });
                }
                Event::Closed => {
                    moment.says("loses", format!("client {peer}: no answer for 30 s"));
                    next = Some(Stage::Over);
                }
            }
        }
        if let Some(next) = next {
            self.stage = next;
        }
    }
}
