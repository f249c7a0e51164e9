//! The document says what the server does.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use jsonschema::Validator;
use rendezvous_protocol::http::{
    LogoutBody, PeerAddressBody, PeerStatusBody, Problem, RegisterBody, VerifyBody, to_json,
};
use rendezvous_protocol::lifecycle::Status;
use rendezvous_protocol::{ClientId, Millis, PrivateKey, Rejection, Timing, UnixTime};
use serde_json::{Value, json};

use super::{document, text};

/// The document that is kept.
const KEPT: &str = include_str!("../../../../openapi.json");
const README: &str = include_str!("../../../../../README.md");

#[test]
fn the_kept_document_is_what_the_code_makes() {
    if KEPT != text() {
        let (kept, made) = (KEPT.lines(), text());
        let (line, (kept, made)) =
            (1..).zip(kept.zip(made.lines())).find(|(_, (kept, made))| kept != made).unwrap_or_default();
        panic!(
            "host-native/openapi.json differs, at line {line}:\n  kept {kept}\n  made {made}\nIf that is meant, make it anew: \
             cargo test -p rendezvous-native make_the_document -- --ignored"
        );
    }
}

#[test]
#[ignore = "it makes the file that the other test reads"]
fn make_the_document() {
    fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json"), text()).unwrap();
}

#[test]
fn every_body_that_the_server_prints_is_as_described_and_every_member_of_it_is() {
    for (name, body) in bodies() {
        assert!(validator(name, false).is_valid(&body), "{name}: {body}");
        assert!(validator(name, true).is_valid(&body), "{name} has a member that is not described: {body}");
    }
}

#[test]
fn a_body_that_lacks_a_member_is_not_as_described() {
    for (name, body) in bodies() {
        for member in body.as_object().unwrap().keys() {
            let mut less = body.clone();
            less.as_object_mut().unwrap().remove(member);
            assert!(!validator(name, false).is_valid(&less), "{name} without {member}");
        }
    }
}

#[test]
fn a_body_with_a_wrong_member_is_not_as_described() {
    let wrong = BTreeMap::from([
        ("client_id", vec![json!("00"), json!("A".repeat(32)), json!(7), json!("0".repeat(33))]),
        ("private_id", vec![json!("0".repeat(63)), json!("F".repeat(64)), Value::Null]),
        ("timestamp", vec![json!("1"), json!(-1), json!(1.5), Value::Null]),
        ("udp_port", vec![json!(0), json!(65_536), json!("5024")]),
        ("pulse_interval", vec![json!(0), json!("30s"), json!(-1)]),
        ("pulse_grace", vec![json!(-0.5), Value::Null]),
        ("error_time", vec![json!(0), json!("180")]),
        ("host", vec![json!("localhost"), json!("192.0.2.256"), json!("2001:db8::g"), json!("")]),
        ("port", vec![json!(0), json!(65_536), json!("1")]),
        ("last_online", vec![json!(-1), json!(0.5), json!("1")]),
        ("type", vec![json!("https://example.org/problem")]),
        ("title", vec![json!(1)]),
        ("detail", vec![Value::Null]),
        ("code", vec![json!("no_such_code"), json!(404)]),
    ]);
    for (name, body) in bodies() {
        let validator = validator(name, false);
        for member in body.as_object().unwrap().keys() {
            let values = match (name, member.as_str()) {
                ("Problem", "status") => vec![json!(200), json!("404")],
                (_, "status") => vec![json!("OFFLINE"), json!("online"), Value::Null],
                ("Problem", "ok") => vec![json!(true), json!("false")],
                (_, "ok") => vec![json!(false), json!("true")],
                (_, member) => wrong[member].clone(),
            };
            for value in values {
                let mut changed = body.clone();
                changed[member] = value.clone();
                assert!(!validator.is_valid(&changed), "{name} with {member} = {value}");
            }
        }
    }
}

#[test]
fn every_example_is_as_described() {
    let document = document();
    let mut seen = BTreeSet::new();
    for (operation, description) in operations(&document) {
        for (status, response) in description["responses"].as_object().unwrap() {
            for content in response["content"].as_object().unwrap().values() {
                let schema = with_components(content["schema"].clone());
                let validator = formats().build(&schema).unwrap();
                for (name, example) in content["examples"].as_object().into_iter().flatten() {
                    let value = match example["$ref"].as_str() {
                        Some(reference) => {
                            document.pointer(reference.strip_prefix('#').unwrap()).unwrap()["value"].clone()
                        }
                        None => example["value"].clone(),
                    };
                    assert!(validator.is_valid(&value), "{operation} {status} {name}: {value}");
                    seen.insert(name.clone());
                }
            }
        }
    }
    assert_eq!(seen.len(), 8 + Rejection::ALL.len() - 1, "one code is no route's answer: {seen:?}");
}

#[test]
fn every_error_is_told_with_its_headers() {
    let document = document();
    for rejection in Rejection::ALL {
        let (status, code) = (rejection.status().to_string(), rejection.code());
        assert_eq!(
            document["components"]["examples"][code]["value"],
            serde_json::to_value(Problem::of(rejection)).unwrap()
        );
        let all = operations(&document)
            .map(|(_, operation)| operation["responses"][&status].clone())
            .chain(document["components"]["responses"].as_object().unwrap().values().cloned());
        let tell: Vec<_> = all
            .filter(|response| {
                response["content"]["application/problem+json"]["examples"].get(code).is_some()
            })
            .collect();
        assert!(!tell.is_empty(), "no route tells of {code}");
        for response in tell {
            let headers = response["headers"].as_object().unwrap();
            assert_eq!(headers["Cache-Control"]["required"], true);
            assert_eq!(headers.contains_key("WWW-Authenticate"), rejection.www_authenticate().is_some());
            assert_eq!(headers.contains_key("Allow"), rejection == Rejection::MethodNotAllowed);
            assert!(headers.contains_key("Retry-After") || rejection.retry_after().is_none(), "{code}");
        }
    }
}

#[test]
fn the_readme_lists_the_same_errors() {
    let listed: BTreeSet<(u16, String)> = README
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
            let (status, code) = (cells.next()?.parse().ok()?, cells.next()?);
            // There is a table of pulses, too, which has numbers of its own.
            (400..600).contains(&status).then_some(())?;
            Some((status, code.strip_prefix('`')?.strip_suffix('`')?.to_owned()))
        })
        .collect();
    let known = Rejection::ALL.map(|rejection| (rejection.status(), rejection.code().to_owned()));
    assert_eq!(listed, BTreeSet::from(known));
}

#[test]
fn the_readme_lists_the_same_routes() {
    let listed: BTreeSet<String> = README
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .filter(|call| call.starts_with("POST /") || call.starts_with("GET /"))
        .map(str::to_owned)
        .collect();
    let described: BTreeSet<String> =
        operations(&document()).map(|(name, _)| name).filter(|name| name != "GET /openapi.json").collect();
    assert_eq!(listed, described);
}

#[test]
fn every_reference_leads_somewhere_and_no_mark_is_left() {
    let document = document();
    let mut references = 0;
    let mut rest = vec![&document];
    while let Some(value) = rest.pop() {
        match value {
            Value::Object(members) => {
                assert!(members.keys().all(|name| !name.starts_with("x-")), "{members:?}");
                if let Some(reference) = members.get("$ref") {
                    let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{pointer}");
                    references += 1;
                }
                rest.extend(members.values());
            }
            Value::Array(items) => rest.extend(items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    assert!(references > 20, "{references}");
}

/// Bodies of every kind as the server prints them.
fn bodies() -> Vec<(&'static str, Value)> {
    let key = || PrivateKey::from_hex("5f".repeat(32).as_bytes()).unwrap();
    let (id, now) = (ClientId::of(&key()), UnixTime::from_millis(1_764_000_000_123));
    let timing =
        |interval, grace, error| Timing::new(Millis(interval), Millis(grace), Millis(error)).unwrap();
    let mut bodies = vec![
        ("RegisterBody", to_json(&RegisterBody::new(key(), now, 5024, &Timing::default()))),
        ("RegisterBody", to_json(&RegisterBody::new(key(), now, u16::MAX, &timing(1, 0, 1)))),
        ("RegisterBody", to_json(&RegisterBody::new(key(), now, 1, &timing(500, 100, 900)))),
        ("VerifyBody", to_json(&VerifyBody::new(id, now))),
        ("LogoutBody", to_json(&LogoutBody::new(id))),
    ];
    for address in ["192.0.2.1:1", "[2001:db8::1]:65535", "[::1]:9"] {
        for ago in [None, Some(Millis(0)), Some(Millis(209_999))] {
            let body = to_json(&PeerAddressBody::new(id, address.parse().unwrap(), ago, now));
            bodies.push(("PeerAddressBody", body));
        }
    }
    for status in [Status::Online, Status::Pending] {
        for ago in [None, Some(Millis(61_000))] {
            bodies.push(("PeerStatusBody", to_json(&PeerStatusBody::new(id, status, ago, now))));
        }
    }
    let problems = Rejection::ALL.map(|rejection| ("Problem", to_json(&Problem::of(rejection))));
    bodies.extend(problems);
    bodies.into_iter().map(|(name, body)| (name, serde_json::from_str(&body).unwrap())).collect()
}

/// A judge of bodies of this name; a closed one takes no member that is not described.
fn validator(name: &str, closed: bool) -> Validator {
    let mut schema = with_components(json!({ "$ref": format!("#/components/schemas/{name}") }));
    if closed {
        schema["unevaluatedProperties"] = false.into();
    }
    formats().build(&schema).unwrap()
}

fn formats() -> jsonschema::ValidationOptions<'static> {
    jsonschema::draft202012::options().should_validate_formats(true)
}

fn with_components(mut schema: Value) -> Value {
    schema["components"] = document()["components"].clone();
    schema
}

/// All operations of a document, as a method and a path.
fn operations(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    document["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
        item.as_object()
            .unwrap()
            .iter()
            .map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
    })
}
