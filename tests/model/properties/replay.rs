//! I4: the same scenario has the same consequences, byte for byte.

use std::fs;
use std::path::PathBuf;

use rendezvous_model::{bytes, strategy};
use rendezvous_wasm::world::{Action, Scenario, replay, replay_json};

use crate::harness;

#[test]
fn a_scenario_that_runs_twice_gives_the_same_bytes_and_so_does_its_json() {
    harness::check_scenarios(file!(), 500, strategy::scenario(60), |scenario| {
        let log = replay(&scenario);
        if log.lines().count() != scenario.actions.len() {
            return Err(format!("{} lines for {} actions", log.lines().count(), scenario.actions.len()));
        }
        if replay(&scenario) != log {
            return Err(format!("two runs differ\nscenario: {}", scenario.to_json()));
        }
        if replay_json(&scenario.to_json()).as_ref() != Ok(&log) {
            return Err(format!("its JSON has another run\nscenario: {}", scenario.to_json()));
        }
        Ok(())
    });
}

#[test]
fn a_scenario_survives_the_bytes_of_a_fuzzer() {
    harness::check_scenarios(file!(), 1_000, strategy::scenario(60), |mut scenario| {
        scenario.setup.seed = 0;
        scenario.actions.retain(|action| !matches!(action, Action::Until { .. }));
        let read = bytes::scenario(&bytes::of(&scenario));
        if read == scenario { Ok(()) } else { Err(format!("{scenario:?} is read as {read:?}")) }
    });
}

/// What the protocol answers to a fixed scenario is fixed, too: a change of any byte is a change of the protocol, and
/// shows here. The scenarios are the ones that the wasm build replays under Node.
#[test]
fn every_trace_replays_to_the_bytes_that_were_recorded() {
    let traces = traces();
    assert!(traces.len() >= 10, "{} traces", traces.len());
    for path in traces {
        let scenario = Scenario::from_json(&fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let recorded = path.with_extension("log");
        let log = replay(&scenario);
        if std::env::var_os("RECORD_TRACES").is_some() {
            fs::write(&recorded, &log).unwrap();
        }
        let expected = fs::read_to_string(&recorded)
            .unwrap_or_else(|error| panic!("{}: {error}; RECORD_TRACES=1 writes it", recorded.display()));
        assert!(log == expected, "{} does not replay as recorded", path.display());
        rendezvous_model::check::against_model(&scenario).unwrap();
    }
}

pub(crate) fn traces() -> Vec<PathBuf> {
    scenarios("../traces")
}

pub(crate) fn presets() -> Vec<PathBuf> {
    scenarios("../../host-wasm/presets")
}

/// The scenarios in a folder, in the order of their names.
fn scenarios(folder: &str) -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
}
