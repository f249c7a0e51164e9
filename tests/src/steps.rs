//! Steps: what generators make, and what becomes a list of actions. A step may aim at a boundary, so that time does not
//! just pass but passes to −1, 0 or +1 ms of a moment that matters.

use rendezvous_protocol::{Millis, Timing};
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

/// Turns steps into actions. It follows what each client was last heard, roughly: a step may miss its boundary, which
/// makes it some other passing of time.
pub fn concrete(setup: &Setup, steps: impl IntoIterator<Item = Step>) -> Vec<Action> {
    let late_after = setup.timing.late_after().0;
    let gone_after = setup.timing.gone_after().0;
    let mut now = setup.start.now.as_millis();
    let mut resumed = 0;
    let mut heard: Vec<(u16, u64)> = vec![];
    let mut actions = vec![];
    for step in steps {
        let action = match step {
            Step::Act(action) => action,
            Step::Pass { eighths } => {
                let interval = setup.timing.pulse_interval().0;
                Action::Advance { millis: (interval * u64::from(eighths) / 8) as i64 }
            }
            Step::Aim { client, boundary, offset } => {
                let from = heard_at(&heard, client).unwrap_or(0).max(resumed);
                let after = match boundary {
                    Boundary::Late => late_after,
                    Boundary::Gone => gone_after,
                };
                let target = (from + after).saturating_add_signed(offset.into());
                Action::Advance { millis: target.saturating_sub(now) as i64 }
            }
        };
        match action {
            Action::Register { client } | Action::Verify { client } => hear(&mut heard, client, now),
            Action::Pulse { client, .. } => {
                let from = heard_at(&heard, client).unwrap_or(0).max(resumed);
                if now < from + late_after {
                    hear(&mut heard, client, now);
                }
            }
            Action::Advance { millis } => now = now.saturating_add_signed(millis),
            Action::Stall { millis } => {
                now = now.saturating_add(millis);
                resumed = now;
            }
            Action::Restart { down, rebooted } => {
                now = if rebooted { 0 } else { now.saturating_add(down) };
                resumed = now;
                heard.clear();
            }
            Action::Datagram { .. }
            | Action::Logout { .. }
            | Action::LookUp { .. }
            | Action::Status { .. }
            | Action::StepWallClock { .. }
            | Action::Tick { .. } => {}
        }
        now = now.min(rendezvous_protocol::Instant::MAX.as_millis());
        actions.push(action);
    }
    actions
}

fn heard_at(heard: &[(u16, u64)], client: u16) -> Option<u64> {
    heard.iter().find(|(who, _)| *who == client).map(|&(_, at)| at)
}

fn hear(heard: &mut Vec<(u16, u64)>, client: u16, now: u64) {
    match heard.iter_mut().find(|(who, _)| *who == client) {
        Some((_, at)) => *at = now,
        None => heard.push((client, now)),
    }
}
