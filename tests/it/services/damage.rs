//! Values in the store that no node wrote: whatever they are, nobody gets another's record, and nobody is forgotten.

use rendezvous_crowd::TestRng;
use rendezvous_protocol::{ClientId, PrivateKey, StoredRecord, UnixTime};
use rendezvous_tests::local::LocalServer;
use rendezvous_tests::redis::{self, RedisServer};

use super::key_of;

fn set(store: &mut ::redis::Connection, id: ClientId, value: &[u8]) {
    ::redis::cmd("SET").arg(key_of(id)).arg(value).exec(store).unwrap();
}

#[test]
fn a_value_that_is_no_record_of_its_client_is_refused_and_counted() {
    if !redis::is_there() {
        return;
    }
    let server = RedisServer::start();
    let mut store = ::redis::Client::open(server.address()).unwrap().get_connection().unwrap();
    let node = LocalServer::with(&[&format!("--store={}", server.address())]);
    let (client, other) = (node.target().register(), node.target().register());
    assert_eq!((client.pulse(), other.pulse()), (1020, 1020));
    let good: Vec<u8> = ::redis::cmd("GET").arg(key_of(client.id())).query(&mut store).unwrap();
    let others: Vec<u8> = ::redis::cmd("GET").arg(key_of(other.id())).query(&mut store).unwrap();
    client.socket.set_read_timeout(Some(std::time::Duration::from_millis(2))).unwrap();
    let mut rng = TestRng::new(9);
    let mut values = vec![others, vec![], b"x".to_vec(), vec![0; 4096]];
    for _ in 0..500 {
        // One bit, or more, or its length.
        let mut value = good.clone();
        for _ in 0..=rng.below(3) {
            let at = rng.below(value.len());
            value[at] ^= 1 << rng.below(8);
        }
        if rng.once_in(4) {
            value.truncate(rng.below(value.len()));
        }
        values.push(value);
    }
    // Two flips may undo each other.
    values.retain(|value| *value != good);
    for (number, value) in values.iter().enumerate() {
        set(&mut store, client.id(), value);
        client.verify().assert_problem(503, "unavailable");
        client.socket.send(client.registration.private_id.reveal()).unwrap();
        assert!(client.socket.recv(&mut [0; 16]).is_err(), "no answer to a pulse, for {value:?}");
        other.address_of(client.id()).assert_problem(503, "unavailable");
        // The pulse may be waited for by no one, and still be on its way.
        assert!(node.node().stats().shared.unwrap().damaged > number as u64 * 2);
    }
    // A value of another kind: the server of the store refuses the command.
    ::redis::cmd("DEL").arg(key_of(client.id())).exec(&mut store).unwrap();
    ::redis::cmd("LPUSH").arg(key_of(client.id())).arg("x").exec(&mut store).unwrap();
    client.verify().assert_problem(503, "unavailable");
    // Others are none the worse, and nor is this one once its record is back.
    assert_eq!(other.pulse(), 1020);
    ::redis::cmd("DEL").arg(key_of(client.id())).exec(&mut store).unwrap();
    set(&mut store, client.id(), &good);
    client.socket.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
    while client.pulse() != 1020 {}
    assert_eq!(other.socket_address_of(client.id()), client.socket.local_addr().unwrap());
}

/// A record from the store's future, as a clock that was set back makes them, counts as of just now.
#[test]
fn a_record_from_the_future_is_one_of_just_now() {
    if !redis::is_there() {
        return;
    }
    let server = RedisServer::start();
    let mut store = ::redis::Client::open(server.address()).unwrap().get_connection().unwrap();
    let node = LocalServer::with(&[&format!("--store={}", server.address())]);
    let asker = node.target().register();
    let id = ClientId::of(&PrivateKey::from_bytes([7; 32]));
    let later = UnixTime::from_millis(9_000_000_000_000);
    let record = StoredRecord {
        address: Some(([192, 0, 2, 1], 5).into()),
        last_seen: Some(later),
        last_pulse: Some(later),
    };
    set(&mut store, id, record.encode(id).as_bytes());
    let answer = asker.status_of(id);
    assert_eq!(
        (answer.json["status"].as_str(), answer.json["last_online"].as_u64()),
        (Some("ONLINE"), Some(0))
    );
}
