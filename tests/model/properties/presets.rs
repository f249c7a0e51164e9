//! The presets of the simulator page tell the truth: what each says that one will see, happens.

use std::fs;

use rendezvous_wasm::world::{Scenario, Simulation};
use serde_json::Value;

use crate::replay::presets;

/// A preset, and what its log must hold, in this order: how each answer to a client, or each thing that befalls one, is
/// written by [`told`].
const STORIES: [(&str, &[&str]); 35] = [
    ("01", &["0 ONLINE", "0 1020", "1 1020", "2 200"]),
    ("02", &["0 1020 at 30900", "1 LATE at 31000", "1 1050 at 31000", "1 200 at 32000", "1 1020 at 32000"]),
    (
        "03",
        &["0 1050 at 209000", "0 200 at 209500", "0 ONLINE", "1 GONE at 210000", "1 1060 at 210000", "1 401"],
    ),
    (
        "04",
        &[
            "1 200 198.18.0.1:40000",
            "0 LATE at 31",
            "0 1050 at 60",
            "1 200 198.18.0.1:40000",
            "0 ONLINE at 70",
            "1 200 198.18.0.1:40000",
            "0 1020 at 75",
            "1 200 198.18.0.1:40001",
        ],
    ),
    ("05", &["0 will lose at 40000", "0 repeats its pulse", "0 1020"]),
    ("06", &["0 will lose at 45000", "0 LATE", "0 1050", "0 verifies", "0 ONLINE", "0 1020"]),
    (
        "07",
        &[
            "1 200 198.18.0.1:40000",
            "0 rebinds at 60000",
            "1 200 198.18.0.1:40001",
            "0 rebinds at 120000",
            "1 200 198.18.0.3:40002",
        ],
    ),
    ("08", &["1 200 198.18.0.1:40000", "1 200 198.18.0.1:40001", "1 200 198.18.0.1:40002"]),
    ("09", &["0 found", "0 connected"]),
    ("09", &["1 found", "1 connected"]),
    ("10", &["0 found", "0 gives up"]),
    ("10", &["1 found", "1 gives up"]),
    ("11", &["0 LEFT", "1 404", "0 1060 at 70", "0 401 at 75", "1 404"]),
    (
        "12",
        &[
            "server stops at 60000",
            "server starts at 65000",
            "0 1060",
            "0 401",
            "0 registers again",
            "0 registered",
        ],
    ),
    (
        "13",
        &["server stops at 60000", "server starts at 100000", "3 PENDING at 100000", "3 1020", "3 ONLINE"],
    ),
    ("14", &["server stalls at 50000", "server resumes at 90000", "1 1020 at 90000"]),
    ("15", &["7 repeats its pulse", "LATE", "1050", "verifies"]),
    ("16", &["server clock jumps at 50000", "0 1020", "server wall clock set at 100000", "0 1020"]),
    ("17", &["1 200 198.18.0.1:40000", "1 200 198.18.0.3:5000", "1 200 198.18.0.1:40000"]),
    ("18", &["1 200 198.18.0.3:5000", "1 200 198.18.0.1:40000", "1 200 198.18.0.3:5000"]),
    ("19", &["dropped", "1060"]),
    ("20", &["1 LATE", "1 1050", "1 verifies", "1 ONLINE"]),
    (
        "22",
        &[
            "2 200 198.18.0.5:40001 at 59",
            "1 LEFT at 59",
            "3 registered at 59",
            "server is killed at 60000",
            "server starts at 65000",
            "0 PENDING at 65000",
            "2 PENDING at 65000",
            "3 PENDING at 65000",
            "2 200 198.18.0.1:40000 at 67",
            "2 200 198.18.0.1:40000 at 77",
            "0 1020 at 80",
            "0 ONLINE at 80",
            "2 200 198.18.0.5:40001 at 82",
        ],
    ),
    ("22", &["server starts at 65000", "2 1020", "2 ONLINE", "2 404 at 75"]),
    ("22", &["server starts at 65000", "3 1020", "3 ONLINE"]),
    ("09", &["0 found", "0 connected", "0 probe at 1", "0 probe at 3"]),
    ("23", &["0 found", "0 connected with client 1 at 198.18.0.2:40001,"]),
    ("23", &["1 found", "1 connected with client 0 at 198.18.0.1:40000,"]),
    ("24", &["0 found", "0 connected"]),
    ("24", &["1 found", "1 connected"]),
    (
        "25",
        &["0 found", "not turned back", "0 tries again", "0 found", "0 tries again", "0 found", "0 gives up"],
    ),
    (
        "25",
        &["1 found", "not turned back", "1 tries again", "1 found", "1 tries again", "1 found", "1 gives up"],
    ),
    ("26", &["0 found", "0 connected with client 1 at 198.18.0.1:40001,"]),
    ("26", &["1 found", "1 connected with client 0 at 198.18.0.1:40000,"]),
    ("08", &["2 found", "2 gives up"]),
];

#[test]
fn every_preset_holds_and_says_what_to_watch() {
    let presets = presets();
    assert!(presets.len() >= 16, "{} presets", presets.len());
    for path in presets {
        let json = fs::read_to_string(&path).unwrap();
        let scenario =
            Scenario::from_json(&json).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for text in [&scenario.title, &scenario.watch, &scenario.rule] {
            assert!(text.len() > 10, "{}: {text:?}", path.display());
        }
        let mut simulation = Simulation::new(scenario);
        while !simulation.done() {
            let _log = simulation.run(10_000);
        }
        let summary = simulation.summary();
        assert!(summary.holds(), "{}: {}", path.display(), summary.to_json());
        let watched = summary.invariants.iter().filter(|(_, verdict)| verdict.checks > 0).count();
        assert!(watched >= 4, "{}: {}", path.display(), summary.to_json());
    }
}

#[test]
fn what_a_preset_says_one_will_see_happens() {
    for (number, story) in STORIES {
        let path = presets()
            .into_iter()
            .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(number)));
        let json = fs::read_to_string(path.unwrap()).unwrap();
        let mut simulation = Simulation::from_json(&json).unwrap();
        let log = simulation.run(1_000_000);
        let mut told = log.lines().map(told);
        for part in story {
            let found = told.any(|told| {
                format!("{told} ").contains(&format!("{part} "))
                    || part.contains(" at ") && told.starts_with(part)
            });
            assert!(found, "preset {number}: there is no {part:?} where it should be");
        }
    }
}

/// In 05 whoever loses one or two pulses is never shown otherwise than ONLINE, and in 10 nobody is ever reached.
#[test]
fn what_a_preset_says_one_will_not_see_does_not_happen() {
    for (number, never) in [
        ("05", vec!["0 LATE", "1 LATE", "0 1050"]),
        ("10", vec!["connected"]),
        ("25", vec!["connected"]),
        ("26", vec!["tries again", "gives up", "not turned back"]),
        ("23", vec!["tries again", "gives up"]),
        ("24", vec!["gives up"]),
        ("01", vec!["LATE"]),
        ("13", vec!["1050", "1060", "GONE"]),
        ("14", vec!["1050", "1060"]),
        ("16", vec!["1050", "1060", "LATE"]),
        ("20", vec!["0 LATE"]),
        ("22", vec!["1050 at", "1060 at", "401 at", "GONE", "1 PENDING", "registers again"]),
    ] {
        let path = presets()
            .into_iter()
            .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(number)));
        let json = fs::read_to_string(path.unwrap()).unwrap();
        let log = Simulation::from_json(&json).unwrap().run(1_000_000);
        for told in log.lines().map(told) {
            assert!(!never.iter().any(|never| told.contains(never)), "preset {number}: {told}");
        }
    }
}

/// A line of the log in a few words: who, what, when.
fn told(line: &str) -> String {
    let event: Value = serde_json::from_str(line).unwrap();
    let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    let at = &event["at"];
    let client = &event["client"];
    match event["event"].as_str().unwrap() {
        "standing" => format!("{client} {} at {at}", text("is")),
        "client" if !text("detail").is_empty() => {
            format!("{client} {} {} at {at}", text("does"), text("detail"))
        }
        "client" | "network" => format!("{client} {} at {at}", text("does")),
        "sent" => format!("{} {} at {at}", event["from"], event["carries"]["kind"].as_str().unwrap()),
        "arrived" => format!("{} at {at}", text("fate")),
        "server" => format!("server {} at {at}", text("does")),
        "answered" if event["code"].is_u64() => format!("{client} {} at {at}", event["code"]),
        "answered" if event["body"]["host"].is_string() => {
            let body = &event["body"];
            format!("{client} 200 {}:{} at {at}", body["host"].as_str().unwrap(), body["port"])
        }
        "answered" if event["status"].is_u64() => format!("{client} {} at {at}", event["status"]),
        "answered" => format!("dropped at {at}"),
        other => format!("{other} at {at}"),
    }
}
