//! The bodies of the fuzz targets: a function of any bytes that must not panic.

mod clients;

use rendezvous_protocol::http::parse_bearer;
use rendezvous_protocol::{
    ClientId, DatagramContent, DropReason, Input, Instant, Output, PULSE_LEN, PrivateKey, PulseCode,
    Rejection, ReplyWidth, Request, Response, Server, StoredRecord, StoredRecordError, decode_pulse,
};
use rendezvous_wasm::world::{Scenario, Simulation, replay};

use crate::inputs::Inputs;
use crate::strategy::CLIENTS;
use crate::{bytes, check, ticks};

pub use clients::{client, punch};

/// A target by name.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 10] = [
    ("datagram", datagram),
    ("bearer", bearer),
    ("path", path),
    ("actions", actions),
    ("ticks", without_ticks),
    ("inputs", inputs),
    ("stored_record", stored_record),
    ("scenario", scenario),
    ("client", client),
    ("punch", punch),
];

/// A datagram of any bytes is a pulse if it is 32 bytes long, and is never answered with more bytes than it has.
pub fn datagram(payload: &[u8]) {
    let source = ([192, 0, 2, 7], 4000).into();
    match (decode_pulse(source, payload), <[u8; PULSE_LEN]>::try_from(payload)) {
        (Ok(id), Ok(key)) => {
            assert_eq!(id, ClientId::of(&PrivateKey::from_bytes(key)));
            for (width, code) in
                ReplyWidth::ALL.into_iter().flat_map(|width| PulseCode::ALL.map(|code| (width, code)))
            {
                assert!(code.encode(width).as_bytes().len() < payload.len());
            }
        }
        (Err(_), Err(_)) => {}
        (decoded, _) => panic!("{} bytes are {decoded:?}", payload.len()),
    }
    let nowhere = ([192, 0, 2, 7], 0).into();
    assert!(decode_pulse(nowhere, payload).is_err());
    // The client's side of the wire: any bytes, too.
    if let Some(code) = PulseCode::decode(payload) {
        assert!(ReplyWidth::ALL.iter().any(|&width| code.encode(width).as_bytes() == payload));
    }
}

/// An `Authorization` header of any bytes names a client only if it is a `Bearer` with that client's key.
pub fn bearer(header: &[u8]) {
    match parse_bearer([header].into_iter()) {
        Ok(id) => {
            assert!(header[..6].eq_ignore_ascii_case(b"bearer"));
            let key = PrivateKey::from_hex(&header[header.len() - 64..]).unwrap();
            assert_eq!(id, ClientId::of(&key));
            assert!(header[6..header.len() - 64].iter().all(|&byte| byte == b' '));
            assert!(header.len() > 6 + 64, "a space at least");
        }
        Err(rejection) => assert_eq!(rejection, Rejection::MalformedCredentials),
    }
    assert!(parse_bearer([header, header].into_iter()).is_err(), "two are never accepted");
}

/// The part of a path that names a client: 32 hex digits of either case name one, printed lower, and nothing else does.
pub fn path(segment: &[u8]) {
    let Ok(text) = str::from_utf8(segment) else { return };
    let is_id = segment.len() == 32 && segment.iter().all(u8::is_ascii_hexdigit);
    match text.parse::<ClientId>() {
        Ok(id) => {
            assert!(is_id, "{text:?} is an id");
            assert_eq!(id.to_string(), text.to_ascii_lowercase());
        }
        Err(_) => assert!(!is_id, "{text:?} is no id"),
    }
}

/// A scenario of any actions gives the model's answers.
pub fn actions(bytes: &[u8]) {
    if let Err(failure) = check::against_model(&bytes::scenario(bytes)) {
        panic!("{failure}");
    }
}

/// Two servers, one with ticks wherever there is room and one with none, give the same answers.
pub fn without_ticks(bytes: &[u8]) {
    let scenario = bytes::scenario(bytes);
    let without = ticks::without(&scenario);
    // Budgets of every kind, in an order that the bytes decide.
    let mut chosen = bytes.iter().cycle();
    let with = ticks::with(&without, || match chosen.next().map_or(0, |byte| byte % 4) {
        0 => None,
        1 => Some(u32::MAX),
        budget => Some(u32::from(budget) - 1),
    });
    assert_eq!(ticks::outputs(&with), ticks::outputs(&without), "{}", without.to_json());
}

/// The whole server under any timing and any inputs, also those that no decoder makes: it does not panic, answers only
/// what may be answered, and keeps its deadlines in order.
pub fn inputs(bytes: &[u8]) {
    let Some((timing, inputs)) = Inputs::read(bytes) else { return };
    let mut server = Server::new(timing);
    let mut now = Instant::ZERO;
    for (at, input) in inputs {
        let output = server.handle(at, input, &mut |_| {});
        if !matches!(output, Output::Dropped(_)) {
            now = now.max(at.now);
        }
        assert!(may_answer(&input, &output), "{input:?} is answered with {output:?}");
        if let Err(what) = check::deadlines_in_order(&server, now, output) {
            panic!("{input:?}: {what}");
        }
    }
}

/// Whether an output is of a kind that answers this input.
fn may_answer(input: &Input, output: &Output) -> bool {
    match *input {
        Input::Datagram { content: DatagramContent::Noise(reason), .. } => *output == Output::Dropped(reason),
        Input::Datagram { source, content: DatagramContent::Pulse(_) } if source.port() == 0 => {
            *output == Output::Dropped(DropReason::SourcePortZero)
        }
        Input::Datagram { source, content: DatagramContent::Pulse(_) } => {
            matches!(*output, Output::Transmit { destination, .. } if destination == source)
        }
        Input::Request(Request::Register { id }) => {
            matches!(*output, Output::Registered { client_id, .. } if client_id == id)
                || *output == Output::Taken
        }
        Input::Request(Request::Verify { caller }) => {
            matches!(*output, Output::Response(Response::Verified { client_id, .. }) if client_id == caller)
                || *output == Output::Rejection(Rejection::UnknownClient)
        }
        Input::Request(Request::Logout { caller }) => {
            *output == Output::Response(Response::LoggedOut { client_id: caller })
                || *output == Output::Rejection(Rejection::UnknownClient)
        }
        Input::Request(Request::PeerAddress { peer, .. }) => {
            matches!(*output, Output::Response(Response::PeerAddress { client_id, .. }) if Some(client_id) == peer)
                || matches!(output, Output::Rejection(_))
        }
        Input::Request(Request::PeerStatus { peer, .. }) => {
            matches!(*output, Output::Response(Response::PeerStatus { client_id, .. }) if Some(client_id) == peer)
                || matches!(output, Output::Rejection(_))
        }
        Input::Tick { .. } => matches!(output, Output::Ticked(_)),
        Input::Resume { .. } => *output == Output::Resumed,
    }
}

/// Any bytes are a stored record of a client, or an error; a record is written as it was read. The second half of the
/// target mends the checksum first, which else would keep the fuzzer out.
pub fn stored_record(bytes: &[u8]) {
    let id = ClientId::from_bytes([7; 16]);
    let read = |bytes: &[u8]| match StoredRecord::decode(id, bytes) {
        Ok(record) => {
            assert_eq!(record.encode(id).as_bytes(), bytes);
            let other = ClientId::from_bytes([8; 16]);
            assert_eq!(StoredRecord::decode(other, bytes), Err(StoredRecordError::WrongChecksum));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    };
    read(bytes);
    read(&with_checksum(id, bytes));
}

/// The body of a stored record with the checksum that belongs to it, as if somebody had meant it.
pub fn with_checksum(id: ClientId, body: &[u8]) -> Vec<u8> {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(id.as_bytes());
    hasher.update(body);
    [body, &hasher.finalize().to_be_bytes()].concat()
}

/// So much of a scenario is played: some never end.
const SIMULATED_EVENTS: u64 = 300;
/// More clients take longer than a fuzzer should.
const MANY_CLIENTS: usize = 50;

/// Any text is a scenario or an error of one line; a scenario is written as it was read, and runs: what reaches the server
/// without clients, and all of it with its invariants. What reached the server is then no surprise to the model.
pub fn scenario(json: &[u8]) {
    let Ok(json) = str::from_utf8(json) else { return };
    match Scenario::from_json(json) {
        Ok(scenario) => {
            assert_eq!(Scenario::from_json(&scenario.to_json()).as_ref(), Ok(&scenario));
            if scenario.clients.is_empty() {
                assert_eq!(replay(&scenario).lines().count(), scenario.actions.len());
            }
            if scenario.population() <= MANY_CLIENTS {
                simulate(scenario);
            }
        }
        Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
    }
}

fn simulate(scenario: Scenario) {
    let mut simulation = Simulation::new(scenario).with_trace();
    let log = simulation.run(SIMULATED_EVENTS);
    let summary = simulation.summary();
    let broken = log.lines().find(|line| line.contains(r#""event":"violation""#));
    assert!(summary.holds(), "{}: {broken:?}", simulation.scenario().to_json());
    if simulation.scenario().population() <= usize::from(CLIENTS) {
        let trace = simulation.trace().expect("it was asked for");
        if let Err(failure) = check::against_model(&trace) {
            panic!("{failure}");
        }
    }
}
