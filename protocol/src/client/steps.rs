//! The steps that the table in [`super`] is made of.

use core::net::SocketAddr;

use super::{Answer, Client, Event, Link, Output, Pending, Phase, REQUEST_TIMEOUT, Request, Waiting, pace};
use crate::{ClientId, Timing};

impl Client {
    pub(super) fn registered(&mut self, id: ClientId, timing: Timing) {
        let event = match self.lost.take() {
            Some(lost) => Event::ReRegistered { lost, id },
            None => Event::Registered { id },
        };
        self.silence();
        self.phase = Phase::Known;
        self.id = Some(id);
        self.timing = timing;
        self.told = true;
        self.link = Link::Untried;
        self.accepted = 0;
        self.false_alarms = 0;
        self.events.push_back(event);
        self.pulse_in_turn();
    }

    pub(super) fn verified(&mut self) {
        self.failures = 0;
        if let (false, Some(id)) = (self.told, self.id) {
            self.told = true;
            self.events.push_back(Event::Registered { id });
        } else {
            self.events.push_back(Event::Reverified);
        }
        self.false_alarms = self.false_alarms.saturating_add(1);
        if self.false_alarms == 1 {
            self.pulse_in_turn();
        } else {
            // Somebody forges answers, or loses them: at once would be as fast as he likes.
            let wait = pace::back_off(&mut self.jitter, self.false_alarms, None);
            let planned = self.now + wait.min(pace::next_pulse(&self.timing, &mut self.jitter));
            self.pulse_at = Some(self.pulse_at.map_or(planned, |at| at.min(planned)));
        }
    }

    /// The server, over HTTP, does not know the key.
    pub(super) fn forgotten(&mut self) {
        self.silence();
        self.phase = Phase::Registering;
        self.lost = self.id.take();
        self.link = Link::Untried;
        self.address = None;
        // A server that forgot one may have forgotten all: they do not come back in the same moment.
        let wait = pace::back_off(&mut self.jitter, 0, None);
        self.retry = Some((self.now + wait, Request::Register));
    }

    /// Something says that the server does not know the client. Only the server over HTTP can say so.
    pub(super) fn doubt(&mut self) {
        if self.pending.is_none() && self.retry.is_none() {
            self.ask(Request::Verify);
        }
    }

    /// A pulse and all its repeats are lost.
    pub(super) fn unanswered(&mut self) {
        if self.link != Link::Silent {
            self.link = Link::Silent;
            self.events.push_back(Event::Lost);
        }
        self.accepted = 0;
        self.outputs.push_back(Output::Resolve);
    }

    pub(super) fn seen_at(&mut self, to: SocketAddr) {
        let from = self.address.replace(to);
        if from != Some(to) {
            self.events.push_back(Event::AddressChanged { from, to });
        }
    }

    pub(super) fn failed(&mut self, request: Request, answer: Answer) {
        if request == Request::Logout && self.failures + 1 >= pace::GOODBYES {
            return self.end(false);
        }
        let retry_after = if let Answer::Refused { retry_after } = answer { retry_after } else { None };
        let retry_in = pace::back_off(&mut self.jitter, self.failures, retry_after);
        self.failures = self.failures.saturating_add(1);
        self.retry = Some((self.now + retry_in, request));
        self.events.push_back(if answer == Answer::Failed {
            Event::Unreachable { request, retry_in }
        } else {
            Event::Refused { request, retry_in }
        });
    }

    pub(super) fn end(&mut self, confirmed: bool) {
        self.silence();
        self.phase = Phase::Ended;
        self.events.push_back(Event::LoggedOut { confirmed });
    }

    /// Ends whatever is under way.
    pub(super) fn silence(&mut self) {
        self.pulse_at = None;
        self.waiting = None;
        self.pending = None;
        self.retry = None;
        self.failures = 0;
        self.check = None;
        self.check_at = None;
    }

    /// Pulses, and plans the next.
    pub(super) fn pulse_in_turn(&mut self) {
        self.pulse_at = Some(self.now + pace::next_pulse(&self.timing, &mut self.jitter));
        self.pulse(0);
    }

    pub(super) fn pulse(&mut self, repeats: u32) {
        self.outputs.push_back(Output::Pulse { repeats });
        let at = self.now + pace::repeat_after(&self.timing, repeats);
        self.waiting = Some(Waiting { at: Some(at), repeats });
    }

    /// Takes the place of a look-up that is under way: its answer may be of the network before.
    pub(super) fn look_itself_up(&mut self) {
        self.check_at = None;
        self.check = Some(self.request(Request::OwnAddress));
    }

    pub(super) fn ask(&mut self, request: Request) {
        self.pending = Some(self.request(request));
    }

    pub(super) fn request(&mut self, request: Request) -> Pending {
        let number = self.next_number;
        self.next_number = number.wrapping_add(1);
        self.outputs.push_back(Output::Request { number, request });
        Pending { number, request, until: self.now + REQUEST_TIMEOUT }
    }
}
