//! Nodes come and go, and have clocks of their own.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rendezvous_crowd::TestRng;
use rendezvous_model::size::tell;
use rendezvous_protocol::PulseCode;
use rendezvous_tests::conformance::{self, lifecycle};
use rendezvous_tests::local::SHORT_TIMING;
use rendezvous_tests::process::{Process, command};
use rendezvous_tests::redis::{self, RedisServer};
use rendezvous_tests::target::Target;

/// A machine that is busy for a moment is no store that is away.
const PATIENT: &str = "--store-timeout=2s";

/// Debian's `faketime`.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

#[test]
fn the_pulse_after_a_node_was_killed_is_on_time_at_another() {
    if !redis::is_there() {
        return;
    }
    let server = RedisServer::start();
    let store = format!("--store={}", server.address());
    let [one, other] = [(); 2].map(|()| Process::start(&[&store, PATIENT]));
    let clients: Vec<_> = (0..50).map(|_| one.target().register()).collect();
    for client in &clients {
        assert_eq!(client.pulse(), 1020);
    }
    // In the middle of their pulses.
    for client in &clients {
        client.socket.send(client.registration.private_id.reveal()).unwrap();
    }
    one.signal(Signal::SIGKILL);
    for client in &clients {
        let elsewhere = other.target().socket();
        assert_eq!(client.pulse_from(&elsewhere), 1020);
        let found = other.target().call(
            ureq::http::Method::GET,
            &format!("/peer/{}/udp", client.id()),
            &[&client.bearer()],
        );
        assert_eq!(found.socket_address(), elsewhere.local_addr().unwrap());
    }
}

/// Each of three nodes is stopped and started again, one after the other, while clients pulse; one that gets no answer asks another
/// node. (A pulse is lost if it was in the socket of a node that just stopped.)
#[test]
fn nodes_are_restarted_one_by_one_and_no_pulse_fails() {
    if !redis::is_there() {
        return;
    }
    let server = RedisServer::start();
    let store = format!("--store={}", server.address());
    let mut nodes: Vec<_> = (0..3).map(|_| Process::start(&[&store, PATIENT])).collect();
    let addresses: Vec<SocketAddr> = nodes.iter().map(|node| node.target().udp()).collect();
    let keys: Vec<[u8; 32]> = {
        let clients: Vec<_> = (0..200).map(|_| nodes[0].target().register()).collect();
        clients.iter().map(|client| *client.registration.private_id.reveal()).collect()
    };
    let stop = AtomicBool::new(false);
    let (pulses, again) = thread::scope(|scope| {
        let loads: Vec<_> = keys
            .chunks(50)
            .enumerate()
            .map(|(seed, keys)| {
                let (addresses, stop) = (&addresses, &stop);
                scope.spawn(move || pulse_until(stop, keys, addresses, seed as u64))
            })
            .collect();
        for node in &mut nodes {
            thread::sleep(Duration::from_millis(500));
            let ports = node.same_ports();
            node.signal(Signal::SIGTERM);
            assert!(node.wait().success());
            let flags: Vec<&str> = ports.iter().map(String::as_str).chain([&*store, PATIENT]).collect();
            *node = Process::start(&flags);
        }
        thread::sleep(Duration::from_millis(500));
        stop.store(true, Ordering::Relaxed);
        loads.into_iter().map(|load| load.join().unwrap()).fold((0, 0), |(a, b), (c, d)| (a + c, b + d))
    });
    tell(&format!(
        "rolling restart of three nodes: {pulses} pulses, {again} of them sent again, none failed"
    ));
    assert!(
        pulses > 1000 && again > 0,
        "{pulses} pulses, {again} sent again: nothing was restarted under them"
    );
}

/// Pulses in turn, each until it is answered; panics if one is answered wrongly, or not at all.
fn pulse_until(stop: &AtomicBool, keys: &[[u8; 32]], nodes: &[SocketAddr], seed: u64) -> (u64, u64) {
    let (mut rng, mut pulses, mut again) = (TestRng::new(seed), 0, 0);
    while !stop.load(Ordering::Relaxed) {
        for key in keys {
            // One for each, so that no answer is taken for that to another client.
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            let (began, mut reply) = (Instant::now(), [0; 16]);
            loop {
                let _ = socket.send_to(key, rng.one_of(nodes));
                if let Ok(length) = socket.recv(&mut reply) {
                    assert_eq!(PulseCode::decode(&reply[..length]), Some(PulseCode::OnTime));
                    break;
                }
                again += 1;
                assert!(began.elapsed() < Duration::from_secs(5), "a pulse that nobody answers");
            }
            pulses += 1;
            thread::sleep(Duration::from_millis(1));
        }
    }
    (pulses, again)
}

/// The suite's checks of time, on two nodes whose clocks are ten minutes apart, while clients and store have a third time.
#[test]
fn clocks_of_nodes_do_not_matter() {
    if !redis::is_there() {
        return;
    }
    if !Path::new(FAKETIME).exists() {
        assert!(std::env::var_os("RENDEZVOUS_TESTS_NEED_REDIS").is_none(), "faketime is missing");
        tell("left out: there is no faketime to set clocks with");
        return;
    }
    let server = RedisServer::start();
    let nodes = ["+5m", "-5m"].map(|offset| {
        let mut command = command();
        command.env("LD_PRELOAD", FAKETIME).env("FAKETIME", offset).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        command.args(SHORT_TIMING).arg(PATIENT).arg(format!("--store={}", server.address()));
        Process::start_with(command)
    });
    // They really have: the log is stamped by them.
    let stamps = nodes.each_ref().map(|node| node.log()[0]["timestamp"].as_str().unwrap().to_owned());
    assert_ne!(stamps[0][..16], stamps[1][..16], "{stamps:?}");
    let target = Target::spread(&[nodes[0].target(), nodes[1].target()]);
    thread::scope(|scope| {
        for &check in lifecycle::CHECKS {
            let target = &target;
            thread::Builder::new()
                .name(check.0.into())
                .spawn_scoped(scope, move || conformance::run(check, target))
                .unwrap();
        }
    });
    let client = nodes[0].target().register();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    for node in &nodes {
        let answer = node.target().call(ureq::http::Method::POST, "/verify", &[&client.bearer()]);
        answer.assert_ok();
        assert!(
            answer.json["timestamp"].as_u64().unwrap().abs_diff(now) < 60,
            "{answer}: the time is the store's"
        );
    }
}
