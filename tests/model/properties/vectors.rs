//! The vectors for implementers in other languages (`tests/vectors`) are what this implementation does.

use std::fs;
use std::path::PathBuf;

use rendezvous_protocol::http::parse_bearer;
use rendezvous_protocol::punch::{Kind, Probe};
use rendezvous_protocol::{
    ClientId, Clock, Input, Instant, Output, PrivateKey, PulseCode, Rejection, ReplyWidth, Request, Response,
    Server, Timing, UnixTime, decode_pulse,
};
use serde_json::{Value, json};

fn vectors(name: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../vectors").join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn each<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    let list = value[member].as_array().unwrap();
    assert!(!list.is_empty(), "{member} is empty");
    list
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(text(value)).unwrap()
}

#[test]
fn ids_are_what_the_vectors_say() {
    for vector in each(&vectors("ids.json"), "vectors") {
        let key = PrivateKey::from_hex(text(&vector["key"]).as_bytes()).unwrap();
        assert_eq!(ClientId::of(&key).to_string(), text(&vector["client_id"]));
    }
}

#[test]
fn codes_are_what_the_vectors_say() {
    let file = vectors("codes.json");
    for vector in each(&file, "vectors") {
        let code = PulseCode::from_number(u16::try_from(vector["code"].as_u64().unwrap()).unwrap()).unwrap();
        for width in ReplyWidth::ALL {
            let expected = bytes(&vector[format!("width_{}", width.bytes())]);
            assert_eq!(code.encode(width).as_bytes(), expected);
            assert_eq!(PulseCode::decode(&expected), Some(code));
        }
    }
    assert_eq!(each(&file, "vectors").len(), PulseCode::ALL.len());
    for none in each(&file, "no_codes") {
        assert_eq!(PulseCode::decode(&bytes(none)), None, "{none}");
    }
}

#[test]
fn datagrams_are_what_the_vectors_say() {
    for vector in each(&vectors("datagrams.json"), "vectors") {
        let port = u16::try_from(vector["source_port"].as_u64().unwrap()).unwrap();
        let payload = vec![7; usize::try_from(vector["length"].as_u64().unwrap()).unwrap()];
        let answered = decode_pulse(([192, 0, 2, 7], port).into(), &payload).is_ok();
        assert_eq!(json!(answered), vector["answered"], "{vector}");
    }
}

#[test]
fn bearers_are_what_the_vectors_say() {
    let file = vectors("bearer.json");
    let id = ClientId::of(&PrivateKey::from_hex(text(&file["key"]).as_bytes()).unwrap());
    for good in each(&file, "good") {
        assert_eq!(parse_bearer([text(good).as_bytes()].into_iter()), Ok(id), "{good}");
    }
    for bad in each(&file, "bad") {
        let read = parse_bearer([text(bad).as_bytes()].into_iter());
        assert_eq!(read, Err(Rejection::MalformedCredentials), "{bad}");
    }
}

#[test]
fn probes_are_what_the_vectors_say() {
    let file = vectors("probes.json");
    for vector in each(&file, "vectors") {
        let probe = Probe {
            kind: if vector["kind"] == "probe" { Kind::Probe } else { Kind::Answer },
            sender: text(&vector["sender"]).parse().unwrap(),
            receiver: text(&vector["receiver"]).parse().unwrap(),
            nonce: u64::from_str_radix(text(&vector["nonce"]), 16).unwrap(),
        };
        assert_eq!(hex::encode(probe.encode()), text(&vector["bytes"]));
        assert_eq!(Probe::decode(&bytes(&vector["bytes"])), Some(probe));
    }
    for none in each(&file, "no_probes") {
        assert_eq!(Probe::decode(&bytes(none)), None, "{none}");
    }
}

#[test]
fn refusals_are_what_the_vectors_say() {
    let file = vectors("errors.json");
    let told: Vec<_> = each(&file, "vectors")
        .iter()
        .map(|vector| (vector["status"].clone(), vector["code"].clone()))
        .collect();
    let ours = Rejection::ALL.map(|rejection| (json!(rejection.status()), json!(rejection)));
    assert_eq!(told, ours);
}

#[test]
fn timing_is_what_the_vectors_say() {
    let id = ClientId::from_bytes([1; 16]);
    for scenario in each(&vectors("timing.json"), "scenarios") {
        let mut server = Server::new(Timing::default());
        for step in each(scenario, "steps") {
            let at = step[0].as_u64().unwrap();
            let at = Clock { now: Instant::from_millis(at), unix: UnixTime::from_millis(at) };
            let input = match text(&step[1]) {
                "register" => Input::Request(Request::Register { id }),
                "verify" => Input::Request(Request::Verify { caller: id }),
                "logout" => Input::Request(Request::Logout { caller: id }),
                "status" => Input::Request(Request::PeerStatus { caller: id, peer: Some(id) }),
                "pulse" => Input::Datagram {
                    source: ([192, 0, 2, 7], 4000).into(),
                    content: rendezvous_protocol::DatagramContent::Pulse(id),
                },
                other => panic!("{other} is nothing to do"),
            };
            let says = match server.handle(at, input, &mut |_| {}) {
                Output::Transmit { code, .. } => json!(code.number()),
                Output::Response(Response::PeerStatus { status, .. }) => json!(status),
                Output::Rejection(rejection) => json!(rejection),
                Output::Registered { .. } | Output::Response(_) => json!("ok"),
                other @ (Output::Dropped(_) | Output::Taken | Output::Ticked(_) | Output::Resumed) => {
                    panic!("{other:?}")
                }
            };
            assert_eq!(says, step[2], "{}: {step}", scenario["name"]);
        }
    }
}
