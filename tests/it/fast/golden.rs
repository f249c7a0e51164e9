//! A store that was written by the first version of the format: whatever comes, it must be read.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use rendezvous_native::Node;
use rendezvous_native::settings::Store;
use rendezvous_protocol::{ClientId, PulseCode};
use rendezvous_tests::directory::Directory;
use serde_json::{Value, json};

use crate::stored::{Known, address, log_out, look_up, open_image, pulse, register, settings};

/// The store.
pub(crate) const BYTES: &[u8] = include_bytes!("../../stores/format-1.redb");
/// What is in it: its clients, each with its address or `null`, and ids that it must not know.
const CONTENT: &str = include_str!("../../stores/format-1.json");

#[test]
fn a_store_of_format_1_is_read() {
    let content: Value = serde_json::from_str(CONTENT).unwrap();
    let node = open_image(Some(BYTES.to_vec())).unwrap();
    let clients = content["clients"].as_object().unwrap();
    assert_eq!((clients.len(), node.stats().records), (20, 20));
    for (id, address) in clients {
        let expected: Option<SocketAddr> = address.as_str().map(|address| address.parse().unwrap());
        assert_eq!(look_up(&node, parsed(id)), Some(expected), "{id}");
        assert_eq!(pulse(&node, parsed(id), ([192, 0, 2, 7], 7).into()), PulseCode::OnTime);
    }
    let removed = content["removed"].as_array().unwrap();
    assert_eq!(removed.len(), 4);
    for id in removed {
        assert_eq!(look_up(&node, parsed(id.as_str().unwrap())), None, "{id}");
    }
}

/// Not to be run again unless there is a new format: then it writes a file of that name, and the old one stays.
#[test]
#[ignore = "it makes the files that the other test reads"]
fn make_a_store_of_this_format() {
    let directory = Directory::new("golden");
    let path = directory.path().join("store.redb");
    let mut settings = settings(&[]);
    settings.store = Store::Redb(path.clone());
    let node = Node::open(&settings, 5024).unwrap();
    let ids: Vec<_> = (0..24).map(|_| register(&node).unwrap()).collect();
    for (n, &id) in ids.iter().enumerate().skip(6) {
        let source = if n % 2 == 0 { address(n) } else { ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 7], 4000).into() };
        assert_eq!(pulse(&node, id, source), PulseCode::OnTime);
    }
    for n in [0, 7, 8, 23] {
        log_out(&node, ids[n]).unwrap();
    }
    node.close().unwrap();
    let known: Vec<(ClientId, Known)> = ids.into_iter().map(|id| (id, look_up(&node, id))).collect();
    let clients: serde_json::Map<_, _> =
        known.iter().filter_map(|(id, known)| Some((id.to_string(), json!((*known)?)))).collect();
    let removed: Vec<_> =
        known.iter().filter(|(_, known)| known.is_none()).map(|(id, _)| id.to_string()).collect();
    let to = Path::new(env!("CARGO_MANIFEST_DIR")).join("stores");
    fs::create_dir_all(&to).unwrap();
    fs::copy(&path, to.join("format-1.redb")).unwrap();
    let content = json!({ "clients": clients, "removed": removed });
    fs::write(to.join("format-1.json"), format!("{content:#}\n")).unwrap();
}

fn parsed(id: &str) -> ClientId {
    id.parse().unwrap()
}
