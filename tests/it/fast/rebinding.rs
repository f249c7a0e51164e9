//! NATs that give all their clients other ports at once.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rendezvous_model::size::tell;
use rendezvous_native::store::Pace;
use rendezvous_protocol::{Pulse, PulseCode};
use rendezvous_tests::disk::SimulatedDisk;
use rendezvous_tests::timing::eventually;

use crate::stored::{look_up, open, open_image};

const CLIENTS: usize = 100_000;

/// A sync for each of them would hold up everybody who registers; so they are written all together.
#[test]
fn a_hundred_thousand_clients_that_change_ports_at_once_cost_a_few_syncs_and_no_answer() {
    let disk = SimulatedDisk::default();
    let node = open(&disk, Pace::default()).unwrap();
    let mut ids = vec![];
    while ids.len() < CLIENTS {
        // Not more at once than may wait for the disk.
        let waiting: Vec<_> = (0..1000).map(|_| node.register().unwrap()).collect();
        ids.extend(waiting.into_iter().map(|answer| answer.wait().unwrap().client_id));
    }
    let mut codes = vec![];
    let begun = Instant::now();
    let before = node.stats().store;
    for port in [1000, 2000] {
        for (n, batch) in ids.chunks(64).enumerate() {
            let pulses: Vec<_> = (batch.iter().enumerate())
                .map(|(k, &id)| Pulse { id, source: address(n * 64 + k, port) })
                .collect();
            node.pulses(&pulses, &mut codes);
            assert!(codes.iter().all(|&code| code == PulseCode::OnTime), "{codes:?}");
        }
        for (n, &id) in ids.iter().enumerate() {
            assert_eq!(look_up(&node, id), Some(Some(address(n, port))));
        }
    }
    eventually(Duration::from_secs(60), "all changes written", || node.stats().store.waiting_changes == 0);
    let took = begun.elapsed();
    node.close().unwrap();
    let syncs = node.stats().store.syncs - before.syncs;
    tell(&format!("{CLIENTS} clients moved twice within {took:?}: {syncs} syncs"));
    // Some thousands in one go, and not more often than twice a second.
    let bound = CLIENTS as f64 / 1000.0 + 4.0 * (2.0 * took.as_secs_f64() + 2.0);
    assert!(syncs > 0 && syncs as f64 <= bound, "{syncs} syncs in {took:?}");
    let stored = open_image(disk.content()).unwrap();
    for (n, &id) in ids.iter().enumerate() {
        assert_eq!(look_up(&stored, id), Some(Some(address(n, 2000))));
    }
}

fn address(n: usize, port: u16) -> SocketAddr {
    ([10, (n >> 16) as u8, (n >> 8) as u8, n as u8], port).into()
}
