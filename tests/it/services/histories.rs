//! Random operations at two nodes at once, on clients that they have in common: each client's history is checked.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rendezvous_crowd::TestRng;
use rendezvous_model::serial::{Operation, Seen, inexplicable};
use rendezvous_model::size::{Size, tell};
use rendezvous_native::shared::SharedStore;
use rendezvous_protocol::lifecycle::Registration;
use rendezvous_protocol::{ClientId, Millis, Pulse, PulseCode, Timing};
use rendezvous_tests::redis::{self, RedisServer};
use rendezvous_tests::timing::exclusive;
use tokio::task::JoinSet;

use super::options;

/// How many clients there are at a time. Few, so that they are fought over.
const CLIENTS: u64 = 96;

/// How many operations are begun together.
const BATCH: usize = 48;

/// After so many batches of a thread others come.
const BATCHES_EACH: usize = 100;

#[derive(Default)]
struct Histories {
    clock: AtomicU64,
    addresses: AtomicU32,
    of_clients: Mutex<HashMap<ClientId, Vec<Operation>>>,
}

#[test]
fn what_clients_see_at_two_nodes_is_explained_by_a_serial_order() {
    if !redis::is_there() {
        return;
    }
    let _exclusive = exclusive();
    let operations = Size::get().pick("operations at two nodes at once", 40_000, 1_000_000, 1_000_000);
    let server = RedisServer::start();
    let nodes = [open(&server.address()), open(&server.address())];
    let histories = Histories::default();
    let rounds = operations / (BATCH * BATCHES_EACH * 4) + 1;
    for round in 0..rounds {
        let ids: Vec<ClientId> =
            (0..CLIENTS).map(|n| rendezvous_crowd::id(round as u64 * CLIENTS + n)).collect();
        thread::scope(|scope| {
            for (seed, node) in nodes.iter().enumerate() {
                let (ids, histories) = (&ids, &histories);
                let rng = move |kind: u64| TestRng::new(round as u64 * 8 + seed as u64 * 2 + kind);
                scope.spawn(move || pulse(node, ids, rng(0), histories));
                scope.spawn(move || request(node, ids, rng(1), histories));
            }
        });
    }
    let of_clients = histories.of_clients.into_inner().unwrap();
    let total: usize = of_clients.values().map(Vec::len).sum();
    let wrong: Vec<_> = of_clients
        .iter()
        .filter_map(|(id, history)| inexplicable(history).map(|found| (*id, found)))
        .collect();
    let [one, other] = nodes.map(|node| node.stats());
    tell(&format!(
        "{total} operations on {} clients at two nodes, {} of them decided again since the other was faster: {} inexplicable",
        of_clients.len(),
        one.conflicts + other.conflicts,
        wrong.len()
    ));
    assert!(wrong.is_empty(), "{:?}", wrong[0]);
    assert!(
        total >= operations && one.conflicts + other.conflicts > 100,
        "{total} operations, {one:?}, {other:?}"
    );
}

fn pulse(node: &SharedStore, ids: &[ClientId], mut rng: TestRng, histories: &Histories) {
    let (mut pulser, mut codes) = (node.pulser(), vec![]);
    for _ in 0..BATCHES_EACH {
        let pulses: Vec<(Pulse, u32)> = some_of(ids, &mut rng)
            .into_iter()
            .map(|id| {
                let address = histories.addresses.fetch_add(1, Ordering::Relaxed);
                (Pulse { id, source: rendezvous_crowd::source(address.into()) }, address)
            })
            .collect();
        let batch: Vec<Pulse> = pulses.iter().map(|(pulse, _)| *pulse).collect();
        let began = histories.moment();
        pulser.pulses(&batch, &mut codes);
        let seen = pulses.iter().zip(&codes).map(|((pulse, address), code)| {
            let accepted = match code.expect("the store answers") {
                PulseCode::OnTime => true,
                PulseCode::NotFound => false,
                PulseCode::Reverify => panic!("late within a day"),
            };
            (pulse.id, Seen::Pulse(*address, accepted))
        });
        histories.note(began, seen);
    }
}

fn request(node: &Arc<SharedStore>, ids: &[ClientId], mut rng: TestRng, histories: &Histories) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for _ in 0..BATCHES_EACH {
        let asked: Vec<_> = some_of(ids, &mut rng).into_iter().map(|id| (id, rng.below(8))).collect();
        let began = histories.moment();
        let seen = runtime.block_on(async {
            let mut waiting = JoinSet::new();
            for (id, what) in asked {
                let node = Arc::clone(node);
                waiting.spawn(async move { (id, ask(&node, id, what).await) });
            }
            waiting.join_all().await
        });
        histories.note(began, seen.into_iter());
    }
}

async fn ask(node: &SharedStore, id: ClientId, what: usize) -> Seen {
    match what {
        0..2 => {
            Seen::Register(node.register(id).await.expect("the store answers").0 == Registration::Registered)
        }
        2 => Seen::Verify(node.verify(id).await.expect("the store answers").0.is_ok()),
        3 => Seen::Logout(node.logout(id).await.expect("the store answers").0.is_ok()),
        _ => {
            let found = node.observe(id).await.expect("the store answers").0.ok();
            Seen::Observe(found.map(|found| found.address.map(number_of)))
        }
    }
}

/// The number that [`rendezvous_crowd::source`] made this address of.
fn number_of(address: SocketAddr) -> u32 {
    let SocketAddr::V4(address) = address else { panic!("{address} was never pulsed from") };
    let [_, b, c, d] = address.ip().octets();
    u32::from_be_bytes([(address.port() & 0xFF) as u8, b, c, d])
}

/// [`BATCH`] of them, some more than once: what one batch does to the same client builds on each other, and once a registration that
/// had been written behind a logout was taken for one that had not, which only this found.
fn some_of(ids: &[ClientId], rng: &mut TestRng) -> Vec<ClientId> {
    (0..BATCH).map(|_| rng.one_of(ids)).collect()
}

impl Histories {
    fn moment(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    fn note(&self, began: u64, seen: impl Iterator<Item = (ClientId, Seen)>) {
        let ended = self.moment();
        let mut of_clients = self.of_clients.lock().unwrap();
        for (id, seen) in seen {
            of_clients.entry(id).or_default().push(Operation { began, ended, seen });
        }
    }
}

fn open(address: &str) -> Arc<SharedStore> {
    let options = options(address, "histories:", 0, Duration::from_secs(20));
    let day = Millis::from_secs(24 * 3600);
    // Liveness plays no part: nobody is late, and no moment of a busy machine is an outage.
    let timing = Timing::new(day, Millis::from_secs(3600), day).unwrap();
    Arc::new(SharedStore::open(options, timing).unwrap())
}
