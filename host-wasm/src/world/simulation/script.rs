//! Where a simulation is in the list of actions, and when it goes on there.

use rendezvous_protocol::Instant;

#[derive(Debug)]
pub(super) struct Script {
    next: usize,
    len: usize,
    /// When the next action happens, or the scenario ends.
    ready: u64,
    /// The action during which the server does not run, if one is going on.
    away: Option<usize>,
}

impl Script {
    pub(super) fn new(len: usize) -> Self {
        Self { next: 0, len, ready: 0, away: None }
    }

    /// When the next action happens, or the one under way ends.
    pub(super) fn next(&self) -> Option<u64> {
        (self.next < self.len || self.away.is_some()).then_some(self.ready)
    }

    /// When the scenario ends, as far as that is known.
    pub(super) fn end(&self) -> u64 {
        if self.next().is_some() { u64::MAX } else { self.ready }
    }

    /// The index of the next action, which is done by that.
    pub(super) fn take(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    /// The next action happens so much later.
    pub(super) fn pass(&mut self, millis: u64) {
        self.ready = self.ready.saturating_add(millis).min(Instant::MAX.as_millis());
    }

    /// The next action does not happen before.
    pub(super) fn until(&mut self, at: u64) {
        self.ready = self.ready.max(at);
    }

    /// The server does not run for a while, by this action.
    pub(super) fn leave(&mut self, action: usize, millis: u64) {
        self.away = Some(action);
        self.pass(millis);
    }

    pub(super) fn is_away(&self) -> bool {
        self.away.is_some()
    }

    /// The action that keeps the server away.
    pub(super) fn away(&self) -> Option<usize> {
        self.away
    }

    /// The server is back.
    pub(super) fn back(&mut self) -> Option<usize> {
        self.away.take()
    }
}
