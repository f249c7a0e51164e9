//! What a scenario must be besides JSON of the right form, and where in the text it is not.

use rendezvous_protocol::Instant;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{InvalidScenario, Scenario, VERSION};
use crate::one_line::one_line;
use crate::world::Action;
use crate::world::cast::{ClientClock, Group, Policy};

/// The largest number of a scenario, and the longest that one action can let time pass: up to here a JavaScript number is
/// exact.
const MAX_MILLIS: u64 = Instant::MAX.as_millis();

/// Clients have numbers of 16 bits, and public addresses of their own (RFC 2544), of which enough are left for rebinding.
const MAX_CLIENTS: usize = 20_000;

/// A client looks at all its spans of silence whenever it acts.
const MAX_SPANS: usize = 100;

pub(super) fn unreadable(error: serde_json::Error) -> InvalidScenario {
    InvalidScenario(one_line(&format!("not a scenario of version {VERSION}: {error}")))
}

/// Says what of `scenario` cannot be, and where in `json` that is.
pub(super) fn possible(scenario: &Scenario, json: &str) -> Result<(), InvalidScenario> {
    let population = scenario.population();
    if population > MAX_CLIENTS && !scenario.clients.is_empty() {
        return Err(InvalidScenario(format!("{population} clients are more than {MAX_CLIENTS}")));
    }
    for (index, group) in scenario.clients.iter().enumerate() {
        possible_group(group, population).map_err(|what| located(json, "clients", index, &what))?;
    }
    for (index, action) in scenario.actions.iter().enumerate() {
        let named = action.clients().into_iter().flatten().find(|&client| usize::from(client) >= population);
        let what = match named {
            Some(client) if !scenario.clients.is_empty() => {
                Err(format!("there is no client {client} among {population}"))
            }
            _ if scenario.clients.is_empty() && !action.is_the_servers() => {
                Err("only a scenario with `clients` can do that".into())
            }
            _ if rebinds_nothing(scenario, action) => {
                let client = action.clients()[0].unwrap_or_default();
                Err(format!("client {client} is not behind a NAT"))
            }
            _ => exact(action.millis(), " ms"),
        };
        what.map_err(|what| located(json, "actions", index, &what))?;
    }
    Ok(())
}

fn rebinds_nothing(scenario: &Scenario, action: &Action) -> bool {
    let Action::Rebind { client, .. } = *action else { return false };
    let mut after = 0;
    let group = scenario.clients.iter().find(|group| {
        after += usize::from(group.count);
        usize::from(client) < after
    });
    group.is_some_and(|group| group.nat.is_none())
}

fn possible_group(group: &Group, population: usize) -> Result<(), String> {
    for &number in [group.starts, group.spread].iter().chain(group.silent.iter().flat_map(|(a, b)| [a, b])) {
        exact(number, " ms")?;
    }
    exact(group.clock.offset.unsigned_abs(), " ms")?;
    for waits in group.policy.waits().into_iter().chain(group.asks.map(|asks| asks.every)) {
        if waits == 0 {
            return Err("a client that does something every 0 ms would stop time".into());
        }
        exact(waits, " ms")?;
    }
    if group.silent.len() > MAX_SPANS {
        return Err(format!("{} spans of silence are more than {MAX_SPANS}", group.silent.len()));
    }
    if let Policy::Lazy { from, to } = group.policy {
        exact(to, " ms")?;
        if to < from {
            return Err(format!("from {from} ms to {to} ms is no span of time"));
        }
    }
    if let Some((from, to)) = group.silent.iter().find(|(from, to)| to <= from) {
        return Err(format!("silent from {from} ms to {to} ms is no span of time"));
    }
    if group.clock.drift_ppm.unsigned_abs() > ClientClock::MAX_DRIFT.unsigned_abs() {
        return Err(format!(
            "a drift of {} parts per million is more than {}",
            group.clock.drift_ppm,
            ClientClock::MAX_DRIFT
        ));
    }
    if let Some(nat) = group.nat {
        exact(nat.idle, " ms")?;
        if nat.idle == 0 {
            return Err("a NAT that keeps a mapping for 0 ms lets nothing back in".into());
        }
    }
    let victim = match group.policy {
        Policy::Thief { victim, .. } => Some(victim),
        Policy::WellBehaved
        | Policy::Fixed { .. }
        | Policy::Lazy { .. }
        | Policy::Manual
        | Policy::Noise { .. } => None,
    };
    let others = [victim, group.asks.map(|asks| asks.peer), group.meets];
    match others.into_iter().flatten().find(|&other| usize::from(other) >= population) {
        Some(other) => Err(format!("there is no client {other} among {population}")),
        None => Ok(()),
    }
}

pub(super) fn exact(number: u64, unit: &str) -> Result<(), String> {
    if number > MAX_MILLIS {
        return Err(format!(
            "{number}{unit}{} more than {MAX_MILLIS}, beyond which JSON numbers are not exact",
            if unit.is_empty() { " is" } else { " are" }
        ));
    }
    Ok(())
}

/// The parts of a document that errors are told of, as they stand in the text.
#[derive(Deserialize)]
struct Parts<'a> {
    #[serde(borrow, default)]
    clients: Vec<&'a RawValue>,
    #[serde(borrow)]
    actions: Vec<&'a RawValue>,
}

/// An error in a part of the document, in the form in which errors of the JSON itself say where they are.
fn located(json: &str, list: &str, index: usize, what: &str) -> InvalidScenario {
    let parts: Option<Parts<'_>> = serde_json::from_str(json).ok();
    let part = parts.and_then(|parts| {
        let list = if list == "clients" { parts.clients } else { parts.actions };
        list.get(index).copied()
    });
    // The part is a slice of the document, so its address tells where it stands.
    let offset = part.map_or(0, |part| part.get().as_ptr() as usize - json.as_ptr() as usize);
    let before = json.get(..offset).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
    InvalidScenario(format!("{list}[{index}]: {what} at line {line} column {column}"))
}
