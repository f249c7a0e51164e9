//! Steps: what generators make, and what becomes a list of actions. A step may aim at a boundary, so that time does not
//! just pass but passes to −1, 0 or +1 ms of a moment that matters.

use rendezvous_protocol::{Instant, Millis, Timing};
use rendezvous_wasm::world::{Action, Setup};

/// An action, or time that passes until something is about to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// This happens.
    Act(Action),
    /// A part of the pulse interval passes, so that under any timing clients live long enough to matter.
    Pass {
        /// How many eighths.
        eighths: u8,
    },
    /// Time passes until a boundary of `client`, give or take `offset` ms.
    Aim {
        /// Whose boundary.
        client: u16,
        /// Which.
        boundary: Boundary,
        /// −1, 0 or +1 ms, but any number will do.
        offset: i8,
    },
}

/// When a client's standing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// From here on it is no longer shown ONLINE. After an absence this comes before [`Boundary::Late`].
    Pending,
    /// From here on its pulse is late.
    Late,
    /// From here on it is gone.
    Gone,
}

/// Timings that differ in what comes before what: the specification's, and some that are short, tiny, with a long
/// grace, and as long as can be.
pub const TIMINGS: [(u64, u64, u64); 5] = [
    (30_000, 1_000, 180_000),
    (300, 20, 1_700),
    (1, 0, 1),
    (2_000, 5_000, 5_001),
    (31_622_400_000, 31_622_399_999, 31_622_400_000),
];

/// One of [`TIMINGS`], whatever the index.
pub fn timing(index: usize) -> Timing {
    let (interval, grace, error_time) = TIMINGS[index % TIMINGS.len()];
    Timing::new(Millis(interval), Millis(grace), Millis(error_time)).unwrap()
}

/// Turns steps into actions.
pub fn concrete(setup: &Setup, steps: impl IntoIterator<Item = Step>) -> Vec<Action> {
    let mut rough = Rough { setup: *setup, now: setup.start.now.as_millis(), resumed: 0, heard: vec![] };
    steps.into_iter().map(|step| rough.concrete(step)).collect()
}

/// What a generator has to know of the clients in order to aim. It need not be right: a step that misses its boundary is
/// some other passing of time.
struct Rough {
    setup: Setup,
    now: u64,
    resumed: u64,
    /// The living, and when they were last heard.
    heard: Vec<(u16, u64)>,
}

impl Rough {
    fn concrete(&mut self, step: Step) -> Action {
        let action = match step {
            Step::Act(action) => action,
            Step::Pass { eighths } => {
                let interval = self.setup.timing.pulse_interval().0;
                Action::Advance { millis: (interval * u64::from(eighths) / 8) as i64 }
            }
            Step::Aim { client, boundary, offset } => {
                let heard = self.heard(client).unwrap_or(0);
                let target = match boundary {
                    Boundary::Pending => heard + self.late_after(),
                    Boundary::Late => heard.max(self.resumed) + self.late_after(),
                    Boundary::Gone => heard.max(self.resumed) + self.gone_after(),
                };
                let target = target.saturating_add_signed(offset.into());
                Action::Advance { millis: target.saturating_sub(self.now) as i64 }
            }
        };
        self.follow(&action);
        action
    }

    fn follow(&mut self, action: &Action) {
        let now = self.now;
        let judged_from = |heard: u64| heard.max(self.resumed);
        match *action {
            Action::Register { client } => {
                if self.heard(client).is_none_or(|heard| now >= judged_from(heard) + self.gone_after()) {
                    self.heard.retain(|(who, _)| *who != client);
                    self.heard.push((client, now));
                }
            }
            Action::Verify { client } => self.hear(client, self.gone_after()),
            Action::Pulse { client, .. } => self.hear(client, self.late_after()),
            Action::Logout { client } => self.heard.retain(|(who, _)| *who != client),
            Action::Advance { millis } => self.now = now.saturating_add_signed(millis),
            Action::Stall { millis } => {
                self.now = now.saturating_add(millis);
                if millis > self.setup.timing.longest_stall().0 {
                    self.resumed = self.now;
                }
            }
            Action::Restart { down, rebooted, .. } | Action::Crash { down, rebooted, .. } => {
                self.now = if rebooted { 0 } else { now.saturating_add(down) };
                self.resumed = self.now;
                self.heard.iter_mut().for_each(|(_, at)| *at = 0);
            }
            Action::Datagram { .. }
            | Action::LookUp { .. }
            | Action::Status { .. }
            | Action::StepWallClock { .. }
            | Action::Tick { .. }
            | Action::Until { .. }
            | Action::Command { .. }
            | Action::Lose { .. }
            | Action::Link { .. }
            | Action::Rebind { .. } => {}
        }
        self.now = self.now.min(Instant::MAX.as_millis());
    }

    fn heard(&self, client: u16) -> Option<u64> {
        self.heard.iter().find(|(who, _)| *who == client).map(|&(_, at)| at)
    }

    /// The client is heard, if it lives and is not silent for as long as this.
    fn hear(&mut self, client: u16, within: u64) {
        let (now, resumed) = (self.now, self.resumed);
        let found = self.heard.iter_mut().find(|(who, _)| *who == client);
        if let Some((_, at)) = found.filter(|(_, at)| now < (*at).max(resumed) + within) {
            *at = now;
        }
    }

    fn late_after(&self) -> u64 {
        self.setup.timing.late_after().0
    }

    fn gone_after(&self) -> u64 {
        self.setup.timing.gone_after().0
    }
}
