//! Who is in a scenario, for whoever shows it: known before anything happens.

use serde::Serialize;

use super::Simulation;
use super::message::{SERVER_HTTP, SERVER_UDP};
use crate::world::{Action, Policy, Scenario};

#[derive(Serialize)]
struct Cast {
    timing: rendezvous_protocol::Timing,
    end: u64,
    clients: Vec<Member>,
    server: Server,
}

#[derive(Serialize)]
struct Member {
    client: u16,
    name: String,
    id: rendezvous_protocol::ClientId,
    policy: String,
    address: String,
    nat: Option<String>,
    clock_offset: i64,
    drift_ppm: i32,
}

#[derive(Serialize)]
struct Server {
    udp: String,
    http: String,
}

impl Simulation {
    /// Who is in it, as JSON.
    pub fn cast(&self) -> String {
        let scenario = &self.scenario;
        let keys = scenario.setup.keys();
        let clients = names(scenario).into_iter().enumerate().map(|(index, (name, group))| {
            let client = u16::try_from(index).expect("a scenario has no more clients than that");
            let group = group.map(|group| &scenario.clients[group]);
            Member {
                client,
                name,
                id: rendezvous_protocol::ClientId::of(&keys.key(client)),
                policy: group.map_or_else(
                    || "none: the scenario says what reaches the server".into(),
                    |group| policy(group.policy),
                ),
                address: self.parties.get(index).map(|party| party.socket.to_string()).unwrap_or_default(),
                nat: group.and_then(|group| group.nat).map(|nat| nat.to_string()),
                clock_offset: group.map_or(0, |group| group.clock.offset),
                drift_ppm: group.map_or(0, |group| group.clock.drift_ppm),
            }
        });
        let cast = Cast {
            timing: scenario.setup.timing,
            end: end(scenario),
            clients: clients.collect(),
            server: Server { udp: SERVER_UDP.to_string(), http: SERVER_HTTP.to_string() },
        };
        serde_json::to_string(&cast).expect("every cast can be written as JSON")
    }
}

/// What to call each client, and the index of its group.
pub(super) fn names(scenario: &Scenario) -> Vec<(String, Option<usize>)> {
    if scenario.clients.is_empty() {
        return (0..scenario.population()).map(|client| (format!("Client {client}"), None)).collect();
    }
    let mut names = vec![];
    for (index, group) in scenario.clients.iter().enumerate() {
        for member in 0..group.count {
            let name = match (group.name.as_str(), group.count) {
                ("", _) => format!("Client {}", names.len()),
                (name, 1) => name.to_owned(),
                (name, _) => format!("{name} {}", member + 1),
            };
            names.push((name, Some(index)));
        }
    }
    names
}

/// When a scenario ends, in milliseconds since its beginning.
fn end(scenario: &Scenario) -> u64 {
    let end = scenario.actions.iter().fold(0_u64, |elapsed, action| {
        if let Action::Until { at } = *action {
            elapsed.max(at)
        } else if let Action::Stall { millis }
        | Action::Restart { down: millis, .. }
        | Action::Crash { down: millis, .. } = *action
        {
            elapsed.saturating_add(millis)
        } else if let Action::Advance { millis } = *action {
            elapsed.saturating_add(u64::try_from(millis).unwrap_or(0))
        } else {
            elapsed
        }
    });
    end.min(rendezvous_protocol::Instant::MAX.as_millis())
}

fn policy(policy: Policy) -> String {
    let seconds = |millis: u64| match millis % 1000 {
        0 => format!("{} s", millis / 1000),
        rest => format!("{}.{rest:03} s", millis / 1000),
    };
    match policy {
        Policy::WellBehaved => "well-behaved: pulses early, repeats what is not answered".into(),
        Policy::Fixed { every } => format!("pulses every {}", seconds(every)),
        Policy::Lazy { from, to } => format!("pulses after {} to {}", seconds(from), seconds(to)),
        Policy::Manual => "waits for commands".into(),
        Policy::Noise { every } => format!("sends random bytes every {}", seconds(every)),
        Policy::Thief { victim, every } => {
            format!("has the key of client {victim}, and uses it every {}", seconds(every))
        }
    }
}
