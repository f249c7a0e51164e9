//! A client that behaves: the client machine of the protocol, the one that programs use, run by the clock of a simulated client.
//!
//! Its host differs from a real one in one thing: the client has one key for life, so that it is the same to whoever
//! watches. Where a real client draws another key and gets another id, this one gets the same again.

use rendezvous_protocol::client::{Answer, Client, Event, Output, Request, State};
use rendezvous_protocol::{PulseCode, Timing};

use super::agent::{Deed, Moment};
use super::message::{Asked, Heard};
use crate::world::ClientClock;

#[derive(Debug)]
pub(super) struct Behaved {
    me: u16,
    machine: Client,
    clock: ClientClock,
    timing: Timing,
    /// A registration of which the server says that its key is registered already: an earlier answer was lost. A verify stands
    /// in for it.
    taken: Option<u32>,
    was_registered: bool,
}

impl Behaved {
    /// It is switched on, and registers.
    pub(super) fn new(me: u16, clock: ClientClock, timing: Timing, moment: &mut Moment<'_>) -> Self {
        let machine = Client::new(clock.counts(moment.now), moment.chance.seed());
        let mut client = Self { me, machine, clock, timing, taken: None, was_registered: false };
        client.act(moment);
        client
    }

    pub(super) fn poll_timeout(&self) -> Option<u64> {
        self.machine.poll_timeout().and_then(|due| self.clock.reaches(due))
    }

    pub(super) fn wake(&mut self, moment: &mut Moment<'_>) {
        self.machine.handle_timeout(self.clock.counts(moment.now));
        self.act(moment);
    }

    pub(super) fn code(&mut self, moment: &mut Moment<'_>, code: PulseCode) {
        self.machine.handle_code(self.clock.counts(moment.now), code);
        self.act(moment);
    }

    pub(super) fn heard(&mut self, moment: &mut Moment<'_>, number: u32, asked: Asked, heard: Heard) {
        if heard == Heard::Taken {
            self.taken = Some(number);
            return moment.deeds.push(Deed::Request { number, caller: self.me, asked: Asked::Verify });
        }
        let registers = asked == Asked::Register || self.taken.take_if(|taken| *taken == number).is_some();
        let answer = match heard {
            Heard::Ok if registers => {
                Answer::Registered { id: moment.world.id(self.me), timing: self.timing }
            }
            Heard::Ok => Answer::Done,
            Heard::Address(address) => Answer::Address(address.into()),
            Heard::Refused(401) if !registers => Answer::Unknown,
            Heard::Refused(_) | Heard::Taken => Answer::Refused { retry_after: None },
            Heard::NoConnection => Answer::Failed,
        };
        self.machine.handle_answer(self.clock.counts(moment.now), number, answer);
        self.act(moment);
    }

    pub(super) fn logout(&mut self, moment: &mut Moment<'_>) {
        self.machine.logout(self.clock.counts(moment.now));
        self.act(moment);
    }

    /// Whether it has said goodbye.
    pub(super) fn has_ended(&self) -> bool {
        self.machine.state() == State::Ended
    }

    /// Whether it has an id to show.
    pub(super) fn is_registered(&self) -> bool {
        self.machine.id().is_some()
    }

    /// Does what the machine wants, and tells what it says.
    fn act(&mut self, moment: &mut Moment<'_>) {
        while let Some(event) = self.machine.poll_event() {
            if let Some((does, detail)) = told(event) {
                moment.says(does, detail);
            }
        }
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Pulse { repeats } => {
                    if repeats > 0 {
                        moment.says("repeats its pulse", String::new());
                    }
                    moment.deeds.push(Deed::Pulse(self.me));
                }
                Output::Request { number, request } => {
                    let asked = self.asks(request, moment);
                    moment.deeds.push(Deed::Request { number, caller: self.me, asked });
                }
                // The server stays where it is.
                Output::Resolve => {}
            }
        }
    }

    fn asks(&mut self, request: Request, moment: &mut Moment<'_>) -> Asked {
        match request {
            Request::Register => {
                if std::mem::replace(&mut self.was_registered, true) {
                    moment.says("registers again", String::new());
                }
                Asked::Register
            }
            Request::Verify => {
                moment.says("verifies", String::new());
                Asked::Verify
            }
            Request::Logout => Asked::Logout,
            Request::OwnAddress => Asked::LookUp(self.me),
        }
    }
}

/// An event, as far as the messages around it do not say the same.
fn told(event: Event) -> Option<(&'static str, String)> {
    Some(match event {
        Event::Registered { .. } | Event::ReRegistered { .. } => ("registered", String::new()),
        Event::AddressChanged { from: Some(from), to } => {
            ("is seen elsewhere", format!("at {to}, not at {from}"))
        }
        Event::Lost => ("hears nothing", "of the server".into()),
        Event::Refused { retry_in, .. } | Event::Unreachable { retry_in, .. } => {
            ("tries again", format!("in {} ms", retry_in.0))
        }
        Event::LoggedOut { confirmed: true } => ("logged out", String::new()),
        Event::LoggedOut { confirmed: false } => ("gives up logging out", String::new()),
        Event::AddressChanged { from: None, .. } | Event::Online | Event::Reverified => return None,
    })
}
