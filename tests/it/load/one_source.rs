//! A flood from one address, and errors that come back from the network.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use nix::sys::socket::{setsockopt, sockopt};
use rendezvous_crowd::TestRng;
use rendezvous_model::size::Size;
use rendezvous_tests::fleet::SetOnDrop;
use rendezvous_tests::process::Process;
use rendezvous_tests::timing::exclusive;

use crate::peers::{Pulses, drops_in_the_end, register, udp};

const FLOODER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);
const BESIDE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 10);

/// Unknown keys in a second.
const PER_SECOND: u64 = 100_000;

/// Sent at once, before looking at the clock.
const PORTION: u64 = 100;

/// What the defaults allow.
const BURST: u64 = 1000;
const RATE: u64 = 100;

#[test]
fn answers_to_unknown_keys_from_one_source_are_capped() {
    let seconds: u64 = Size::get().pick("seconds of 100,000 unknown keys each from one source", 1, 3, 10);
    let _exclusive = exclusive();
    let process = Process::start(&["--no-limits=false"]);
    let server = process.target().udp();
    let keys = [FLOODER, BESIDE].map(|from| (from, register(from, process.http()[0])));
    let flooder = udp(FLOODER, server);
    // So that none of a burst of answers is lost here, if this machine allows it.
    let _ = setsockopt(&flooder, sockopt::RcvBufForce, &(4 << 20));
    let ended = AtomicBool::new(false);
    let answers = AtomicU64::new(0);
    let (sent, took, pulses) = scope(|scope| {
        let _ends = SetOnDrop(&ended);
        let good: Vec<_> = keys
            .iter()
            .map(|(from, key)| {
                let ended = &ended;
                scope.spawn(move || {
                    let (socket, mut pulses) = (udp(*from, server), Pulses::default());
                    while !ended.load(Ordering::Relaxed) {
                        pulses.pulse(&socket, key);
                        sleep(Duration::from_millis(5));
                    }
                    pulses
                })
            })
            .collect();
        let start = Instant::now();
        let listener = scope.spawn(|| count_answers(&flooder, &ended, &answers));
        let sent = flood(&flooder, seconds * PER_SECOND);
        let took = start.elapsed();
        // What is on its way.
        sleep(Duration::from_millis(500));
        ended.store(true, Ordering::Relaxed);
        listener.join().unwrap();
        let pulses: Vec<Pulses> = good.into_iter().map(|good| good.join().unwrap()).collect();
        (sent, took, pulses)
    });
    let wrong = answers_to_wrong_lengths(&udp(FLOODER, server));
    let drops = drops_in_the_end(process);
    let answers = answers.into_inner();
    let repeated: u64 = pulses.iter().map(|pulses| pulses.repeated).sum();
    let answered: Vec<u64> = pulses.iter().map(|pulses| pulses.answered).collect();
    println!(
        "{sent} unknown keys from one source in {:.1} s: {answers} answers; of good clients, at the same source and beside it, \
         {answered:?} pulses were answered 1020, {repeated} repeated; the kernel dropped {drops} datagrams; {wrong} answers to wrong \
         lengths",
        took.as_secs_f64()
    );
    let most = BURST + RATE * (took.as_secs() + 2);
    assert!((BURST..=most).contains(&answers), "{answers} answers instead of {BURST} to {most}");
    assert_eq!(wrong, 0);
    assert!(repeated <= drops, "{repeated} pulses were lost, but the kernel dropped {drops}");
    assert!(answered.iter().all(|&answered| answered >= 20 * seconds), "{answered:?}");
}

/// ICMP says that nobody listens where an answer went. That is no reason to stop listening.
#[test]
fn errors_from_the_network_never_stop_the_udp_side() {
    let process = Process::start(&[]);
    let target = process.target();
    let client = target.register();
    for _ in 0..1000 {
        // Closed before the answer comes.
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&[7; 32], target.udp()).unwrap();
    }
    for _ in 0..100 {
        assert_eq!(client.pulse(), 1020);
    }
    let log = format!("{:?}", process.log());
    assert!(!log.contains("cannot be received"), "{log}");
}

/// Sends unknown keys at an even pace, as far as this machine keeps up. Returns how many.
fn flood(socket: &UdpSocket, count: u64) -> u64 {
    let start = Instant::now();
    let mut rng = TestRng::new(1);
    let mut key = [0; 32];
    for sent in 0..count {
        if sent.is_multiple_of(PORTION) {
            let due = start + Duration::from_secs(1).mul_f64(sent as f64 / PER_SECOND as f64);
            sleep(due.saturating_duration_since(Instant::now()));
        }
        key[..8].copy_from_slice(&rng.number().to_ne_bytes());
        key[8..16].copy_from_slice(&rng.number().to_ne_bytes());
        while let Err(error) = socket.send(&key) {
            assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
        }
    }
    count
}

fn count_answers(socket: &UdpSocket, ended: &AtomicBool, answers: &AtomicU64) {
    let mut reply = [0; 64];
    while !ended.load(Ordering::Relaxed) {
        if socket.recv(&mut reply).is_ok() {
            answers.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// From a source that has used up its answers: of any other reason for silence this test knows nothing. So a second one, too.
fn answers_to_wrong_lengths(used_up: &UdpSocket) -> u64 {
    let fresh = udp(Ipv4Addr::new(127, 0, 0, 11), used_up.peer_addr().unwrap());
    let mut answers = 0;
    for socket in [used_up, &fresh] {
        for length in (0..64).filter(|&length| length != 32).cycle().take(5000) {
            socket.send(&[5; 64][..length]).unwrap();
        }
        while socket.recv(&mut [0; 64]).is_ok() {
            answers += 1;
        }
    }
    answers
}
