//! A run of a scenario as text: what happened, what the server answered, and what that changed.

use std::fmt::Write;

use rendezvous_protocol::{Change, Clock};
use serde::Serialize;

use super::{Action, InvalidScenario, Reply, Scenario, World};

/// One line of the log.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    at: Clock,
    action: &'a Action,
    /// The bytes of a datagram in hex, or an HTTP status and body.
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<Sent<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    changes: &'a [Change],
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Sent<'a> {
    Datagram { to: String, bytes: String },
    Http { status: u16, body: &'a str },
}

/// Runs a scenario from beginning to end. The log has a line of JSON for each action, and is the same wherever the
/// scenario runs. It shows every answer in full, that to a registration too: these keys are worth nothing ([`super::Keys`]).
pub fn replay(scenario: &Scenario) -> String {
    let mut world = World::new(scenario.setup);
    let mut log = String::new();
    for action in &scenario.actions {
        let output = world.apply(action);
        let reply = output.and_then(|output| world.reply(action, output));
        let reply = reply.as_ref().map(|reply| match reply {
            Reply::Datagram { to, bytes } => Sent::Datagram { to: to.to_string(), bytes: hex::encode(bytes) },
            Reply::Http { status, body } => Sent::Http { status: *status, body },
        });
        let line = Line { at: world.clock(), action, reply, changes: world.changes() };
        let line = serde_json::to_string(&line).expect("every line can be written as JSON");
        writeln!(log, "{line}").expect("a string takes any text");
    }
    log
}

/// Runs a scenario that is given as JSON, and has no clients that do something of themselves.
///
/// # Errors
/// [`InvalidScenario`] if it is none.
pub fn replay_json(json: &str) -> Result<String, InvalidScenario> {
    let scenario = Scenario::from_json(json)?;
    if !scenario.clients.is_empty() {
        return Err(InvalidScenario::has_clients());
    }
    Ok(replay(&scenario))
}
