//! The fuzzers begin with the traces: what really happens to a server, in each target's own bytes. Only `inputs` does
//! not: its bytes can hold what no trace has, and its corpus is what a long run found.

use std::fs;
use std::path::{Path, PathBuf};

use rendezvous_model::bytes;
use rendezvous_protocol::{Clock, StoredRecord};
use rendezvous_wasm::world::{Scenario, World};

use crate::replay::{presets, traces};

#[test]
fn every_trace_is_a_seed_of_the_fuzzers() {
    let corpus = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for path in traces() {
        let json = fs::read_to_string(&path).unwrap();
        let scenario = Scenario::from_json(&json).unwrap();
        let name = path.file_stem().unwrap();
        let steps = bytes::of(&scenario);
        assert_eq!(bytes::scenario(&steps), scenario, "{}", path.display());
        seed(&corpus.join("actions").join(name), &steps);
        seed(&corpus.join("ticks").join(name), &steps);
        seed(&corpus.join("scenario").join(name), json.as_bytes());
        let (record, id, digits) = last_client(&scenario);
        seed(&corpus.join("stored_record").join(name), &record);
        seed(&corpus.join("path").join(name), id.as_bytes());
        seed(&corpus.join("bearer").join(name), format!("Bearer {}", hex::encode(digits)).as_bytes());
        seed(&corpus.join("datagram").join(name), &digits);
    }
}

#[test]
fn every_preset_is_a_seed_of_the_fuzzer_of_scenarios() {
    let corpus = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/scenario");
    for path in presets() {
        let json = fs::read_to_string(&path).unwrap();
        seed(&corpus.join(path.file_stem().unwrap()), json.as_bytes());
    }
}

/// The record, as stored, the id and the key of the client that was changed last.
fn last_client(scenario: &Scenario) -> (Vec<u8>, String, [u8; 32]) {
    let mut world = World::new(scenario.setup);
    let mut last = None;
    for action in &scenario.actions {
        let _ = world.apply(action);
        last = world.changes().iter().rev().find_map(|change| record_of(change, world.clock())).or(last);
    }
    let (id, record) = last.expect("every trace has a client");
    let clients = 0..=u16::MAX;
    let client = clients.into_iter().find(|&client| world.id(client) == id).unwrap();
    let key = *scenario.setup.keys().key(client).reveal();
    // The id by which the target reads.
    let of_the_target = rendezvous_protocol::ClientId::from_bytes([7; 16]);
    (record.encode(of_the_target).as_bytes().to_vec(), id.to_string(), key)
}

fn record_of(
    change: &rendezvous_protocol::Change,
    at: Clock,
) -> Option<(rendezvous_protocol::ClientId, StoredRecord)> {
    use rendezvous_protocol::Change;
    match *change {
        Change::Registered { id, record }
        | Change::Moved { id, record }
        | Change::Verified { id, record } => Some((id, StoredRecord::of(&record, at))),
        Change::Removed { .. } => None,
    }
}

fn seed(path: &Path, bytes: &[u8]) {
    if std::env::var_os("RECORD_TRACES").is_some() {
        fs::write(path, bytes).unwrap();
    }
    let found = fs::read(path).unwrap_or_default();
    assert!(found == bytes, "{} is not what it should be; RECORD_TRACES=1 writes it", path.display());
}
