//! The store is away, or slow, for longer than interval and error time together; then it is back.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rendezvous_protocol::PulseCode;
use rendezvous_tests::local::SHORT_TIMING;
use rendezvous_tests::process::Process;
use rendezvous_tests::redis::{self, RedisServer};
use rendezvous_tests::slow::SlowProxy;
use rendezvous_tests::target::Client;
use rendezvous_tests::timing::eventually;
use ureq::http::Method;

/// Twice what a client may be silent for with [`SHORT_TIMING`].
const AWAY: Duration = Duration::from_millis(2800);

/// What a request may take while the store is away: its timeout, and a slow machine.
const PATIENCE: Duration = Duration::from_secs(2);

#[test]
fn a_store_that_is_stopped_costs_nobody_anything_but_time() {
    if !redis::is_there() {
        return;
    }
    let server = RedisServer::start();
    let node = node(&server.address());
    away_and_back(&node, || server.signal(Signal::SIGSTOP), || server.signal(Signal::SIGCONT));
    let missing = node.operator().metrics()["rendezvous_store_missing_markers_total"];
    assert_eq!(missing, 256.0, "those of the empty store at the start");
}

#[test]
fn a_store_that_takes_a_second_for_each_call_counts_as_away() {
    if !redis::is_there() {
        return;
    }
    let server = RedisServer::start();
    let proxy = SlowProxy::to(server.port());
    let node = node(&format!("redis://{}", proxy.address()));
    away_and_back(&node, || proxy.delay(Duration::from_secs(1)), || proxy.delay(Duration::ZERO));
}

#[test]
fn a_store_that_is_killed_and_comes_back_from_its_file_has_everybody() {
    if !redis::is_there() {
        return;
    }
    let server = std::cell::RefCell::new(RedisServer::durable());
    let node = node(&server.borrow().address());
    away_and_back(&node, || server.borrow_mut().kill(), || server.borrow_mut().start_again());
}

/// It takes nothing in any more, not even a pulse: as if it were away.
#[test]
fn a_store_that_is_full_costs_nobody_anything_but_time() {
    if !redis::is_there() {
        return;
    }
    let server = RedisServer::start();
    let node = node(&server.address());
    let limit = |bytes| assert!(server.cli(&["CONFIG", "SET", "maxmemory", bytes]).contains("OK"));
    away_and_back(&node, || limit("1"), || limit("0"));
    assert!(format!("{:?}", node.log()).contains("OOM"), "{:?}", node.log());
}

/// As the old primary is after a failover that its name has not followed yet.
#[test]
fn a_store_that_takes_no_writes_costs_nobody_anything_but_time() {
    if !redis::is_there() {
        return;
    }
    let server = RedisServer::start();
    let node = node(&server.address());
    let replica_of = |of: [&str; 2]| assert!(server.cli(&["REPLICAOF", of[0], of[1]]).contains("OK"));
    away_and_back(&node, || replica_of(["127.0.0.1", "1"]), || replica_of(["NO", "ONE"]));
    assert!(format!("{:?}", node.log()).to_uppercase().contains("READONLY"), "{:?}", node.log());
}

/// Whoever is gone then is really gone, and it does not happen silently.
#[test]
fn a_store_that_comes_back_empty_is_told_of() {
    if !redis::is_there() {
        return;
    }
    let mut server = RedisServer::start();
    let node = node(&server.address());
    let client = node.target().register();
    assert_eq!(client.pulse(), 1020);
    let missing = || node.operator().metrics()["rendezvous_store_missing_markers_total"];
    assert_eq!(missing(), 256.0);
    server.kill();
    server.start_again();
    let codes = codes_until(&client, |code| code == PulseCode::NotFound);
    assert!(codes.iter().all(|code| *code == PulseCode::NotFound), "{codes:?}");
    client.verify().assert_problem(401, "unknown_client");
    // An answer does not wait for the next look at the markers.
    eventually(PATIENCE, "new markers", || missing() >= 512.0);
    assert_eq!(missing(), 512.0);
    let told = node.log().iter().filter(|line| line.to_string().contains("or was emptied")).count();
    assert_eq!(told, 2, "{:?}", node.log());
    assert_eq!(node.target().register().pulse(), 1020);
}

/// One that pulses and one that does not: neither is gone because of the outage.
fn away_and_back(node: &Process, goes: impl FnOnce(), comes: impl FnOnce()) {
    let (admin, target) = (node.operator(), node.target());
    let (client, silent) = (target.register(), target.register());
    assert_eq!((client.pulse(), silent.pulse()), (1020, 1020));
    let before = node.resident_bytes();
    goes();
    let began = Instant::now();
    client.socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    let mut requests = 0;
    while began.elapsed() < AWAY {
        for _ in 0..20 {
            client.socket.send(client.registration.private_id.reveal()).unwrap();
        }
        let asked = Instant::now();
        let answer = client.verify();
        answer.assert_problem(503, "unavailable");
        assert!(answer.header("retry-after").is_some(), "{answer}");
        assert!(asked.elapsed() < PATIENCE, "{:?} for a refusal", asked.elapsed());
        requests += 1;
    }
    assert!(requests > 10, "only {requests} requests in {AWAY:?}");
    assert!(client.socket.recv(&mut [0; 16]).is_err(), "silence over UDP");
    admin.call(Method::GET, "/readyz", &[]).assert_problem(503, "store_away");
    assert_eq!(admin.call(Method::GET, "/livez", &[]).status, 200);
    let grown = node.resident_bytes().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes more in {requests} requests and 20 times as many pulses");
    comes();
    let codes = codes_until(&client, |code| code == PulseCode::OnTime);
    assert!(codes.iter().all(|code| *code == PulseCode::OnTime), "{codes:?}");
    let answer = client.status_of(silent.id());
    answer.assert_ok();
    silent.verify().assert_ok();
    let is_ready = || admin.call(Method::GET, "/readyz", &[]).status == 200;
    eventually(Duration::from_secs(10), "a ready node", is_ready);
    let metrics = admin.metrics();
    assert!(metrics["rendezvous_store_outages_total"] > 0.0, "{metrics:?}");
    assert_eq!(metrics["rendezvous_pulses_total{answer=\"unknown\"}"], 0.0);
    assert_eq!(metrics["rendezvous_pulses_total{answer=\"late\"}"], 0.0);
}

fn node(store: &str) -> Process {
    Process::start(&[&SHORT_TIMING[..], &[&format!("--store={store}")]].concat())
}

/// Pulses until one is answered so, and returns all answers. Those of pulses that had to wait may come, too.
fn codes_until(client: &Client<'_>, done: impl Fn(PulseCode) -> bool) -> Vec<PulseCode> {
    client.socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let (began, mut codes, mut reply) = (Instant::now(), vec![], [0; 16]);
    while began.elapsed() < Duration::from_secs(15) {
        client.socket.send(client.registration.private_id.reveal()).unwrap();
        if let Ok(length) = client.socket.recv(&mut reply) {
            let code = PulseCode::decode(&reply[..length]).unwrap();
            codes.push(code);
            if done(code) {
                client.socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                return codes;
            }
        }
    }
    panic!("no such answer after {:?}: {codes:?}", began.elapsed());
}
