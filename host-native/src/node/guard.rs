//! What stands in front of a node: who asks too often is told so, or told nothing.

use std::net::IpAddr;

use rendezvous_protocol::{ClientId, Millis};

use super::{Node, Refusal};

impl Node {
    /// Whether somebody at `from` may register now.
    ///
    /// # Errors
    /// How long it is until they may.
    pub(crate) fn may_register(&self, from: IpAddr) -> Result<(), Millis> {
        let now = (self.read_clock)().now;
        self.limits.registration(now, from).inspect_err(|_| {
            self.note_refused(Refusal::Registration, 1);
            self.floods.log(|| {
                tracing::warn!("registrations come faster than the limits allow, and some are refused (--limit-registrations…)");
            });
        })
    }

    /// Whether `caller` may look somebody up now.
    ///
    /// # Errors
    /// How long it is until it may.
    pub(crate) fn may_look_up(&self, caller: ClientId) -> Result<(), Millis> {
        if !self.limits.has_lookups() {
            return Ok(());
        }
        let now = (self.read_clock)().now;
        self.limits.lookup(now, caller).inspect_err(|_| self.note_refused(Refusal::Lookup, 1))
    }

    /// Whether a pulse from `from` with an unknown key is answered.
    pub(crate) fn answers_unknown(&self, from: IpAddr) -> bool {
        if !self.limits.has_unknown_pulses() {
            return true;
        }
        let now = (self.read_clock)().now;
        let answers = self.limits.answers_unknown(now, from);
        if !answers {
            self.note_refused(Refusal::UnknownPulse, 1);
        }
        answers
    }
}
