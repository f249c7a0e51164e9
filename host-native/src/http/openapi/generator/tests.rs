//! The document says what the server does. Whether its schemas fit the bodies in it, `tests/schemathesis/description.py` looks.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rendezvous_protocol::Rejection;
use rendezvous_protocol::http::Problem;
use serde_json::Value;

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

/// All operations of a document, as a method and a path.
fn operations(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    document["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
        item.as_object()
            .unwrap()
            .iter()
            .map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
    })
}
