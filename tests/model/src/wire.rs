//! What must go over the wire for an answer of the model: the bytes of a datagram, or a status and all members of a body.

use rendezvous_wasm::world::{Reply, World};
use serde_json::{Map, Value, json};

use crate::model::Answer;

/// Compares what goes out with what the model says of it: every byte of a datagram; of a body every member that the
/// model knows, and that there is no other.
///
/// # Errors
/// What differs.
pub fn matches(world: &World, expected: &Answer, reply: Option<&Reply>) -> Result<(), String> {
    let right = match (expected, reply) {
        (Answer::Silence, None) => true,
        (Answer::Code { to, number }, Some(Reply::Datagram { to: sent_to, bytes })) => {
            let wide = u32::from(*number).to_be_bytes();
            to == sent_to && *bytes == wide[wide.len() - usize::from(world.setup().reply_width.bytes())..]
        }
        (Answer::Silence | Answer::Code { .. }, _) => false,
        (_, Some(Reply::Http { status, body })) => {
            let (expected_status, members) = body_of(world, expected);
            let body: Map<String, Value> =
                serde_json::from_str(body).map_err(|error| format!("{body}: {error}"))?;
            *status == expected_status && same_members(&body, &members)
        }
        (_, _) => false,
    };
    if right { Ok(()) } else { Err(format!("{expected:?} goes out as {reply:?}")) }
}

/// The same names, and the same values where one is expected: a text for people is only `null` here.
fn same_members(body: &Map<String, Value>, expected: &Value) -> bool {
    let Value::Object(expected) = expected else { return false };
    body.len() == expected.len()
        && expected.iter().all(|(name, value)| match body.get(name) {
            Some(Value::String(text)) if matches!(name.as_str(), "title" | "detail") => !text.is_empty(),
            found => found == Some(value),
        })
}

fn body_of(world: &World, answer: &Answer) -> (u16, Value) {
    let setup = world.setup();
    let id = |client: u16| hex::encode(world.id(client).as_bytes());
    let problem = |status: u16, code: &str| {
        let members = json!({"type": "about:blank", "title": null, "status": status, "detail": null,
                             "code": code, "ok": false});
        (status, members)
    };
    let members = match answer {
        Answer::Registered { client, timestamp } => json!({
            "client_id": id(*client), "private_id": hex::encode(setup.keys().key(*client).reveal()),
            "timestamp": timestamp, "ok": true, "udp_port": 5024,
            "pulse_interval": seconds(setup.timing.pulse_interval().0),
            "pulse_grace": seconds(setup.timing.pulse_grace().0),
            "error_time": seconds(setup.timing.error_time().0),
        }),
        Answer::Verified { client, timestamp } => {
            json!({"client_id": id(*client), "timestamp": timestamp, "ok": true})
        }
        Answer::LoggedOut { client } => json!({"client_id": id(*client), "ok": true}),
        Answer::Address { peer, host, port, last_online, timestamp } => json!({
            "client_id": id(*peer), "host": host.to_string(), "port": port,
            "last_online": last_online, "timestamp": timestamp, "ok": true,
        }),
        Answer::Status { peer, status, last_online, timestamp } => json!({
            "client_id": id(*peer), "status": status, "last_online": last_online,
            "timestamp": timestamp, "ok": true,
        }),
        Answer::Taken => return problem(503, "unavailable"),
        Answer::Refused { status, code } => return problem(*status, code),
        Answer::Silence | Answer::Code { .. } => Value::Null,
    };
    (200, members)
}

/// Whole seconds are integers.
fn seconds(millis: u64) -> Value {
    if millis.is_multiple_of(1000) { json!(millis / 1000) } else { json!(millis as f64 / 1000.0) }
}
