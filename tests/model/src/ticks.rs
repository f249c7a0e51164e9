//! Ticks put in and taken out: no answer may depend on them (I3).

use rendezvous_protocol::{Output, PULSE_LEN};
use rendezvous_wasm::world::{Action, Scenario, World};

/// The scenario without its ticks, and with ends in good order in place of its crashes: whether a crash undoes that a client
/// was gone does depend on when a tick had noticed.
pub fn without(scenario: &Scenario) -> Scenario {
    let actions = scenario.actions.iter().filter(|action| !is_tick(action)).map(|action| {
        if let Action::Crash { down, rebooted, .. } = *action {
            Action::Restart { down, rebooted, forgets: false }
        } else {
            action.clone()
        }
    });
    let actions = actions.collect();
    Scenario::new(scenario.setup, actions)
}

/// A scenario without ticks, with some put in wherever time allows: before any action, and in the middle of time that
/// passes, unless the clock is turned back before the server is next asked. `choose` says how many records the next of
/// them looks at; `None` leaves it out.
pub fn with(scenario: &Scenario, mut choose: impl FnMut() -> Option<u32>) -> Scenario {
    let readings = readings(scenario);
    let mut actions = vec![];
    let mut put = |actions: &mut Vec<Action>| {
        if let Some(budget) = choose() {
            actions.push(Action::Tick { budget });
        }
    };
    for (index, action) in scenario.actions.iter().enumerate() {
        let (before, next_asked) = (readings[index], next_asked(scenario, &readings, index));
        if before <= next_asked {
            put(&mut actions);
        }
        if let Action::Advance { millis } = *action
            && millis > 1
            && before.saturating_add_signed(millis / 2) <= next_asked
        {
            actions.push(Action::Advance { millis: millis / 2 });
            put(&mut actions);
            actions.push(Action::Advance { millis: millis - millis / 2 });
        } else {
            actions.push(action.clone());
        }
    }
    Scenario::new(scenario.setup, actions)
}

/// What goes out, action for action; ticks, and time that passes, say nothing.
pub fn outputs(scenario: &Scenario) -> Vec<Output> {
    let mut world = World::new(scenario.setup);
    let outputs =
        scenario.actions.iter().filter_map(|action| world.apply(action).filter(|_| !is_tick(action)));
    outputs.collect()
}

/// What the clock of decisions shows before each action, and after the last.
fn readings(scenario: &Scenario) -> Vec<u64> {
    let mut world = World::new(scenario.setup);
    let mut readings = vec![world.clock().now.as_millis()];
    for action in &scenario.actions {
        let _ = world.apply(action);
        readings.push(world.clock().now.as_millis());
    }
    readings
}

/// What the clock shows when the server next looks at it, from `index` on.
fn next_asked(scenario: &Scenario, readings: &[u64], index: usize) -> u64 {
    let longest_stall = scenario.setup.timing.longest_stall().0;
    let mut later = scenario.actions.iter().zip(readings.windows(2)).skip(index);
    let asked = later.find(|(action, around)| match *action {
        // What the server does not notice.
        Action::Advance { .. }
        | Action::Until { .. }
        | Action::StepWallClock { .. }
        | Action::Command { .. }
        | Action::Lose { .. }
        | Action::Link { .. }
        | Action::Rebind { .. } => false,
        // A server that stalls was running just before, if anybody notices.
        Action::Stall { .. } => around[1] - around[0] > longest_stall,
        Action::Pulse { from, .. } => from.port() != 0,
        Action::Datagram { from, payload } => from.port() != 0 && payload.as_ref().len() == PULSE_LEN,
        Action::Register { .. }
        | Action::Verify { .. }
        | Action::Logout { .. }
        | Action::LookUp { .. }
        | Action::Status { .. }
        | Action::Tick { .. }
        | Action::Restart { .. }
        | Action::Crash { .. } => true,
    });
    asked.map_or(u64::MAX, |(_, around)| around[0])
}

fn is_tick(action: &Action) -> bool {
    matches!(action, Action::Tick { .. })
}
