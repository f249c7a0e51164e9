//! The store itself, as a library, against real servers.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use rendezvous_native::settings::DEFAULT_STORE_PREFIX;
use rendezvous_native::shared::SharedStore;
use rendezvous_protocol::lifecycle::{Registration, Status, Unknown};
use rendezvous_protocol::{ClientId, Millis, Pulse, PulseCode, Timing};
use rendezvous_tests::redis::{self, RedisCluster, RedisServer};

use super::{key_of, options};

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(2);

fn open(address: &str, replicas: u32) -> SharedStore {
    // With a long grace a machine that is busy for some seconds is no outage.
    let timing = Timing::new(Millis::from_secs(30), Millis::from_secs(20), Millis::from_secs(180)).unwrap();
    SharedStore::open(options(address, "test:", replicas, PATIENCE), timing)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn id(number: u8) -> ClientId {
    let mut bytes = [number; 16];
    bytes[0] = number.wrapping_mul(37);
    ClientId::from_bytes(bytes)
}

fn source(port: u16) -> SocketAddr {
    ([192, 0, 2, 7], port).into()
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// What happens to clients at one node is so at the other.
fn clients_are_seen_from_both(one: &SharedStore, other: &SharedStore) {
    let numbers = 1..=100_u8;
    for number in numbers.clone() {
        assert_eq!(wait(one.register(id(number))).unwrap().0, Registration::Registered);
        assert_eq!(wait(other.register(id(number))).unwrap().0, Registration::Taken);
    }
    let pulses: Vec<_> =
        numbers.clone().map(|number| Pulse { id: id(number), source: source(number.into()) }).collect();
    let mut codes = vec![];
    other.pulser().pulses(&pulses, &mut codes);
    assert!(codes.iter().all(|code| *code == Some(PulseCode::OnTime)) && codes.len() == 100, "{codes:?}");
    for number in numbers {
        let seen = wait(one.observe(id(number))).unwrap().0.unwrap();
        assert_eq!((seen.address, seen.status), (Some(source(number.into())), Status::Online));
        assert_eq!(wait(one.verify(id(number))).unwrap().0, Ok(()));
        assert_eq!(wait(other.logout(id(number))).unwrap().0, Ok(()));
        assert_eq!(wait(one.logout(id(number))).unwrap().0, Err(Unknown));
    }
    one.pulser().pulses(&pulses, &mut codes);
    assert!(codes.iter().all(|code| *code == Some(PulseCode::NotFound)), "{codes:?}");
    assert!(one.is_ready() && other.is_ready());
    for stats in [one.stats(), other.stats()] {
        assert_eq!((stats.failures, stats.damaged, stats.outages), (0, 0, 0), "{stats:?}");
    }
}

#[test]
fn two_nodes_share_their_clients() {
    if !redis::is_there() {
        return;
    }
    let server = RedisServer::start();
    clients_are_seen_from_both(&open(&server.address(), 0), &open(&server.address(), 0));
    // Each client's key is gone, and each partition's marker is there.
    assert_eq!(server.cli(&["DBSIZE"]).trim(), "256");
}

#[test]
fn two_nodes_share_their_clients_in_a_cluster_and_replicas_have_them() {
    if !redis::is_there() {
        return;
    }
    let cluster = RedisCluster::start();
    clients_are_seen_from_both(&open(&cluster.address(), 1), &open(&cluster.address(), 1));
}

/// Of pulses and logouts of one client at the same time, none is answered as if another had not happened.
#[test]
fn a_logout_is_not_undone_by_pulses_at_another_node() {
    if !redis::is_there() {
        return;
    }
    let server = RedisServer::start();
    let (one, other) = (open(&server.address(), 0), open(&server.address(), 0));
    for round in 0..100_u8 {
        assert_eq!(wait(one.register(id(round))).unwrap().0, Registration::Registered);
        let pulses = [Pulse { id: id(round), source: source(1) }; 8];
        let after = thread::scope(|scope| {
            let pulsing = scope.spawn(|| {
                let (mut pulser, mut codes, mut all) = (other.pulser(), vec![], vec![]);
                for _ in 0..10 {
                    pulser.pulses(&pulses, &mut codes);
                    all.extend_from_slice(&codes);
                }
                all
            });
            assert_eq!(wait(one.logout(id(round))).unwrap().0, Ok(()));
            pulsing.join().unwrap()
        });
        let gone = after.iter().position(|code| *code == Some(PulseCode::NotFound)).unwrap_or(after.len());
        let (before, after) = after.split_at(gone);
        assert!(before.iter().all(|code| *code == Some(PulseCode::OnTime)), "{before:?}");
        assert!(after.iter().all(|code| *code == Some(PulseCode::NotFound)), "{after:?}");
        assert_eq!(wait(other.observe(id(round))).unwrap().0, Err(Unknown));
    }
}

/// One client floods a batch, or asks for many things at once: it costs the store no more than others, and its latest address counts.
#[test]
fn many_pulses_and_requests_of_one_client_at_once_are_all_answered() {
    if !redis::is_there() {
        return;
    }
    let server = RedisServer::start();
    let store = open(&server.address(), 0);
    assert_eq!(wait(store.register(id(1))).unwrap().0, Registration::Registered);
    let pulses: Vec<_> = (1..=64).map(|port| Pulse { id: id(1), source: source(port) }).collect();
    let (mut pulser, mut codes) = (store.pulser(), vec![]);
    pulser.pulses(&pulses, &mut codes);
    assert!(codes.iter().all(|code| *code == Some(PulseCode::OnTime)) && codes.len() == 64, "{codes:?}");
    assert_eq!(wait(store.observe(id(1))).unwrap().0.unwrap().address, Some(source(64)));
    assert_eq!(store.stats().conflicts, 0, "they do not overtake each other");
    let store = std::sync::Arc::new(store);
    let answers = wait(async {
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..64 {
            let store = std::sync::Arc::clone(&store);
            waiting.spawn(async move { store.verify(id(1)).await.map(|(answer, _)| answer) });
        }
        waiting.join_all().await
    });
    assert!(answers.iter().all(|answer| *answer == Ok(Ok(()))), "{answers:?}");
}

/// With an IPv6 address, which is the longest.
#[test]
fn a_client_takes_at_most_200_bytes_of_the_store() {
    if !redis::is_there() {
        return;
    }
    let server = RedisServer::start();
    let options = options(&server.address(), DEFAULT_STORE_PREFIX, 0, PATIENCE);
    let store = SharedStore::open(options, Timing::default()).unwrap();
    assert_eq!(wait(store.register(id(1))).unwrap().0, Registration::Registered);
    let source = "[2001:db8:1:2:3:4:5:6]:65535".parse().unwrap();
    let mut codes = vec![];
    store.pulser().pulses(&[Pulse { id: id(1), source }], &mut codes);
    assert_eq!(codes, [Some(PulseCode::OnTime)]);
    let mut connection = ::redis::Client::open(server.address()).unwrap().get_connection().unwrap();
    let bytes: u64 = ::redis::cmd("MEMORY").arg("USAGE").arg(key_of(id(1))).query(&mut connection).unwrap();
    assert!((100..=200).contains(&bytes), "{bytes}");
}
