//! Puts a world and the reference model through the same scenario and compares what comes out.

use std::fmt;
use std::net::SocketAddr;

use rendezvous_protocol::lifecycle::Status;
use rendezvous_protocol::{Change, DropReason, Instant, Output, Progress, Record, Removal, Response, Server};
use rendezvous_wasm::world::{Action, Scenario, World};

use crate::model::{Answer, Model, Standing, as_ipv4_if_mapped};
use crate::strategy::CLIENTS;

mod crash;

use crash::Expiries;
pub use crash::settle;

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
    let mut expiries = Expiries::default();
    for (index, action) in scenario.actions.iter().enumerate() {
        let since = world.elapsed();
        let pulses = matches!(action, Action::Pulse { .. } | Action::Datagram { .. });
        let before = client_of(&world, action).filter(|_| pulses).and_then(|client| model.standing(client));
        let expected = model.expect(action);
        let output = world.apply(action);
        step(&world, &model, action, output, &expected)
            .and_then(|()| changes(&world, &model, action, &expected, before))
            .and_then(|()| expiries.see(&world, &mut model, action, since))
            .map_err(|what| Failure { scenario: scenario.to_json(), index, what })?;
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
    let now = Instant::from_millis(model.now());
    output.map_or(Ok(()), |output| deadlines_in_order(world.server(), now, output))
}

/// What must hold of a server's deadlines after `output`, where `now` is the latest time that it has seen (I5).
///
/// # Errors
/// What does not.
pub fn deadlines_in_order(server: &Server, now: Instant, output: Output) -> Result<(), String> {
    if server.records() != server.deadlines() {
        return Err(format!("{} records have {} deadlines", server.records(), server.deadlines()));
    }
    let next = server.poll_timeout();
    if next.is_some() != (server.records() > 0) {
        return Err(format!("{} records, and the next deadline is {next:?}", server.records()));
    }
    if let Output::Ticked(progress) = output {
        let due = next.is_some_and(|next| next.as_millis() <= now.as_millis());
        if due != (progress == Progress::More) {
            return Err(format!("a tick at {now} says {progress:?}, and the next deadline is {next:?}"));
        }
    }
    Ok(())
}

/// Checks what the server says has changed: neither less than a store has to know, nor more.
fn changes(
    world: &World,
    model: &Model,
    action: &Action,
    answer: &Answer,
    before: Option<Standing>,
) -> Result<(), String> {
    let client = client_of(world, action).unwrap_or_default();
    let id = world.id(client);
    // The model scans its whole history for a record, so only what needs one asks.
    let record = || {
        let now = model.standing(client).expect("a client that is served is there");
        as_record(now)
    };
    let expected = match answer {
        Answer::Registered { .. } => Some(Change::Registered { id, record: record() }),
        Answer::Code { number: 1020, .. } => {
            let record = record();
            let moved = before.and_then(|before| before.address).map(canonical) != record.address;
            moved.then_some(Change::Moved { id, record })
        }
        Answer::Verified { .. } => Some(Change::Verified { id, record: record() }),
        Answer::LoggedOut { .. } => Some(Change::Removed { id, cause: Removal::LoggedOut }),
        Answer::Silence => return only_the_gone_are_removed(world, model, action),
        Answer::Code { .. }
        | Answer::Taken
        | Answer::Address { .. }
        | Answer::Status { .. }
        | Answer::Refused { .. } => None,
    };
    let told = world.changes();
    if told == expected.as_slice() {
        Ok(())
    } else {
        Err(format!("{action:?} makes the changes {told:?}, where the model says {expected:?}"))
    }
}

/// Time passed, or nothing happened: at most, clients that are gone were forgotten.
fn only_the_gone_are_removed(world: &World, model: &Model, action: &Action) -> Result<(), String> {
    let lives = |id| (0..CLIENTS).any(|client| world.id(client) == id && model.standing(client).is_some());
    let wrong = world.changes().iter().find(|change| match **change {
        Change::Removed { id, cause: Removal::Expired } => lives(id),
        Change::Registered { .. }
        | Change::Moved { .. }
        | Change::Verified { .. }
        | Change::Removed { .. } => true,
    });
    wrong.map_or(Ok(()), |wrong| Err(format!("{action:?} makes the change {wrong:?}")))
}

/// Whose action it is.
fn client_of(world: &World, action: &Action) -> Option<u16> {
    if let Action::Datagram { payload, .. } = action {
        return world.setup().keys().client(payload.as_ref());
    }
    action.clients()[0].filter(|_| action.is_the_servers())
}

/// What a server keeps of a client that stands like this.
fn as_record(standing: Standing) -> Record {
    Record {
        address: standing.address.map(canonical),
        last_seen: standing.heard.map(Instant::from_millis),
        last_pulse: standing.pulsed.map(Instant::from_millis),
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(as_ipv4_if_mapped(address.ip()), address.port())
}

/// An output in the words of the model.
pub fn answer(world: &World, action: &Action, output: Output) -> Answer {
    let number = |client: u16, id| {
        assert_eq!(world.id(client), id, "{action:?} is answered about somebody else");
        client
    };
    let client = client_of(world, action).unwrap_or_default();
    let peer = action.clients()[1];
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
