//! The node under a clock that the tests turn.

use std::cell::Cell;
use std::convert::Infallible;
use std::iter::repeat_n;
use std::net::SocketAddr;

use rendezvous_protocol::{Instant, Timing, UnixTime};

use super::*;
use crate::settings::from_args;

mod durable;

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(1_000_000) };
    static READS: Cell<usize> = const { Cell::new(0) };
}

#[test]
fn a_key_whose_id_is_taken_is_drawn_again() {
    let node = node();
    let first = node.register_with(draws([1])).unwrap().wait().unwrap();
    let second = node.register_with(draws([1, 1, 2])).unwrap().wait().unwrap();
    assert_ne!(first.client_id, second.client_id);
    assert_eq!(second.client_id, ClientId::of(&PrivateKey::from_bytes([2; 32])));
    assert_eq!((node.stats().records, node.stats().counters.taken), (2, 2));
}

#[test]
fn a_generator_that_repeats_itself_or_fails_makes_the_server_unavailable() {
    let node = node();
    node.register_with(draws([1])).unwrap().wait().unwrap();
    assert_eq!(node.register_with(draws(repeat_n(1, DRAWS))).unwrap_err(), Rejection::Unavailable);
    assert_eq!(node.register_with(|| Err("no entropy")).unwrap_err(), Rejection::Unavailable);
    assert_eq!(node.stats().records, 1);
}

#[test]
fn clients_spread_over_the_shards() {
    let node = node();
    for _ in 0..Shards::COUNT * 20 {
        register(&node);
    }
    let fullest = node.shards.each().map(|server| server.records()).max().unwrap();
    assert!((20..100).contains(&fullest), "{fullest} in the fullest shard");
}

#[test]
fn every_pulse_of_a_batch_gets_its_own_answer() {
    let node = node();
    let source = |n: usize| ([192, 0, 2, 7], 4000 + n as u16).into();
    // Some known, some not, one twice; more than are handled at a time.
    let ids: Vec<_> = (0..Server::BATCH * 3 / 2)
        .map(|n| match n % 3 {
            0 => ClientId::from_bytes([n as u8; 16]),
            _ => register(&node),
        })
        .collect();
    let mut pulses: Vec<_> = ids.iter().enumerate().map(|(n, &id)| Pulse { id, source: source(n) }).collect();
    pulses.push(Pulse { id: ids[1], source: source(9999) });
    // One that moves twice within the same batch: the order counts.
    pulses.extend([8001, 8002].map(|n| Pulse { id: ids[2], source: source(n) }));
    let mut codes = vec![PulseCode::Reverify; 7];
    node.pulses(&pulses, &mut codes);
    let expected = |n: usize| if n.is_multiple_of(3) { PulseCode::NotFound } else { PulseCode::OnTime };
    assert_eq!(codes, (0..ids.len()).map(expected).chain([PulseCode::OnTime; 3]).collect::<Vec<_>>());
    let counters = node.stats().counters;
    assert_eq!((counters.pulses_on_time, counters.pulses_unknown), (67, 32));
    assert_eq!(counters.moved, 67, "those that pulsed again did so from other addresses");
    for (client, last) in [(1, 9999), (2, 8002)] {
        let Ok(Response::PeerAddress { address, .. }) = node.peer_address(ids[client], Some(ids[client]))
        else {
            panic!("a live client")
        };
        assert_eq!(address, source(last));
    }
    node.pulses(&[], &mut codes);
    assert_eq!(codes, []);
}

#[test]
fn an_absence_is_known_to_every_shard_before_anything_is_handled() {
    let node = node();
    let clients: Vec<_> = (0..Shards::COUNT * 4).map(|_| register(&node)).collect();
    pass(2 * gone_after());
    for &client in &clients {
        assert_eq!(pulse(&node, client, ([192, 0, 2, 7], 4000).into()), PulseCode::OnTime);
    }
    node.tick(|| true);
    assert_eq!(node.stats().records, clients.len());
}

#[test]
fn a_node_that_runs_has_no_absence() {
    let node = node();
    let client = register(&node);
    for _ in 0..gone_after() / 100 - 1 {
        pass(100);
        node.tick(|| true);
    }
    assert_eq!(pulse(&node, client, ([192, 0, 2, 7], 4000).into()), PulseCode::Reverify);
    pass(100);
    assert_eq!(pulse(&node, client, ([192, 0, 2, 7], 4000).into()), PulseCode::NotFound);
    node.tick(|| true);
    assert_eq!(node.stats().records, 0);
}

/// A tick that read the clock once would, while it forgets a million clients, look like a process that does not run,
/// and give everybody else more time.
#[test]
fn regression_a_long_tick_shows_that_it_runs() {
    const CLIENTS: usize = Shards::COUNT * TICK_BUDGET * 3;
    let node = node_of_gone(CLIENTS);
    READS.set(0);
    node.tick(|| true);
    assert_eq!(node.stats().records, 0);
    assert!(READS.get() >= CLIENTS / TICK_BUDGET, "{} times for {CLIENTS} clients", READS.get());
}

/// A server that forgets ten million clients is not to be waited for when it is told to stop.
#[test]
fn regression_a_long_tick_can_be_ended() {
    // Twice as many in each shard as the first one is to lose: they are not all the same size.
    const CLIENTS: usize = Shards::COUNT * TICK_BUDGET * 6;
    let node = node_of_gone(CLIENTS);
    let asked = Cell::new(0);
    node.tick(|| {
        asked.set(asked.get() + 1);
        asked.get() < 3
    });
    assert_eq!((node.stats().records, asked.get()), (CLIENTS - 3 * TICK_BUDGET, 3));
}

#[test]
fn calls_that_take_several_locks_get_along() {
    let node = node();
    let clients: Vec<_> = (0..200).map(|_| register(&node)).collect();
    let pulses: Vec<_> =
        clients.iter().map(|&id| Pulse { id, source: ([192, 0, 2, 7], 4000).into() }).collect();
    let turns = |what: &(dyn Fn(usize) + Sync)| (0..2000).for_each(what);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| turns(&|n| node.pulses(&pulses[n % 100..n % 100 + 64], &mut vec![])));
            scope.spawn(|| {
                turns(&|n| {
                    let (one, other) = (clients[n % 200], clients[n * 7 % 200]);
                    assert!(node.peer_status(one, Some(other)).is_ok());
                    assert!(node.peer_status(other, Some(one)).is_ok());
                });
            });
        }
        scope.spawn(|| {
            turns(&|_| {
                register(&node);
            });
        });
        scope.spawn(|| turns(&|_| node.tick(|| true)));
    });
    assert_eq!(node.stats().records, 2200);
}

#[test]
fn a_node_that_nobody_ticks_for_five_seconds_counts_as_stuck_until_somebody_does() {
    let node = node();
    pass(4999);
    assert!(node.is_alive());
    pass(1);
    assert!(!node.is_alive());
    // Pulses are no sign of housekeeping.
    pulse(&node, ClientId::from_bytes([1; 16]), ([192, 0, 2, 7], 4000).into());
    assert!(!node.is_alive());
    node.tick(|| true);
    assert!(node.is_alive());
}

#[test]
fn looking_at_the_figures_does_not_hide_an_absence() {
    let node = node();
    let id = register(&node);
    pass(gone_after());
    assert_eq!((node.stats().records, node.stats().online), (1, 0));
    assert_eq!(pulse(&node, id, ([192, 0, 2, 7], 4000).into()), PulseCode::OnTime, "the process did not run");
    assert_eq!(node.stats().online, 1);
}

/// A node that ran all the time while so many clients went silent, and has not forgotten any of them yet.
fn node_of_gone(clients: usize) -> Node {
    let node = node();
    for _ in 0..clients {
        register(&node);
    }
    for _ in 0..gone_after() / 1000 {
        pass(1000);
        node.clock();
    }
    node
}

fn node() -> Node {
    let Ok(settings) = from_args(["rendezvous", "--store=memory:"]) else { panic!("valid settings") };
    Node::with(None, &settings, 5024, || {
        READS.set(READS.get() + 1);
        Clock { now: Instant::from_millis(NOW.get()), unix: UnixTime::from_millis(0) }
    })
    .unwrap()
}

fn register(node: &Node) -> ClientId {
    node.register().unwrap().wait().unwrap().client_id
}

fn pulse(node: &Node, id: ClientId, source: SocketAddr) -> PulseCode {
    let mut codes = vec![];
    node.pulses(&[Pulse { id, source }], &mut codes);
    codes[0]
}

fn pass(millis: u64) {
    NOW.set(NOW.get() + millis);
}

/// In milliseconds, with the default timing.
fn gone_after() -> u64 {
    Timing::default().gone_after().0
}

/// Keys whose bytes are all the same, one after the other.
fn draws(bytes: impl IntoIterator<Item = u8>) -> impl FnMut() -> Result<PrivateKey, Infallible> {
    let mut bytes = bytes.into_iter();
    move || Ok(PrivateKey::from_bytes([bytes.next().unwrap(); 32]))
}
