//! Puts a world and the reference model through the same scenario and compares what comes out.

use std::fmt;

use rendezvous_protocol::lifecycle::Status;
use rendezvous_protocol::{DropReason, Output, Progress, Response};
use rendezvous_wasm::world::{Action, Reply, Scenario, World};
use serde_json::{Value, json};

use crate::model::{Answer, Model};

/// Where world and model part, or an invariant breaks.
pub struct Failure {
    scenario: String,
    index: usize,
    what: String,
}

/// Printed instead of an assertion's two sides: what to look at, and how to see it again.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "action {}: {}\nscenario: {}", self.index, self.what, self.scenario)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for Failure {}

/// Runs a scenario against the model. Returns how many transitions were compared.
///
/// # Errors
/// [`Failure`] at the first answer that is not the model's, or the first invariant that does not hold.
pub fn against_model(scenario: &Scenario) -> Result<u64, Failure> {
    let mut world = World::new(scenario.setup);
    let mut model = Model::new(&scenario.setup);
    for (index, action) in scenario.actions.iter().enumerate() {
        let expected = model.expect(action);
        let output = world.apply(action);
        step(&world, &model, action, output, &expected).map_err(|what| Failure {
            scenario: scenario.to_json(),
            index,
            what,
        })?;
    }
    Ok(scenario.actions.len() as u64)
}

/// Checks one transition: the answer, and what must hold of the server after every input.
fn step(
    world: &World,
    model: &Model,
    action: &Action,
    output: Option<Output>,
    expected: &Answer,
) -> Result<(), String> {
    let answer = output.map_or(Answer::Silence, |output| answer(world, action, output));
    if answer != *expected {
        return Err(format!("{action:?} is answered with {answer:?}, where the model says {expected:?}"));
    }
    let server = world.server();
    if server.records() != server.deadlines() {
        return Err(format!("{} records have {} deadlines", server.records(), server.deadlines()));
    }
    let next = server.poll_timeout();
    if next.is_some() != (server.records() > 0) {
        return Err(format!("{} records, and the next deadline is {next:?}", server.records()));
    }
    if let Some(Output::Ticked(progress)) = output {
        let due = next.is_some_and(|next| next.as_millis() <= model.now());
        if due != (progress == Progress::More) {
            return Err(format!(
                "a tick at {} says {progress:?}, and the next deadline is {next:?}",
                model.now()
            ));
        }
    }
    Ok(())
}

/// An output in the words of the model.
pub fn answer(world: &World, action: &Action, output: Output) -> Answer {
    let number = |client: u16, id| {
        assert_eq!(world.id(client), id, "{action:?} is answered about somebody else");
        client
    };
    let (client, peer) = if let Action::LookUp { client, peer } | Action::Status { client, peer } = *action {
        (client, peer)
    } else if let Action::Register { client } | Action::Verify { client } | Action::Logout { client } =
        *action
    {
        (client, None)
    } else {
        (u16::MAX, None)
    };
    match output {
        Output::Transmit { destination, code } => Answer::Code { to: destination, number: code.number() },
        Output::Registered { client_id, timestamp } => {
            Answer::Registered { client: number(client, client_id), timestamp: timestamp.as_secs() }
        }
        Output::Taken => Answer::Taken,
        Output::Response(Response::Verified { client_id, timestamp }) => {
            Answer::Verified { client: number(client, client_id), timestamp: timestamp.as_secs() }
        }
        Output::Response(Response::LoggedOut { client_id }) => {
            Answer::LoggedOut { client: number(client, client_id) }
        }
        Output::Response(Response::PeerAddress { client_id, address, last_online, timestamp }) => {
            Answer::Address {
                peer: number(peer.expect("a peer was asked for"), client_id),
                host: address.ip(),
                port: address.port(),
                last_online: last_online.map(|millis| millis.as_secs()),
                timestamp: timestamp.as_secs(),
            }
        }
        Output::Response(Response::PeerStatus { client_id, status, last_online, timestamp }) => {
            Answer::Status {
                peer: number(peer.expect("a peer was asked for"), client_id),
                status: match status {
                    Status::Online => "ONLINE",
                    Status::Pending => "PENDING",
                },
                last_online: last_online.map(|millis| millis.as_secs()),
                timestamp: timestamp.as_secs(),
            }
        }
        Output::Rejection(rejection) => {
            Answer::Refused { status: rejection.status(), code: rejection.code() }
        }
        Output::Dropped(DropReason::WrongLength | DropReason::SourcePortZero)
        | Output::Ticked(_)
        | Output::Resumed => Answer::Silence,
    }
}

/// Compares what goes over the wire, byte for byte or member for member, with what the model says of it.
///
/// # Errors
/// What differs.
pub fn on_the_wire(world: &World, expected: &Answer, reply: Option<&Reply>) -> Result<(), String> {
    let (expected_status, members) = match (expected, reply) {
        (Answer::Silence, None) => return Ok(()),
        (Answer::Code { to, number }, Some(Reply::Datagram { to: sent_to, bytes })) => {
            return if to == sent_to && ends_with_number(bytes, *number) {
                Ok(())
            } else {
                Err(format!("{expected:?} goes out as {reply:?}"))
            };
        }
        (Answer::Registered { client, timestamp }, _) => (
            200,
            json!({"client_id": hex_id(world, *client), "timestamp": timestamp, "ok": true, "udp_port": 5024}),
        ),
        (Answer::Taken, _) => (503, json!({"code": "unavailable", "ok": false})),
        (Answer::Verified { client, timestamp }, _) => {
            (200, json!({"client_id": hex_id(world, *client), "timestamp": timestamp, "ok": true}))
        }
        (Answer::LoggedOut { client }, _) => (200, json!({"client_id": hex_id(world, *client), "ok": true})),
        (Answer::Address { peer, host, port, last_online, timestamp }, _) => (
            200,
            json!({"client_id": hex_id(world, *peer), "host": host.to_string(), "port": port,
                   "last_online": last_online, "timestamp": timestamp, "ok": true}),
        ),
        (Answer::Status { peer, status, last_online, timestamp }, _) => (
            200,
            json!({"client_id": hex_id(world, *peer), "status": status, "last_online": last_online,
                   "timestamp": timestamp, "ok": true}),
        ),
        (Answer::Refused { status, code }, _) => {
            (*status, json!({"status": status, "code": code, "ok": false}))
        }
        (Answer::Silence | Answer::Code { .. }, _) => {
            return Err(format!("{expected:?} goes out as {reply:?}"));
        }
    };
    let Some(Reply::Http { status, body }) = reply else {
        return Err(format!("{expected:?} goes out as {reply:?}"));
    };
    let body: Value = serde_json::from_str(body).map_err(|error| format!("{body}: {error}"))?;
    let Value::Object(members) = members else { unreachable!("json! made an object") };
    for (name, value) in &members {
        if body.get(name) != Some(value) {
            return Err(format!("{name} of {expected:?} goes out as {:?}", body.get(name)));
        }
    }
    if *status == expected_status {
        Ok(())
    } else {
        Err(format!("{expected:?} goes out with status {status}"))
    }
}

/// Big-endian, in as many bytes as there are.
fn ends_with_number(bytes: &[u8], number: u16) -> bool {
    let wide = u32::from(number).to_be_bytes();
    matches!(bytes.len(), 1 | 2 | 4) && wide.ends_with(bytes)
}

fn hex_id(world: &World, client: u16) -> String {
    hex::encode(world.id(client).as_bytes())
}
